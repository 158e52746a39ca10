"""What differs between database engines, so that all the rest is written once and PostgreSQL is one engine more.

SQLite keeps everything in one file, written ahead (WAL) so that a reader never waits for the writer, and synchronised fully:
what was acknowledged survives a power cut. A second relay on the same file is refused by a lock that dies with its process.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy
from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Table,
    create_engine,
    event,
    literal_column,
    make_url,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import Insert
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from ...ports import Unavailable


class StoreError(Exception):
    """The database cannot be used at all; the message says what to do about it."""


class DatabaseInUse(StoreError):
    """Another process has claimed the database."""


class Engine(Protocol):
    """A kind of database: how to connect to it, and what it says otherwise than its sisters."""

    def open(self, prepare: Callable[[sqlalchemy.Engine], None]) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        """Claim the database for this process and connect: a writer, which ``prepare`` gets first, and a reader.

        The reader sees an unchanging view while the writer goes on; an engine that cannot do that gives the writer twice.
        """

    def join(self, check: Callable[[sqlalchemy.Engine], None]) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        """Connect beside the process that has claimed the database, for a short change; ``check`` gets the writer first."""

    def close(self, writer: sqlalchemy.Engine) -> None:
        """Disconnect the writer, the reader being gone, and give the database free."""

    def explain(self, error: DBAPIError) -> str | None:
        """What is wrong with the database, for an operator; None when the error is a fault of ours."""

    def upsert(self, table: Table, key: Sequence[str], keep: Sequence[str]) -> Insert:
        """Insert a row or, where ``key`` exists, replace all of it but ``key`` and ``keep``."""

    def by_insertion(self, table: FromClause) -> ColumnElement[int]:
        """What grows from row to row in the order they were inserted, for a table whose columns do not say."""


#: At each connection: readers beside the writer, nothing acknowledged before it is on the disk, references enforced.
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)

#: Pages hold packed rows of 100 kB: larger ones than usual mean shorter chains to follow. Only for a new file.
PAGE_SIZE = "page_size=16384"

DISK = {
    sqlite3.SQLITE_FULL: "the disk is full: make room for {path}; the relay goes on by itself",
    sqlite3.SQLITE_BUSY: "{path} is locked by another program: end that program",
    sqlite3.SQLITE_LOCKED: "{path} is locked by another program: end that program",
    sqlite3.SQLITE_READONLY: "{path} cannot be written: make it and its folder writable for the relay's user",
    sqlite3.SQLITE_PERM: "{path} cannot be written: make it and its folder writable for the relay's user",
    sqlite3.SQLITE_CANTOPEN: "{path} cannot be opened: check that its folder exists and is writable for the relay's user",
    sqlite3.SQLITE_IOERR: "reading or writing {path} fails: look at the disk and the system's log",
    sqlite3.SQLITE_CORRUPT: "{path} is damaged: restore a backup, or move it away and start again",
    sqlite3.SQLITE_NOTADB: "{path} is not a SQLite database: choose another file in database.url",
}


def engine_for(url: str) -> Engine:
    """The engine for ``sqlite:///relative``, ``sqlite:////absolute`` or ``sqlite://`` (memory); StoreError for others."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("database.url is not a URL: write sqlite:///path or sqlite://") from None
    if parsed.drivername != "sqlite" or parsed.host or parsed.query:
        raise StoreError(f"database.url {parsed.drivername}://… is not supported: write sqlite:///path or sqlite://")
    in_memory = parsed.database in (None, "", ":memory:")
    return SqliteMemory() if in_memory else SqliteFile(Path(parsed.database or ""))


class _Sqlite:
    """What both kinds of SQLite say alike."""

    name: str

    def explain(self, error: DBAPIError) -> str | None:
        """By SQLite's own code of the error."""
        return _explain(error.orig, self.name)

    def upsert(self, table: Table, key: Sequence[str], keep: Sequence[str]) -> Insert:
        """``INSERT … ON CONFLICT DO UPDATE``."""
        statement = insert(table)
        changed = {item.name: item for item in statement.excluded if item.name not in {*key, *keep}}
        return statement.on_conflict_do_update(index_elements=list(key), set_=changed)

    def by_insertion(self, table: FromClause) -> ColumnElement[int]:
        """SQLite numbers the rows of every table; a new row gets a number above all that are there."""
        return literal_column(f"{table.description}.rowid", Integer)


