"""Runs whole transactions away from the reactor: one thread that writes, and one that reads beside it where the engine can.

An ``Executor`` is one such thread; tests and simulations run the same store on the calling thread. What an engine calls a
full disk or a lock becomes ``Unavailable`` here, with words for an operator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import sqlalchemy
from attrs import frozen
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from ...domain.measure import STORE_SECONDS, STORE_WRITES, Unmetered
from ...ports import Meter, Stale, Unavailable
from .engine import Engine

T = TypeVar("T")

Work = Callable[[Connection], T]
Connect = Callable[[Callable[[sqlalchemy.Engine], None]], tuple[sqlalchemy.Engine, sqlalchemy.Engine]]


class Executor(Protocol):
    """One place where blocking functions run, one after the other."""

    def start(self) -> None:
        """Be ready to run; called once, after any fork."""

    async def run(self, function: Callable[[], T]) -> T:
        """What ``function()`` returns or raises. Cancelling the wait does not undo what it does."""

    def stop(self) -> None:
        """End; nothing is run afterwards."""


class InlineExecutor:
    """The calling thread itself: for tests, simulations and commands without a reactor."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def start(self) -> None:
        """Nothing to start."""

    async def run(self, function: Callable[[], T]) -> T:
        """``function()``, now."""
        return function()

    def stop(self) -> None:
        """Nothing to stop."""


class ThreadExecutor:
    """A thread of its own; results come back on the reactor."""

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=1, maxthreads=1, name=name)

    def start(self) -> None:
        """Start the thread."""
        self._pool.start()

    async def run(self, function: Callable[[], T]) -> T:
        """``function()`` on the thread, after all that was given before."""
        return await deferToThreadPool(self._reactor, self._pool, function)

    def stop(self) -> None:
        """End the thread once it has done what it was given."""
        self._pool.stop()


@frozen
class _Opened:
    """The connections of an open database and the threads they belong to; where nobody reads beside, both are one."""

    writer: Executor
    reader: Executor
    write_to: sqlalchemy.Engine
    read_from: sqlalchemy.Engine


class Runner:
    """One database: opened, its transactions run, closed; and how writing stands."""

    def __init__(
        self,
        engine: Engine,
        executors: Callable[[str], Executor],
        meter: Meter | None = None,
        seconds: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._meter: Meter = meter or Unmetered()
        self._seconds = seconds
        self.engine = engine
        self._executors = executors
        self._opened: _Opened | None = None
        self._reason: str | None = None

    def condition(self) -> str | None:
        """None while writes succeed, else why the last one failed."""
        return self._reason

    async def open(self, prepare: Callable[[sqlalchemy.Engine], None]) -> None:
        """Claim the database, ``prepare`` it on the writer's thread, and be ready; may be tried again when it raises."""
        await self._open(self.engine.open, prepare)

    async def join(self, check: Callable[[sqlalchemy.Engine], None]) -> None:
        """Be ready beside the process that has claimed the database."""
        await self._open(self.engine.join, check)

    async def _open(self, connect: Connect, prepare: Callable[[sqlalchemy.Engine], None]) -> None:
        writer = self._executors("store-writer")
        writer.start()
        try:
            write_to, read_from = await writer.run(lambda: connect(prepare))
        except BaseException:
            writer.stop()
            raise
        reader = writer
        if read_from is not write_to:
            reader = self._executors("store-reader")
            reader.start()
        self._opened = _Opened(writer, reader, write_to, read_from)

    async def write(self, work: Work[T]) -> T:
        """``work(connection)`` as one transaction: all of it is kept when this returns, nothing when it raises.

        Stale says nothing about how writing stands.
        """
        opened, began = self._require(), self._seconds()
        try:
            result = await opened.writer.run(lambda: self._transact(opened.write_to, work))
        except Stale:
            raise
        except Unavailable as error:
            self._reason = str(error)
            self._meter.count(STORE_WRITES, "failed")
            raise
        self._reason = None
        self._meter.count(STORE_WRITES, "ok")
        self._meter.time(STORE_SECONDS, self._seconds() - began)
        return result

    async def read(self, work: Work[T]) -> T:
        """``work(connection)`` on one unchanging view of the data, with all that was written before."""
        opened = self._require()
        return await opened.reader.run(lambda: self._transact(opened.read_from, work))

    async def close(self) -> None:
        """Finish what was given, close the connections, end the threads, give the database free; nothing if not open."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        if opened.reader is not opened.writer:
            await opened.reader.run(opened.read_from.dispose)
            opened.reader.stop()
        await opened.writer.run(lambda: self.engine.close(opened.write_to))
        opened.writer.stop()

    def _require(self) -> _Opened:
        if self._opened is None:
            raise Unavailable("the database is not open")
        return self._opened

    def _transact(self, database: sqlalchemy.Engine, work: Work[T]) -> T:
        try:
            with database.begin() as connection:
                return work(connection)
        except OverflowError:
            raise ValueError("a whole number is beyond 64 bits: the database keeps at most 2^63-1") from None
        except DBAPIError as error:
            reason = self.engine.explain(error)
            if reason is None:
                raise
            raise Unavailable(reason) from error
