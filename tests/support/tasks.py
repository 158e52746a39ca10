"""Time and tasks that a test drives: nothing happens between two of its steps."""

from __future__ import annotations

from twisted.internet.task import Clock as ReactorClock

from sdkrelay.io.world import ReactorTasks

#: Where test time begins, in seconds since the epoch.
EPOCH = 1_700_000_000.0


class DrivenTime:
    """A clock port and a tasks port over one reactor clock; ``advance`` lets time pass and due tasks run."""

    def __init__(self) -> None:
        self.reactor = ReactorClock()
        self.tasks = ReactorTasks(self.reactor)

    def now(self) -> float:
        """Seconds since the epoch, as the test has it."""
        return EPOCH + self.reactor.seconds()

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self.reactor.seconds()

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass; zero runs what is due now."""
        self.reactor.advance(seconds)

    def settle(self, turns: int = 100) -> None:
        """Give the reactor some turns without letting time pass."""
        for _ in range(turns):
            self.reactor.advance(0)
