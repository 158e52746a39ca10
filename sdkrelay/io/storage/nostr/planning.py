"""Turns a filter into the one scan that reads least, with everything else as conditions on its rows.

A scan over one key of an index comes in the order of serving and ends at its limit. Over several keys it does not, so that
it is read in windows of time (see ``querying``). Lists are padded to powers of two, so that few statements serve all lengths.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve, field, frozen

from ....domain.nostr import kinds
from ....domain.nostr.event import LATEST
from ....domain.nostr.filter import Filter
from .labels import labels

#: Rows counted at most to compare two scans.
_SAMPLE = 1000
#: Pairs of author and kind up to which their common index is read at each of them.
_PAIRS = 2000

_TAGGED = "tags t CROSS JOIN events e ON e.serial = t.serial"
_SEARCHED = "search s CROSS JOIN events e ON e.serial = s.rowid"


@frozen
class Condition:
    """A condition and the values of its question marks."""

    text: str
    values: tuple[Any, ...] = ()


@frozen
class Scan:
    """Which rows to read: ``timed`` is the table whose times order them, ``ordered`` says that they come in that order."""

    source: str
    conditions: tuple[Condition, ...]
    timed: str = "e"
    ordered: bool = False
    ranked: bool = False

    def with_conditions(self, more: Iterable[Condition]) -> Scan:
        """The same rows, fewer of them."""
        return evolve(self, conditions=(*self.conditions, *more))

    def between(self, since: int, until: int) -> Scan:
        """Only rows of this time, both ends included."""
        return self.with_conditions([Condition(f"{self.timed}.created_at BETWEEN ? AND ?", (since, until))])

    @property
    def where(self) -> str:
        """The conditions, as they stand in a statement."""
        return " AND ".join(condition.text for condition in self.conditions) or "1"

    @property
    def values(self) -> tuple[Any, ...]:
        """The values of all question marks, in order."""
        return tuple(value for condition in self.conditions for value in condition.values)

    @property
    def order(self) -> str:
        """The order of serving (of a search: by relevance first)."""
        order = f"{self.timed}.created_at DESC, {self.timed}.tie"
        return f"s.rank, {order}" if self.ranked else order


@frozen
class Asker:
    """Who asks and when: decides which gift wraps are seen and what has expired."""

    readers: frozenset[str] = field(repr=False)
    now: int
    #: Whether indexes alone should do, since no event itself is wanted.
    counting: bool = False

    def unexpired(self) -> Condition:
        """Expiry stands in the event; a count looks it up apart instead, where those of the past are few."""
        if self.counting:
            ended = "SELECT serial FROM events INDEXED BY events_by_end WHERE expires_at <= ?"
            return Condition(f"e.serial NOT IN ({ended})", (self.now,))
        return Condition("(e.expires_at IS NULL OR e.expires_at > ?)", (self.now,))


def plan(connection: sqlite3.Connection, wanted: Filter, asker: Asker | None) -> Scan | None:
    """The cheapest scan for all events that match, at whatever time, and may be seen; None where there can be none.

    Nobody asking (None) is the relay itself, which sees all there is.
    """
    if wanted.impossible():
        return None
    visible = [] if asker is None else _visibility(wanted, asker)
    if visible is None:
        return None
    choices = _choices(wanted, frozenset() if asker is None else asker.readers)
    chosen = choices[0] if len(choices) == 1 else min(choices, key=lambda choice: _estimate(connection, choice[0]))
    scan, remaining = chosen
    return scan.with_conditions([*_residue(remaining), *visible])


def bounds(wanted: Filter) -> tuple[int, int]:
    """The earliest and the latest time a filter asks for."""
    return wanted.since or 0, LATEST if wanted.until is None else wanted.until


def _choices(wanted: Filter, readers: frozenset[str]) -> list[tuple[Scan, Filter]]:
    """Scans that could be taken, each with what of the filter it does not answer itself."""
    if wanted.words:
        return [(_by_words(wanted.words), evolve(wanted, search=None))]
    if wanted.ids is not None:
        ids = _condition("e.id", map(bytes.fromhex, wanted.ids))
        return [(Scan("events e", (ids,)), evolve(wanted, ids=None))]
    choices = [_by_tag(wanted, place) for place in range(len(wanted.tags))]
    if wanted.authors is not None:
        choices.append(_by_author(wanted, wanted.authors))
    if readers and _private_only(wanted):
        addressed = evolve(wanted, tags=(("p", readers),))
        choices.append((_by_tag(addressed, 0)[0], evolve(wanted, kinds=None)))
    return choices or [_by_kind(wanted)]


def _by_words(words: frozenset[str]) -> Scan:
    terms = " AND ".join(f'"{word}"' for word in sorted(words))
    return Scan(_SEARCHED, (Condition("search MATCH ?", (terms,)),), ranked=True)


def _by_tag(wanted: Filter, place: int) -> tuple[Scan, Filter]:
    letter, values = wanted.tags[place]
    conditions = [_condition("t.label", labels(letter, values))]
    if wanted.kinds is not None:
        conditions.append(_condition("t.kind", wanted.kinds))
    rest = wanted.tags[:place] + wanted.tags[place + 1 :]
    scan = Scan(_TAGGED, tuple(conditions), timed="t", ordered=len(values) == 1)
    return scan, evolve(wanted, tags=rest, kinds=None)


def _by_author(wanted: Filter, authors: frozenset[str]) -> tuple[Scan, Filter]:
    by_author = _condition("e.pubkey", map(bytes.fromhex, authors))
    keys = len(authors) * len(wanted.kinds or ())
    if wanted.kinds is None or keys > _PAIRS:
        scan = Scan("events e INDEXED BY events_by_author", (by_author,), ordered=len(authors) == 1)
        return scan, evolve(wanted, authors=None)
    conditions = (by_author, _condition("e.kind", wanted.kinds))
    scan = Scan("events e INDEXED BY events_by_author_and_kind", conditions, ordered=keys == 1)
    return scan, evolve(wanted, authors=None, kinds=None)


def _by_kind(wanted: Filter) -> tuple[Scan, Filter]:
    if wanted.kinds is None:
        return Scan("events e INDEXED BY events_by_time", (), ordered=True), wanted
    condition = _condition("e.kind", wanted.kinds)
    scan = Scan("events e INDEXED BY events_by_kind", (condition,), ordered=len(wanted.kinds) == 1)
    return scan, evolve(wanted, kinds=None)


def _residue(wanted: Filter) -> list[Condition]:
    """What the scan leaves open, as conditions on the event itself."""
    conditions = []
    if wanted.ids is not None:
        conditions.append(_condition("e.id", map(bytes.fromhex, wanted.ids)))
    if wanted.authors is not None:
        conditions.append(_condition("e.pubkey", map(bytes.fromhex, wanted.authors)))
    if wanted.kinds is not None:
        conditions.append(_condition("e.kind", wanted.kinds))
    return conditions + [_tagged(letter, values) for letter, values in wanted.tags]


def _visibility(wanted: Filter, asker: Asker) -> list[Condition] | None:
    """What has not expired, and gift wraps for those they are for; None where only others' wraps are asked for."""
    unexpired = asker.unexpired()
    if wanted.kinds is not None and not wanted.kinds & kinds.PRIVATE:
        return [unexpired]
    if not asker.readers:
        return None if _private_only(wanted) else [unexpired, Condition("e.kind <> ?", (kinds.GIFT_WRAP,))]
    addressed = _tagged("p", asker.readers)
    return [unexpired, Condition(f"(e.kind <> ? OR {addressed.text})", (kinds.GIFT_WRAP, *addressed.values))]


def _private_only(wanted: Filter) -> bool:
    return wanted.kinds is not None and wanted.kinds <= kinds.PRIVATE


def _tagged(letter: str, values: Iterable[str]) -> Condition:
    same = "x.created_at = e.created_at AND x.tie = e.tie AND x.serial = e.serial"
    condition = _condition("x.label", labels(letter, values))
    return Condition(f"EXISTS (SELECT 1 FROM tags x WHERE {condition.text} AND {same})", condition.values)


def _condition(column: str, values: Iterable[Any]) -> Condition:
    """The column is one of these, of which there is at least one."""
    listed: Sequence[Any] = sorted(values)
    if len(listed) == 1:
        return Condition(f"{column} = ?", (listed[0],))
    size = 1 << (len(listed) - 1).bit_length()
    marks = ",".join("?" * size)
    return Condition(f"{column} IN ({marks})", (*listed, *[listed[-1]] * (size - len(listed))))


def _estimate(connection: sqlite3.Connection, scan: Scan) -> int:
    text = f"SELECT count(*) FROM (SELECT 1 FROM {scan.source} WHERE {scan.where} LIMIT {_SAMPLE})"
    (count,) = connection.execute(text, scan.values).fetchone()
    return int(count)