class SqliteMemory(_Sqlite):
    """SQLite without a file: one connection, used by one thread, gone when it is closed."""

    name = "the database in memory"

    def open(self, prepare: Callable[[sqlalchemy.Engine], None]) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        """A new, empty database."""
        writer = _connect(":memory:", PRAGMAS, "BEGIN")
        prepare(writer)
        return writer, writer

    def join(self, check: Callable[[sqlalchemy.Engine], None]) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        """StoreError: nobody else is there."""
        raise StoreError(f"{self.name} belongs to one process alone")

    def close(self, writer: sqlalchemy.Engine) -> None:
        """Forget it all."""
        writer.dispose()


class SqliteFile(_Sqlite):
    """SQLite in a file, readable by its owner only, locked for this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._lock: int | None = None

    def open(self, prepare: Callable[[sqlalchemy.Engine], None]) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        """Lock, make if absent, connect; StoreError if that cannot be, ``Unavailable`` if it may go away by itself."""
        self._lock = claim(self.path)
        try:
            with _explained(self.name):
                return self._connect(prepare)
        except BaseException:
            self._release()
            raise

    def join(self, check: Callable[[sqlalchemy.Engine], None]) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        """Connect without the lock; SQLite itself keeps two writers apart."""
        with _explained(self.name):
            return self._connect(check)

    def _connect(self, prepare: Callable[[sqlalchemy.Engine], None]) -> tuple[sqlalchemy.Engine, sqlalchemy.Engine]:
        os.close(open_private(self.path))
        writer = _connect(self.name, (PAGE_SIZE, *PRAGMAS), "BEGIN IMMEDIATE")
        try:
            prepare(writer)
            return writer, _connect(self.name, (*PRAGMAS, "query_only=ON"), "BEGIN")
        except BaseException:
            writer.dispose()
            raise

    def close(self, writer: sqlalchemy.Engine) -> None:
        """Close the file, which folds the journal into it, and let another process have it."""
        writer.dispose()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def references_unchecked(database: sqlalchemy.Engine) -> Iterator[None]:
    """Tables can be remade without taking along the rows that refer to theirs; SQLite only, nothing to do elsewhere."""
    _pragma(database, "foreign_keys=OFF")
    try:
        yield
    finally:
        _pragma(database, "foreign_keys=ON")


def _pragma(database: sqlalchemy.Engine, pragma: str) -> None:
    if database.dialect.name == "sqlite":
        with closing(database.raw_connection()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"PRAGMA {pragma}")


def _connect(path: str, pragmas: Sequence[str], begin: str) -> sqlalchemy.Engine:
    """One connection for life; transactions begin when we say so, for sqlite3 itself would begin them late."""

    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        with closing(connection.cursor()) as cursor:
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")

    def began(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    url = sqlalchemy.URL.create("sqlite", database=path)
    arguments = {"check_same_thread": False}
    database = create_engine(url, poolclass=StaticPool, connect_args=arguments, hide_parameters=True)
    event.listen(database, "connect", connected)
    event.listen(database, "begin", began)
    return database


def open_private(path: Path) -> int:
    """A descriptor of the file, made if absent, for its owner only; StoreError, or ``Unavailable`` on a full disk."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise StoreError(f"{path.parent} does not exist: make that folder, or choose another in database.url") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(DISK[sqlite3.SQLITE_FULL].format(path=path)) from None
        raise StoreError(f"{path} cannot be opened for writing ({error.strerror}): check its owner and mode") from None


def claim(path: Path) -> int:
    """Hold the lock beside the database; the system lets go of it when the process ends, however it ends."""
    descriptor = open_private(path.with_name(path.name + ".lock"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise DatabaseInUse(f"{path} is in use by another relay (process {holder}): stop that one first") from None
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"{path} cannot be locked ({error.strerror}): keep it on a local disk") from None
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = _explain(cause, name)
        if reason is None:
            raise
        passing = _code(cause) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY)
        raise (Unavailable(reason) if passing else StoreError(reason)) from error


def _code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _explain(error: BaseException | None, name: str) -> str | None:
    reason = DISK.get(_code(error))
    return reason and reason.format(path=name)
