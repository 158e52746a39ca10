"""Runs questions on threads that read and insertions in groups on the one that writes, so that neither waits for the other.

A question looks now and then whether it is still wanted, and ends by itself when its time is over or nobody waits any more.
What is given for insertion while a transaction runs becomes the next transaction, so that one wait for the disk serves all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredQueue, QueueUnderflow

from ....ports import Cancelled, Unavailable
from ....ports.nostr import Outcome, Submission, TooLong
from ..runner import Executor
from .database import Database, interrupted, stoppable, transaction, unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

#: Questions that may wait for a thread.
_WAITING = 1000
#: Events in one transaction at most, so that the first does not wait for thousands of others.
_GROUP = 1000


@frozen
class Place:
    """A connection and the thread it belongs to."""

    executor: Executor
    connection: sqlite3.Connection


@define(eq=False)
class Wanted:
    """Whether a question is still wanted; asked on the thread that works on it."""

    monotonic: Callable[[], float]
    deadline: float
    dropped: bool = False

    def over(self) -> bool:
        """Whether to stop."""
        return self.dropped or self.monotonic() > self.deadline


class Readers:
    """Questions, each on one of a few threads, in order of arrival."""

    def __init__(
        self, database: Database, places: Sequence[Place], monotonic: Callable[[], float], seconds: float
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._seconds = seconds
        self._closed = False
        self._idle: DeferredQueue[Place] = DeferredQueue(backlog=_WAITING)
        for place in places:
            self._idle.put(place)

    async def run(self, work: Work[T]) -> T:
        """``work(connection)`` on one unchanging view; TooLong, or Unavailable when too many wait."""
        wanted = Wanted(self._monotonic, self._monotonic() + self._seconds)
        try:
            place = await self._idle.get()
        except QueueUnderflow:
            raise Unavailable("too many questions wait for the events") from None
        try:
            if self._closed:
                raise Unavailable("the events are being closed")
            return await place.executor.run(lambda: self._read(place.connection, work, wanted))
        except Cancelled:
            wanted.dropped = True
            raise
        finally:
            self._idle.put(place)

    def close(self) -> None:
        """Answer no more; what runs now is finished."""
        self._closed = True

    def _read(self, connection: sqlite3.Connection, work: Work[T], wanted: Wanted) -> T:
        if wanted.over():
            raise TooLong("the question waited for its whole time")
        try:
            with stoppable(connection, wanted.over), transaction(connection):
                return work(connection)
        except sqlite3.Error as error:
            if interrupted(error):
                raise TooLong("the question took longer than it may") from None
            raise unavailable(self._database, error) or error from error


class Writer:
    """Transactions that write, one after the other; insertions in groups."""

    def __init__(
        self, database: Database, place: Place, insert: Callable[[sqlite3.Connection, Submission], Outcome]
    ) -> None:
        self._database = database
        self._place = place
        self._insert = insert
        self._waiting: list[_Given] = []
        self._busy = False
        self.reason: str | None = None

    async def insert(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """What became of each, once it is durable; when this raises, none of them is stored."""
        given = _Given(submissions)
        self._waiting.append(given)
        if not self._busy:
            Deferred.fromCoroutine(self._drain())
        return await given.done

    async def run(self, work: Work[T]) -> T:
        """``work(connection)`` as one transaction."""
        try:
            result = await self._place.executor.run(lambda: self._write(work))
        except Unavailable as error:
            self.reason = str(error)
            raise
        self.reason = None
        return result

    async def settle(self) -> None:
        """Until all that was given is done."""
        while self._busy:
            await self.run(lambda connection: connection.in_transaction)

    async def _drain(self) -> None:
        self._busy = True
        while self._waiting:
            await self._commit(self._next())
        self._busy = False

    async def _commit(self, group: list[_Given]) -> None:
        try:
            outcomes = await self.run(lambda connection: [given.work(connection, self._insert) for given in group])
        except Exception as error:
            for given in group:
                given.fail(error)
            return
        for given, result in zip(group, outcomes, strict=True):
            given.succeed(result)

    def _next(self) -> list[_Given]:
        """As many as make one transaction: always one, and no more events than a group has."""
        count, size = 1, len(self._waiting[0].submissions)
        while count < len(self._waiting) and size + len(self._waiting[count].submissions) <= _GROUP:
            size += len(self._waiting[count].submissions)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _write(self, work: Work[T]) -> T:
        try:
            with transaction(self._place.connection, "BEGIN IMMEDIATE"):
                return work(self._place.connection)
        except sqlite3.Error as error:
            raise unavailable(self._database, error) or error from error


@define(eq=False)
class _Given:
    """What one caller waits for."""

    submissions: Sequence[Submission]
    done: Deferred[list[Outcome]] = field(factory=Deferred)

    def work(
        self, connection: sqlite3.Connection, insert: Callable[[sqlite3.Connection, Submission], Outcome]
    ) -> list[Outcome]:
        return [insert(connection, submission) for submission in self.submissions]

    def succeed(self, outcomes: list[Outcome]) -> None:
        if not self.done.called:
            self.done.callback(outcomes)

    def fail(self, error: Exception) -> None:
        if not self.done.called:
            self.done.errback(error)
