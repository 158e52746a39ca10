"""Keeps Nostr events in a SQLite database of their own, beside the relay's or in memory, behind the ``EventStore`` port."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from ....domain.nostr import kinds
from ....domain.nostr.event import Event
from ....domain.nostr.filter import Filter
from ....ports import Clock, Unavailable
from ....ports.nostr import Answer, EventFigures, Listed, Outcome, Query, Submission, Tally
from ..runner import Executor
from . import querying, writing
from .database import Database
from .planning import Asker
from .running import Place, Readers, Writer

__all__ = ["SqliteEventStore"]

_EXPIRED = "SELECT serial, json FROM events WHERE expires_at <= ? LIMIT ?"
_OLDEST = """SELECT serial, json FROM events INDEXED BY events_by_time
    WHERE kind NOT IN (?, ?) ORDER BY created_at, tie DESC LIMIT ?"""
_BYTES = """SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size"""


class SqliteEventStore:
    """The ``EventStore`` in a file (``path``) or in memory (None); touches nothing before :meth:`open`.

    ``seconds`` is how long a question may take, ``readers`` how many run beside each other (one in memory).
    """

    def __init__(
        self,
        path: Path | None,
        executors: Callable[[str], Executor],
        clock: Clock,
        *,
        seconds: float = 10.0,
        readers: int = 2,
    ) -> None:
        self._database = Database(path)
        self._executors = executors
        self._clock = clock
        self._seconds = seconds
        self._count = readers
        self._places: list[Place] = []
        self._opened: tuple[Writer, Readers] | None = None

    async def open(self) -> None:
        """Claim the file, bring its schema up to date, start the threads. StoreError says what to do."""
        executor = self._started("events-writer")
        try:
            connection, readers = await executor.run(lambda: self._database.open(self._count))
        except BaseException:
            executor.stop()
            raise
        writer = Place(executor, connection)
        beside = [Place(self._started(f"events-reader-{number}"), each) for number, each in enumerate(readers)]
        self._places = [*beside, writer]
        self._opened = (
            Writer(self._database, writer, writing.store),
            Readers(self._database, beside or [writer], self._clock.monotonic, self._seconds),
        )

    def _started(self, name: str) -> Executor:
        executor = self._executors(name)
        executor.start()
        return executor

    async def insert(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """What became of each, once it is durable."""
        return await self._writer.insert(submissions)

    async def screen(self, events: Sequence[Event]) -> list[Outcome]:
        """What would become of each now."""
        return await self._readers.run(lambda connection: [writing.screen(connection, event) for event in events])

    async def query(self, query: Query) -> Answer:
        """The stored events that are asked for."""
        now = self._now()
        return await self._readers.run(lambda connection: querying.answer(connection, query, now))

    async def count(self, query: Query, offset: int | None = None) -> Tally:
        """How many distinct events match."""
        now = self._now()
        return await self._readers.run(lambda connection: querying.tally(connection, query, now, offset))

    async def items(self, wanted: Filter, readers: frozenset[str], at_most: int) -> list[tuple[int, bytes]] | None:
        """``(created_at, id)`` of all matching events, ascending."""
        asker = Asker(readers, self._now())
        return await self._readers.run(lambda connection: querying.items(connection, wanted, asker, at_most))

    async def forget(self, wanted: Filter, at_most: int) -> int:
        """Remove matching events."""
        return await self._writer.run(
            lambda connection: writing.remove(connection, querying.all_of(connection, wanted, at_most))
        )

    async def forget_expired(self, at_most: int) -> int:
        """Remove events whose time has come."""
        return await self._removed(_EXPIRED, self._now(), at_most)

    async def forget_oldest(self, at_most: int) -> int:
        """Remove the oldest events, deletions and requests to vanish excepted."""
        return await self._removed(_OLDEST, kinds.DELETION, kinds.VANISH, at_most)

    async def _removed(self, text: str, *values: int) -> int:
        return await self._writer.run(
            lambda connection: writing.remove(connection, connection.execute(text, values).fetchall())
        )

    async def figures(self) -> EventFigures:
        """How much is kept."""

        def read(connection: sqlite3.Connection) -> EventFigures:
            (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
            (size,) = connection.execute(_BYTES).fetchone()
            return EventFigures(events, size)

        return await self._readers.run(read)

    async def entries(self, name: str) -> list[Listed]:
        """The operator's list of that name, by item."""
        text = "SELECT item, reason FROM entries WHERE list = ? ORDER BY item"
        return await self._readers.run(
            lambda connection: [Listed(item, reason) for item, reason in connection.execute(text, (name,))]
        )

    async def enter(self, name: str, entry: Listed) -> None:
        """Put an item on a list, or change its reason."""
        text = "INSERT OR REPLACE INTO entries (list, item, reason) VALUES (?, ?, ?)"
        await self._writer.run(lambda connection: connection.execute(text, (name, entry.item, entry.reason)).rowcount)

    async def strike(self, name: str, item: str) -> bool:
        """Take an item off a list."""
        text = "DELETE FROM entries WHERE list = ? AND item = ?"
        return await self._writer.run(lambda connection: connection.execute(text, (name, item)).rowcount > 0)

    def condition(self) -> str | None:
        """None while writes succeed, else why the last one failed."""
        return self._opened and self._opened[0].reason

    @property
    def connections(self) -> int:
        """How many connections to the database are open."""
        return len(self._places)

    async def close(self) -> None:
        """Finish what was given, close the connections, end the threads, give the file free; nothing if not open."""
        opened, places = self._opened, self._places
        self._opened, self._places = None, []
        if opened is not None:
            opened[1].close()
            await opened[0].settle()
        for place in places:
            await place.executor.run(place.connection.close)
            place.executor.stop()
        self._database.release()

    def _now(self) -> int:
        return int(self._clock.now())

    @property
    def _writer(self) -> Writer:
        return self._require()[0]

    @property
    def _readers(self) -> Readers:
        return self._require()[1]

    def _require(self) -> tuple[Writer, Readers]:
        if self._opened is None:
            raise Unavailable("the events are not open")
        return self._opened
