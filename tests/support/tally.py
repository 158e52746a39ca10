"""Adds up what the runners said, for one last line ``N passed, N failed, N skipped`` and an exit status.

Standard library only, and any Python 3.9 on: it runs outside the project's virtual environment, also when making that failed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ALLOWED_SKIPS = Path(__file__).parents[1] / "allowed_skips.txt"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_RAN = re.compile(r"^Ran (\d+) tests? in ")
_VERDICT = re.compile(r"^(PASSED|FAILED)(?: \((.*)\))?$")
_ENVIRONMENT = re.compile(r"^  (\S+): (?:FAIL|SKIP)\b")
_TEST = re.compile(r"^[\w.]+\.test_\w+$")
_GOOD = ("successes", "expectedFailures")
_BAD = ("failures", "errors", "unexpectedSuccesses")


@dataclass
class Tally:
    """Counts over all runners; ``skip_names`` are the tests skipped, ``complaints`` what failed that is no test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    skip_names: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def complain(self, what: str) -> None:
        """Count a failure that no test has reported."""
        self.failed += 1
        self.complaints.append(what)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class _Reader:
    """Reads a log line by line and keeps what its meaning depends on."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.ran: int | None = None
        self._skipping = False
        self._told = 0

    def read(self, line: str) -> None:
        """Take the next line, without its end and colours."""
        if match := _RAN.match(line):
            self.ran = int(match[1])
        elif (match := _VERDICT.match(line)) and self.ran is not None:
            self._add(match[2] or "", self.ran)
            self.ran = None
        elif match := _ENVIRONMENT.match(line):
            self._environment(match[1])
        self._skips(line)

    def _add(self, figures: str, ran: int) -> None:
        """One verdict; a run that counts less than it ran has lost some of its workers."""
        counts = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", figures)}
        failed = sum(counts.get(name, 0) for name in _BAD)
        passed = sum(counts.get(name, 0) for name in _GOOD)
        skipped = counts.get("skips", 0)
        self.tally.passed += passed
        self.tally.failed += failed
        self.tally.skipped += skipped
        self._told += failed
        if passed + failed + skipped < ran:
            self.tally.complain("a test run has counted fewer results than it ran tests")

    def _environment(self, name: str) -> None:
        """An environment of tox that failed counts by itself, unless it did so for failed tests that are counted."""
        if name == "lint" or not self._told:
            self.tally.complain(f"the environment {name} did not pass")

    def _skips(self, line: str) -> None:
        """Trial's list of skipped tests begins with a heading and ends with a ruler."""
        self._skipping = line == "[SKIPPED]" or (self._skipping and not line.startswith(("=====", "-----")))
        if self._skipping and _TEST.match(line):
            self.tally.skip_names.append(line)


def count(lines: Iterable[str]) -> Tally:
    """What a log says: trial's verdicts, and environments of tox that failed without a failed test (lint, installing)."""
    reader = _Reader()
    for line in lines:
        reader.read(_COLOURS.sub("", line.rstrip()))
    if reader.ran is not None:
        reader.tally.complain("a test run ended without its verdict")
    return reader.tally


def read_allowed(text: str) -> dict[str, str]:
    """The tests that may be skipped, each with its reason: ``tests.module.Class.test_name  # reason``."""
    parts = (line.partition("#") for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {name.strip(): reason.strip() for name, _, reason in parts}


def refuse_skips(tally: Tally, allowed: Mapping[str, str]) -> None:
    """Turn every skip into a failure that is not listed with a reason, and those that cannot be named."""
    for name in tally.skip_names:
        if not allowed.get(name):
            tally.complain(f"{name} was skipped; it is not listed with a reason in {ALLOWED_SKIPS.name}")
    if len(tally.skip_names) < tally.skipped:
        tally.complain(f"{tally.skipped - len(tally.skip_names)} skipped tests could not be named")


def settle(tally: Tally, status: int) -> int:
    """The exit status: 0 only if something passed, nothing failed, and the command itself was content."""
    if status and not tally.failed:
        tally.complain(f"the command ended with status {status}")
    if not tally.passed and not tally.failed:
        tally.complain("no test ran")
    return 1 if tally.failed else 0


def main(arguments: list[str]) -> int:
    """Count a log file; prints complaints and, as the last line, the counts."""
    parser = argparse.ArgumentParser(description="Count the tests in a log.")
    parser.add_argument("log", type=Path)
    parser.add_argument("--status", type=int, default=0, help="how the command that wrote the log ended")
    chosen = parser.parse_args(arguments)
    with chosen.log.open(encoding="utf-8", errors="replace") as lines:
        tally = count(lines)
    if os.environ.get("CI") == "true":
        refuse_skips(tally, read_allowed(ALLOWED_SKIPS.read_text(encoding="utf-8")))
    status = settle(tally, chosen.status)
    sys.stdout.write("".join(f"{complaint}\n" for complaint in tally.complaints) + f"{tally}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
