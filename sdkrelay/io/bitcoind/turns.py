"""So many at a time, the others in order of arrival, each for so long: a semaphore whose bound can be moved."""

from __future__ import annotations

from collections import deque

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class Turns:
    """At most ``limit`` turns are taken at a time."""

    def __init__(self, clock: IReactorTime, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self.taken = 0
        self.waiting: deque[Deferred[None]] = deque()

    async def take(self, seconds: float) -> None:
        """Wait for a turn; TimeoutError (Twisted's) when none came in that time."""
        if self.free:
            self.taken += 1
            return
        turn: Deferred[None] = Deferred(self.waiting.remove)
        self.waiting.append(turn)
        turn.addTimeout(seconds, self._clock)
        await turn

    @property
    def free(self) -> bool:
        """Whether a turn can be taken without waiting."""
        return self.taken < self._limit and not self.waiting

    def give_back(self) -> None:
        """A turn is over."""
        self.taken -= 1
        self._admit()

    def resize(self, limit: int) -> None:
        """Another bound; turns that are taken beyond it end by themselves."""
        self._limit = limit
        self._admit()

    def _admit(self) -> None:
        while self.waiting and self.taken < self._limit:
            self.taken += 1
            self.waiting.popleft().callback(None)
