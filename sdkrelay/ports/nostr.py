"""What the services of Nostr need kept: events by the rules of replacement and deletion, asked for by filters.

Every method is one transaction. Any may raise :class:`Unavailable`; an insertion that raises has stored nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from attrs import frozen

from ..domain.nostr.event import Event
from ..domain.nostr.filter import Filter
from .failures import Unavailable


class TooLong(Unavailable):
    """A question took longer than it may; nothing more is done about it."""


class Outcome(StrEnum):
    """What became of an event that was to be stored."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """It is there already."""
    SUPERSEDED = "superseded"
    """A newer version of its address is there."""
    DELETED = "deleted"
    """Its author (or a gift wrap's recipient) has deleted it."""
    VANISHED = "vanished"
    """Its author (or a gift wrap's recipient) has asked to be forgotten."""


@frozen
class Submission:
    """An event to be stored, verified and of no ephemeral kind; ``vanishes`` where it is a kind 62 that asks this relay."""

    event: Event
    vanishes: bool = False


class StoredEvent(NamedTuple):
    """An event as it is served: ``id`` 32 bytes, times in seconds since the epoch, ``json`` the seven fields.

    ``expires_at`` is for whoever sends it later: after that time it must not be sent any more.
    """

    id: bytes
    created_at: int
    expires_at: int | None
    json: bytes


@frozen
class Query:
    """Filters, of which one must match; a filter without a limit has ``default_limit``, and none has more than ``max_limit``.

    ``readers`` are the keys that whoever asks has proved: gift wraps are found by those they are for only. ``max_bytes`` is
    what all events together may take. With ``whole_seconds`` a filter that ``max_limit`` or the default cuts off yields
    all events of the last second (NIP-67), up to ``max_limit`` more.
    """

    filters: tuple[Filter, ...]
    readers: frozenset[str] = frozenset()
    default_limit: int = 500
    max_limit: int = 5000
    max_bytes: int = 32 * 1024 * 1024
    whole_seconds: bool = False


@frozen
class Answer:
    """Events once each, by ``created_at`` descending, then id ascending; ``complete`` unless stored ones were left out."""

    events: list[StoredEvent]
    complete: bool


@frozen
class Tally:
    """How many distinct events there are; ``registers`` are HyperLogLog's of their authors, where asked for."""

    count: int
    registers: bytes | None = None


@frozen
class Listed:
    """An item of a list that the operator keeps (banned keys, allowed kinds, blocked addresses …), and why it is there."""

    item: str
    reason: str = ""


@frozen
class EventFigures:
    """How many events are kept, and how many bytes the database takes on the disk (or in memory) without what is free."""

    events: int
    bytes: int


class EventStore(Protocol):
    """Events, and the operator's lists beside them."""

    async def insert(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Store events in this order, with all they replace, delete or make vanish; once this returns it is durable.

        What several callers give at the same time becomes one transaction.
        """

    async def screen(self, events: Sequence[Event]) -> list[Outcome]:
        """What would become of each now (STORED: it would be): cheap, so that a signature need not be checked in vain."""

    async def query(self, query: Query) -> Answer:
        """The stored events that are asked for. Cancelling the wait ends the query; :class:`TooLong` after its time."""

    async def count(self, query: Query, offset: int | None = None) -> Tally:
        """How many events match, limits aside; with an ``offset`` (:func:`hyperloglog.offset_of`) the authors' registers."""

    async def items(self, wanted: Filter, readers: frozenset[str], at_most: int) -> list[tuple[int, bytes]] | None:
        """``(created_at, id)`` of all matching events, ascending, for reconciliation; None if there are more than ``at_most``.

        The filter's ``limit`` holds (the newest then).
        """

    async def forget(self, wanted: Filter, at_most: int) -> int:
        """Remove up to so many matching events, of whatever kind; how many went: call again while it is ``at_most``."""

    async def forget_expired(self, at_most: int) -> int:
        """Remove up to so many events whose time has come; how many went."""

    async def forget_oldest(self, at_most: int) -> int:
        """Remove so many of the oldest events, deletions and requests to vanish excepted; how many went."""

    async def figures(self) -> EventFigures:
        """How much is kept."""

    async def entries(self, name: str) -> list[Listed]:
        """The operator's list of that name, by item."""

    async def enter(self, name: str, entry: Listed) -> None:
        """Put an item on a list, or change its reason."""

    async def strike(self, name: str, item: str) -> bool:
        """Take an item off a list; False if it was not on it."""

    def condition(self) -> str | None:
        """None while writes succeed, else why the last one failed."""

    async def close(self) -> None:
        """Finish what was given, and close."""
