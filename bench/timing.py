"""Measuring side by side: variants take turns in small rounds, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from statistics import median


def side_by_side(
    variants: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.thread_time
) -> dict[str, float]:
    """The median seconds of each variant over ``rounds`` turns, one turn unmeasured before; CPU time of this thread."""
    spent: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, run in variants.items():
            start = clock()
            run()
            if turn:
                spent[name].append(clock() - start)
    return {name: median(values) for name, values in spent.items()}


def say(line: str) -> None:
    """Print one line."""
    sys.stdout.write(line + "\n")


def verdict(name: str, figure: float, goal: float, at_least: bool = True) -> None:
    """Print a figure beside its goal."""
    met = figure >= goal if at_least else figure <= goal
    sign = "≥" if at_least else "≤"
    say(f"{name}: {figure:.3f} (goal {sign} {goal}) {'met' if met else 'NOT MET'}")
