"""What all sockets of a port may do together before the reactor goes round again.

One read of a socket is a few milliseconds of work at most, but there may be hundreds of sockets that each send without
end. When the time of a turn is used up, what was read waits, in order, and its socket is read no more meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

#: Seconds of one turn of the reactor that may be spent on what sockets sent.
TURN_SECONDS = 0.010


class Turn:
    """The time of a turn; ``seconds`` is the clock by which it is measured."""

    def __init__(self, reactor: IReactorTime, seconds: Callable[[], float]) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._ends: float | None = None
        self._waiting: deque[Callable[[], None]] = deque()

    def has_time(self) -> bool:
        """Whether more may be done in this turn, and nobody waits from an earlier one."""
        return not self._waiting and self._is_left()

    def wait(self, action: Callable[[], None]) -> None:
        """Do this in a later turn, after all that waits already."""
        self._waiting.append(action)
        self._is_left()

    def _is_left(self) -> bool:
        """Whether time is left; the first who asks begins the turn, whose end is when the reactor comes round."""
        now = self._seconds()
        if self._ends is None:
            self._ends = now + TURN_SECONDS
            self._reactor.callLater(0, self._next)
        return now < self._ends

    def _next(self) -> None:
        self._ends = None
        while self._waiting and self._is_left():
            self._waiting.popleft()()
