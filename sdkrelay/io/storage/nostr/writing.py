"""Stores events by the rules of replacement, deletion and vanishing; every function runs inside the caller's transaction.

What was deleted is remembered apart from the events, by id and author, by address and by author, so that it stays away also
when the deletion comes first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from ....domain.nostr import kinds
from ....domain.nostr.event import Event, parse_event
from ....domain.nostr.filter import searched_text, text_words
from ....domain.nostr.refusal import Refusal
from ....domain.nostr.rules import address_of, deletion, expiration, may_delete
from ....ports.nostr import Outcome, Submission
from .labels import address_key, label, labels_of, tie

_SCREEN = """SELECT CASE
    WHEN EXISTS (SELECT 1 FROM events WHERE id = :id) THEN 'duplicate'
    WHEN NOT :lasting AND EXISTS (SELECT 1 FROM erased WHERE id = :id AND pubkey = :key) THEN 'deleted'
    WHEN NOT :vanishing AND EXISTS (SELECT 1 FROM vanished WHERE pubkey = :key AND until >= :created_at) THEN 'vanished'
    WHEN :address IS NULL THEN 'stored'
    WHEN EXISTS (SELECT 1 FROM erased_addresses WHERE address = :address AND until >= :created_at) THEN 'deleted'
    WHEN EXISTS (
        SELECT 1 FROM events WHERE address = :address
        AND (created_at > :created_at OR (created_at = :created_at AND id < :id))
    ) THEN 'superseded'
    ELSE 'stored' END"""
_INSERT = """INSERT INTO events (id, pubkey, created_at, tie, kind, expires_at, address, json)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_INSERT_TAG = "INSERT INTO tags (label, created_at, tie, serial, kind) VALUES (?, ?, ?, ?, ?)"
_DELETE_TAG = "DELETE FROM tags WHERE label = ? AND created_at = ? AND tie = ? AND serial = ?"
_DELETE = "DELETE FROM events WHERE serial = ?"
_INSERT_WORDS = "INSERT INTO search (rowid, words) VALUES (?, ?)"
_DELETE_WORDS = "INSERT INTO search (search, rowid, words) VALUES ('delete', ?, ?)"
_AT_ADDRESS = "SELECT serial, json FROM events WHERE address = ? AND created_at <= ?"
_OF_ID = "SELECT serial, json FROM events WHERE id = ?"
_OF_AUTHOR = "SELECT serial, json FROM events WHERE pubkey = ? AND created_at <= ? AND kind <> ?"
_WRAPS_FOR = """SELECT serial, json FROM events WHERE serial IN
    (SELECT serial FROM tags WHERE label = ? AND created_at <= ? AND kind = ?)"""
_ERASE = "INSERT OR IGNORE INTO erased (id, pubkey) VALUES (?, ?)"
_ERASE_ADDRESS = """INSERT INTO erased_addresses (address, until) VALUES (?, ?)
    ON CONFLICT (address) DO UPDATE SET until = max(until, excluded.until)"""
_VANISH = """INSERT INTO vanished (pubkey, until) VALUES (?, ?)
    ON CONFLICT (pubkey) DO UPDATE SET until = max(until, excluded.until)"""

Row = tuple[int, bytes]


def screen(connection: sqlite3.Connection, event: Event) -> Outcome:
    """What would become of an event now."""
    address = address_of(event)
    values = {
        "id": bytes.fromhex(event.id),
        "created_at": event.created_at,
        "lasting": event.kind in kinds.LASTING,
        "vanishing": event.kind == kinds.VANISH,
        "address": address and address_key(address),
    }
    outcome = Outcome.STORED
    for key in _owners(event):
        (word,) = connection.execute(_SCREEN, values | {"key": key}).fetchone()
        outcome = Outcome(word)
        if outcome is not Outcome.STORED:
            break
    return outcome


def store(connection: sqlite3.Connection, submission: Submission) -> Outcome:
    """Store one event with all that follows from it, unless something stands against it."""
    event = submission.event
    outcome = screen(connection, event)
    if outcome is not Outcome.STORED:
        return outcome
    address = address_of(event)
    key = None if address is None else address_key(address)
    if key is not None:
        remove(connection, connection.execute(_AT_ADDRESS, (key, event.created_at)))
    _insert(connection, event, key)
    if event.kind == kinds.DELETION:
        _delete(connection, event)
    if submission.vanishes:
        _vanish(connection, event)
    return outcome


def remove(connection: sqlite3.Connection, rows: Iterable[Row]) -> int:
    """Remove events with everything that was written for them; how many."""
    return sum(_remove(connection, serial, parse_event(json)) for serial, json in list(rows))


def _owners(event: Event) -> Sequence[bytes]:
    """Who may have deleted it: the author and, of a gift wrap, those it is for."""
    author = bytes.fromhex(event.pubkey)
    if event.kind != kinds.GIFT_WRAP:
        return (author,)
    return (author, *(value[2:] for value in labels_of(event) if value[:2] == b"p\x00"))


def _insert(connection: sqlite3.Connection, event: Event, address: bytes | None) -> None:
    event_id = bytes.fromhex(event.id)
    order = (event.created_at, tie(event_id))
    pubkey, end = bytes.fromhex(event.pubkey), _end(event)
    row = (event_id, pubkey, *order, event.kind, end, address, event.encoded())
    serial = connection.execute(_INSERT, row).lastrowid
    labels = labels_of(event)
    if labels:
        connection.executemany(_INSERT_TAG, [(value, *order, serial, event.kind) for value in labels])
    words = _words(event)
    if words:
        connection.execute(_INSERT_WORDS, (serial, words))


def _end(event: Event) -> int | None:
    """When it expires; never where its tag is malformed, which whoever submits refuses or not."""
    try:
        return expiration(event)
    except Refusal:
        return None


def _remove(connection: sqlite3.Connection, serial: int, event: Event) -> int:
    order = (event.created_at, tie(bytes.fromhex(event.id)))
    connection.executemany(_DELETE_TAG, [(value, *order, serial) for value in labels_of(event)])
    words = _words(event)
    if words:
        connection.execute(_DELETE_WORDS, (serial, words))
    return connection.execute(_DELETE, (serial,)).rowcount


def _words(event: Event) -> str:
    return "" if event.kind in kinds.SEALED else " ".join(text_words(searched_text(event)))


def _delete(connection: sqlite3.Connection, event: Event) -> None:
    """What a kind 5 takes away (NIP-09), now and for all time."""
    asked, pubkey = deletion(event), bytes.fromhex(event.pubkey)
    for event_id in map(bytes.fromhex, asked.ids):
        connection.execute(_ERASE, (event_id, pubkey))
        found = connection.execute(_OF_ID, (event_id,)).fetchall()
        remove(connection, [row for row in found if may_delete(event.pubkey, parse_event(row[1]))])
    for address in map(address_key, asked.addresses):
        connection.execute(_ERASE_ADDRESS, (address, event.created_at))
        remove(connection, connection.execute(_AT_ADDRESS, (address, event.created_at)))


def _vanish(connection: sqlite3.Connection, event: Event) -> None:
    """All of an author's events, deletions too, and the gift wraps for that author (NIP-62); requests to vanish stay."""
    pubkey, until = bytes.fromhex(event.pubkey), event.created_at
    connection.execute(_VANISH, (pubkey, until))
    remove(connection, connection.execute(_OF_AUTHOR, (pubkey, until, kinds.VANISH)))
    remove(connection, connection.execute(_WRAPS_FOR, (label("p", event.pubkey), until, kinds.GIFT_WRAP)))
