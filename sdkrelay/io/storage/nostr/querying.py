"""Answers filters from the database: events to serve, counts, and lists to reconcile; each inside the caller's transaction.

Where a scan runs over several keys (authors, kinds, values of a tag) its rows come in no useful order, and there may be
millions of them. They are read in windows of time instead, from the newest back, each eight times as long as the one before:
the first is as long as the newest ``limit`` events of all took, so that no window can hold far more than is asked for.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any

from attrs import define, evolve

from ....domain.nostr.filter import Filter
from ....domain.nostr.hyperloglog import registers
from ....ports.nostr import Answer, Query, StoredEvent, Tally
from .planning import Asker, Scan, bounds, plan

_COLUMNS = "e.id, e.created_at, e.expires_at, e.json"
_WIDENING = 8
#: Events read at a time: at the usual bound of an event's size these are a few megabytes.
_PORTION = 100
#: An event from a row; half of what a call of the class itself costs.
_stored: Callable[[tuple[Any, ...]], StoredEvent] = partial(tuple.__new__, StoredEvent)


def answer(connection: sqlite3.Connection, query: Query, now: int) -> Answer:
    """The events of all filters, once each, in the order of serving (of one search alone: by relevance)."""
    asker = Asker(query.readers, now)
    rooms = [_Room(query.max_bytes // len(query.filters)) for _ in query.filters]
    answers = [
        _of_filter(connection, wanted, query, asker, room) for wanted, room in zip(query.filters, rooms, strict=True)
    ]
    complete = all(whole for _, whole in answers)
    events = answers[0][0] if len(answers) == 1 else _united([events for events, _ in answers])
    fitting = all(room.bytes >= 0 for room in rooms)
    return Answer(events, complete) if fitting else _bounded(events, complete, query.max_bytes)


def _united(lists: list[list[StoredEvent]]) -> list[StoredEvent]:
    found = {event.id: event for events in lists for event in events}
    return sorted(found.values(), key=lambda event: (-event.created_at, event.id))


def tally(connection: sqlite3.Connection, query: Query, now: int, offset: int | None) -> Tally:
    """How many distinct events there are, limits aside."""
    scans = _scans(connection, query, now)
    if offset is None and len(scans) == 1 and scans[0].timed == "e":
        (scan,) = scans
        (count,) = connection.execute(f"SELECT count(*) FROM {scan.source} WHERE {scan.where}", scan.values).fetchone()
        return Tally(int(count))
    texts = " UNION ".join(f"SELECT e.serial AS serial FROM {scan.source} WHERE {scan.where}" for scan in scans)
    return _tally_of(
        connection, texts or "SELECT 0 WHERE 0", [value for scan in scans for value in scan.values], offset
    )


def _tally_of(connection: sqlite3.Connection, serials: str, values: list[Any], offset: int | None) -> Tally:
    (count,) = connection.execute(f"SELECT count(*) FROM ({serials})", values).fetchone()
    if offset is None:
        return Tally(int(count))
    authors = connection.execute(f"SELECT DISTINCT pubkey FROM events WHERE serial IN ({serials})", values)
    return Tally(int(count), registers((pubkey for (pubkey,) in authors), offset))


def items(connection: sqlite3.Connection, wanted: Filter, asker: Asker, at_most: int) -> list[tuple[int, bytes]] | None:
    """``(created_at, id)`` ascending; None if there are more than ``at_most`` and the filter's limit does not stop before."""
    limit = at_most + 1 if wanted.limit is None else min(wanted.limit, at_most + 1)
    scan = _planned(connection, wanted, asker)
    if scan is None or limit == 0:
        return []
    order = f" ORDER BY {scan.order}" if wanted.limit is not None else ""
    text = f"SELECT DISTINCT {scan.timed}.created_at, e.id FROM {scan.source} WHERE {scan.where}{order} LIMIT ?"
    # Sorted by the database, which lets other threads run meanwhile.
    found: list[tuple[int, bytes]] = connection.execute(
        f"SELECT created_at, id FROM ({text}) ORDER BY created_at, id", (*scan.values, limit)
    ).fetchall()
    return None if len(found) > at_most else found


def all_of(connection: sqlite3.Connection, wanted: Filter, at_most: int) -> list[tuple[int, bytes]]:
    """``(serial, json)`` of up to so many matching events, in no order, whoever may see them and expired ones too."""
    scan = plan(connection, wanted, None)
    if scan is None:
        return []
    scan = scan.between(*bounds(wanted))
    text = f"SELECT DISTINCT e.serial, e.json FROM {scan.source} WHERE {scan.where} LIMIT ?"
    return connection.execute(text, (*scan.values, at_most)).fetchall()


def _planned(connection: sqlite3.Connection, wanted: Filter, asker: Asker) -> Scan | None:
    scan = plan(connection, wanted, asker)
    return scan and scan.between(*bounds(wanted))


