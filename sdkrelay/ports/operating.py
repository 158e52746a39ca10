"""What an operator looks at: counters, the machine, the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen

from ..domain.measure import Counter, Gauge, Timing


class Meter(Protocol):
    """Counts and times what happens; the measures are in :mod:`sdkrelay.domain.measure`, labels in the order named there."""

    def count(self, measure: Counter, *labels: str, by: int = 1) -> None:
        """It happened, so many times more."""

    def time(self, measure: Timing, seconds: float, *labels: str) -> None:
        """It happened, and took so long."""

    def follow(self, measure: Gauge, value: Callable[[], float | None]) -> None:
        """Ask for this value whenever the metrics are read; None without a sample."""

    def total(self, measure: Counter, **labels: str) -> int:
        """What was counted under these labels since the process began, all others together."""

    def mean(self, measure: Timing, **labels: str) -> float | None:
        """The mean in seconds since the process began; None if it never happened."""


@frozen
class MachineReading:
    """What the operating system says now: of this process, the processor seconds it has used and the bytes it holds in memory
    (resident); of the host, how full the file system of the data is (percent), and the bytes its network interfaces but
    loopback have sent and received. None where the system does not tell.
    """

    cpu_seconds: float
    memory_bytes: int
    disk_percent: float | None
    network_bytes: int | None


class MachineReader(Protocol):
    """The process and the host."""

    def read(self) -> MachineReading:
        """The figures at this moment."""


@frozen
class LogRecord:
    """A line of the log: ``at`` seconds since the epoch, the level's name, and where it was written (line None if unknown)."""

    at: float
    level: str
    message: str
    module: str
    line: int | None
    sync_type: str | None = None


class LogKeeper(Protocol):
    """The last lines of the log."""

    def records(self) -> Sequence[LogRecord]:
        """Those still kept, oldest first."""
