"""What the benches of the whole relay share: figures beside their goals, quantiles, and one way to read the command line."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

Clock = Callable[[], float]


def is_quick(documentation: str | None) -> bool:
    """Whether ``--quick`` was given; ``--help`` shows the first line of the module's docstring."""
    parser = argparse.ArgumentParser(description=(documentation or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a rough answer in a few seconds")
    return bool(parser.parse_args().quick)


def ratios(subject: Callable[[], float], reference: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Median figures of two things measured in turn, so that what disturbs the machine disturbs both; one turn is thrown away."""
    pairs = [(subject(), reference()) for _ in range(rounds + 1)][1:]
    return median(each for each, _ in pairs), median(each for _, each in pairs)


def spent(run: Callable[[], object], clock: Clock) -> float:
    """Seconds that one call takes by this clock."""
    start = clock()
    run()
    return clock() - start


def quantile(figures: Sequence[float], part: float) -> float:
    """The smallest figure that this part of all figures does not exceed."""
    return sorted(figures)[max(0, math.ceil(part * len(figures)) - 1)]


def say(line: str) -> None:
    """Print one line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Report:
    """The goals of one bench: each is told when it is known, and all together at the end."""

    def __init__(self) -> None:
        self._missed: list[str] = []
        self._count = 0

    def goal(self, name: str, value: str, ratio: float, goal: float, at_least: bool = False) -> None:
        """Print a value with its ratio to the reference beside the goal of that ratio."""
        met = ratio >= goal if at_least else ratio <= goal
        self._count += 1
        if not met:
            self._missed.append(name)
        sign = "≥" if at_least else "≤"
        say(f"{'PASS' if met else 'MISS'} {name}: {value} (ratio {ratio:.3f}, goal {sign} {goal:g})")

    def end(self) -> None:
        """Print the sum of it; the process ends with 1 if a goal was missed."""
        if self._missed:
            say(f"MISS: {len(self._missed)} of {self._count} goals: {', '.join(self._missed)}")
            raise SystemExit(1)
        say(f"PASS: {self._count} of {self._count} goals")
