"""Opens the event store's own database file (or memory), and speaks to it through sqlite3 itself.

Not through SQLAlchemy as the relay's own tables are: a REQ of 500 events is one statement, and making rows of them there costs
more than SQLite takes to find them; statements here are fixed texts that sqlite3 keeps compiled.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ....ports import Unavailable
from ..engine import DISK, StoreError, claim, open_private
from .schema import VERSIONS

#: As the relay's own database: readers beside the writer, nothing acknowledged before it is on the disk.
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "temp_store=MEMORY",
    "journal_size_limit=268435456",
    "wal_autocheckpoint=32768",
    "mmap_size=1073741824",
    "cache_size=-65536",
)
#: Statements kept compiled by each connection.
_STATEMENTS = 512
#: Steps of SQLite's machine between two looks at whether to stop; some tenths of a millisecond.
_STEPS = 10_000


class Database:
    """A SQLite database for this process alone: one connection that writes, more that read beside it (none in memory)."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.name = "the events in memory" if path is None else str(path)
        self._lock: int | None = None

    def open(self, readers: int) -> tuple[sqlite3.Connection, list[sqlite3.Connection]]:
        """The writer and the readers, the schema brought up to date; StoreError if that cannot be."""
        if self.path is not None:
            self._lock = claim(self.path)
            os.close(open_private(self.path))
        try:
            writer = self._connect(PRAGMAS)
            upgrade(writer, self.name)
            count = 0 if self.path is None else readers
            return writer, [self._connect((*PRAGMAS, "query_only=ON")) for _ in range(count)]
        except sqlite3.Error as error:
            self.release()
            raise StoreError(self.explain(error) or f"{self.name} cannot be opened: {error}") from error
        except BaseException:
            self.release()
            raise

    def explain(self, error: sqlite3.Error) -> str | None:
        """What is wrong with the database, for an operator; None when the error is a fault of ours."""
        reason = DISK.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        return reason and reason.format(path=self.name)

    def release(self) -> None:
        """Let another process have the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _connect(self, pragmas: Sequence[str]) -> sqlite3.Connection:
        path = ":memory:" if self.path is None else str(self.path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection


def upgrade(connection: sqlite3.Connection, name: str) -> None:
    """Take the steps that are missing, each whole or not at all. StoreError for a foreign or newer database."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(VERSIONS):
        raise StoreError(f"{name} was used by a newer release (schema {version}): install that release")
    if version == 0 and connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
        raise StoreError(f"{name} belongs to another program: choose another file for events")
    for number, statements in enumerate(VERSIONS[version:], version + 1):
        with transaction(connection, "BEGIN IMMEDIATE"):
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number}")


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN") -> Iterator[None]:
    """All of it or nothing; for reading, one unchanging view."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def stoppable(connection: sqlite3.Connection, stop: Callable[[], bool]) -> Iterator[None]:
    """Statements end early (``sqlite3.OperationalError``, interrupted) once ``stop()`` says so."""
    connection.set_progress_handler(stop, _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def interrupted(error: sqlite3.Error) -> bool:
    """Whether this is what a stopped statement raises."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT


def unavailable(database: Database, error: sqlite3.Error) -> Unavailable | None:
    """What to raise instead where it is the database's own trouble; None for a fault of ours."""
    reason = database.explain(error)
    return None if reason is None else Unavailable(reason)