def _scans(connection: sqlite3.Connection, query: Query, now: int) -> list[Scan]:
    asker = Asker(query.readers, now, counting=True)
    scans = (_planned(connection, wanted, asker) for wanted in query.filters)
    return [scan for scan in scans if scan is not None]


def _of_filter(
    connection: sqlite3.Connection, wanted: Filter, query: Query, asker: Asker, room: _Room
) -> tuple[list[StoredEvent], bool]:
    """One filter's newest events, and whether they are all there are."""
    own = query.default_limit if wanted.limit is None else wanted.limit
    limit = min(own, query.max_limit)
    events = _newest(connection, wanted, asker, limit + 1, room)
    if len(events) <= limit:
        return events, not room.full
    cut_by_us = wanted.limit is None or wanted.limit > query.max_limit
    if query.whole_seconds and cut_by_us and limit and not wanted.words:
        return _with_whole_second(connection, wanted, query, asker, events[:limit], room), False
    return events[:limit], False


def _with_whole_second(
    connection: sqlite3.Connection,
    wanted: Filter,
    query: Query,
    asker: Asker,
    events: list[StoredEvent],
    room: _Room,
) -> list[StoredEvent]:
    last = events[-1].created_at
    newer = [event for event in events if event.created_at > last]
    return newer + _newest(connection, evolve(wanted, since=last, until=last), asker, query.max_limit, room)


def _newest(connection: sqlite3.Connection, wanted: Filter, asker: Asker, limit: int, room: _Room) -> list[StoredEvent]:
    scan = plan(connection, wanted, asker)
    if scan is None:
        return []
    if scan.ordered or scan.ranked or wanted.ids is not None:
        return room.read(_rows(connection, scan.between(*bounds(wanted)), limit))
    found: list[StoredEvent] = []
    for since, until in _windows(connection, wanted, limit):
        found += room.read(_rows(connection, scan.between(since, until), limit - len(found)))
        if len(found) >= limit or room.full:
            break
    return found


def _rows(connection: sqlite3.Connection, scan: Scan, limit: int) -> sqlite3.Cursor:
    """The first so many rows in the order of serving; where they must be sorted, the events are fetched after that."""
    if scan.ordered:
        text = f"SELECT {_COLUMNS} FROM {scan.source} WHERE {scan.where} ORDER BY {scan.order} LIMIT ?"
    else:
        distinct = "DISTINCT" if scan.timed == "t" else ""
        inner = (
            f"SELECT {distinct} e.serial AS serial FROM {scan.source} WHERE {scan.where} ORDER BY {scan.order} LIMIT ?"
        )
        text = f"SELECT {_COLUMNS} FROM ({inner}) k CROSS JOIN events e ON e.serial = k.serial"
    return connection.execute(text, (*scan.values, limit))


@define
class _Room:
    """How many bytes of events may still be read, give or take a portion; ``full`` once some were left unread for it."""

    bytes: int
    full: bool = False

    def read(self, cursor: sqlite3.Cursor) -> list[StoredEvent]:
        """The events of a statement, as far as there is room; one portion in any case."""
        events: list[StoredEvent] = []
        while rows := cursor.fetchmany(_PORTION):
            self.full = self.full or (self.bytes < 0 and bool(events))
            if self.full:
                break
            events += map(_stored, rows)
            self.bytes -= sum([len(row[3]) for row in rows])
        return events


def _windows(connection: sqlite3.Connection, wanted: Filter, limit: int) -> Iterator[tuple[int, int]]:
    """Consecutive times from the newest back to the oldest, the filter's own bounds apart."""
    oldest, until = bounds(wanted)
    newest, start = _span(connection, until, limit)
    width = max(newest - start, 1)
    since = start
    while since > oldest:
        yield since, until
        until, width = since - 1, width * _WIDENING
        since = until - width
    if until >= oldest:
        yield oldest, until


def _span(connection: sqlite3.Connection, until: int, count: int) -> tuple[int, int]:
    """The times of the newest event of all before ``until``, and of the one so many after it (0 if there are fewer)."""
    text = "SELECT created_at FROM events INDEXED BY events_by_time WHERE created_at <= ? ORDER BY created_at DESC LIMIT 1 OFFSET ?"
    times: Sequence[tuple[int] | None] = [connection.execute(text, (until, place)).fetchone() for place in (0, count)]
    newest, start = (found[0] if found else 0 for found in times)
    return newest, start


def _bounded(events: list[StoredEvent], complete: bool, max_bytes: int) -> Answer:
    """What fits into so many bytes, the first event in any case."""
    sizes = list(accumulate([len(event.json) for event in events]))
    fitting = max(bisect_right(sizes, max_bytes), 1)
    return Answer(events, complete) if fitting >= len(events) else Answer(events[:fitting], False)
