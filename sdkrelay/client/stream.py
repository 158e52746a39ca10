"""Messages that wait to be taken, and the one bound for all that wait of one connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

#: How many times as many may wait while an answer is awaited behind them.
STRETCH = 8


class Bound:
    """Pauses a source when too many messages wait, and resumes it when half of them are taken."""

    def __init__(self, most: int, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._most = most
        self._pause = pause
        self._resume = resume
        self._waiting = 0
        self._paused = False
        self._stretched = False
        self._released = False

    def stretch(self, wanted: bool) -> None:
        """Let more wait for now, or no longer."""
        self._stretched = wanted
        self._settle()

    def release(self) -> None:
        """Never pause again: what still comes are the last words before the end."""
        self._released = True
        self._settle()

    def count(self, change: int) -> None:
        """So many more wait, or fewer."""
        self._waiting += change
        self._settle()

    def _settle(self) -> None:
        most = self._most * (STRETCH if self._stretched else 1)
        if not self._paused and self._waiting >= most and not self._released:
            self._paused = True
            self._pause()
        elif self._paused and (self._waiting <= most // 2 or self._released):
            self._paused = False
            self._resume()


class Stream:
    """A queue for one taker that ends with an error; what was put before the end is told before it."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._messages: deque[dict[str, Any]] = deque()
        self._taker: Deferred[None] | None = None
        self._end: Exception | None = None

    def put(self, message: dict[str, Any]) -> None:
        """One more."""
        if self._end is None:
            self._messages.append(message)
            self._bound.count(1)
            self._wake()

    def end(self, why: Exception) -> None:
        """No more will come."""
        self._end = self._end or why
        self._wake()

    def drain(self) -> None:
        """Drop what waits, and take no more."""
        self._bound.count(-len(self._messages))
        self._messages.clear()
        self.end(EOFError("nobody takes this any more"))

    async def next(self) -> dict[str, Any]:
        """The next one, as soon as it is there; at the end, what it ended with."""
        while not self._messages:
            if self._end is not None:
                raise self._end
            self._taker = Deferred()
            await self._taker
        self._bound.count(-1)
        return self._messages.popleft()

    def _wake(self) -> None:
        taker, self._taker = self._taker, None
        if taker is not None:
            taker.callback(None)
