"""Signed records, each message that counts under its name with the entry of the log that tells of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, frozen
from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, select, update

from ...domain.clock import milliseconds_of
from ...domain.notification import Entry
from ...domain.record import REMEMBERED, Outcome, Record, Sort, is_same, notice_of, winner
from ...ports import Expired, Stored
from . import log
from .bulk import insert_all
from .runner import Runner
from .schema import entry, expired, record

#: Databases bound the number of parameters of a statement.
CHUNK = 500

HELD = select(record).where(record.c.record_id.in_(bindparam("these", expanding=True)))
HELD_IDS = select(record.c.record_id).where(record.c.record_id.in_(bindparam("these", expanding=True)))
EXPIRED_IDS = select(expired.c.record_id).where(expired.c.record_id.in_(bindparam("these", expanding=True)))
MESSAGES = select(record).where(record.c.kind == Sort.MESSAGE)
LIVE = record.c.expires_at > bindparam("now")
NAMED = MESSAGES.where(record.c.message_id.in_(bindparam("these", expanding=True)), LIVE)
COUNTING = MESSAGES.where(record.c.number > 0, LIVE).order_by(record.c.number)
FACTS = select(record).where(record.c.kind == Sort.PAYMENT, record.c.message_id == bindparam("name"), LIVE)
UNSIGNED = MESSAGES.where(record.c.signature == b"").order_by(record.c.number).limit(bindparam("most"))
SUMMARY = select(record.c.hlc, record.c.record_id).where(LIVE)
LATEST = select(func.max(record.c.hlc))
BY_AUTHOR = select(record.c.author).where(record.c.author == bindparam("who"), LIVE).limit(bindparam("most"))
BY_ORIGIN = select(record.c.origin).where(record.c.origin == bindparam("who")).limit(bindparam("most"))
OF_AUTHOR, OF_ORIGIN = (select(func.count()).select_from(each.subquery()) for each in (BY_AUTHOR, BY_ORIGIN))
OVER = (
    select(record.c.record_id, record.c.message_id, record.c.hlc, record.c.ttl, record.c.expires_at, record.c.number)
    .where(record.c.expires_at <= bindparam("now"))
    .limit(bindparam("most"))
)
RENUMBER = update(record).where(record.c.record_id == bindparam("which")).values(number=bindparam("to"))
SIGN = update(record).where(record.c.message_id == bindparam("name"), record.c.signature == b"")
REMOVE = delete(record).where(record.c.record_id == bindparam("which"))
REMOVE_ENTRY = delete(entry).where(entry.c.number == bindparam("which"))
FORGET = delete(expired).where(expired.c.forget_at <= bindparam("now"))


class DatabaseRecords:
    """The ``RecordStore``."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def put(self, records: Sequence[Record], now: float) -> list[Stored]:
        """Keep records of other relays, decide what counts under each name, and log what is told."""
        return await self._runner.write(lambda connection: _put(connection, records, int(now)))

    async def leave(self, record: Record, now: float, bounds: tuple[int, int]) -> Stored:
        """Keep one of this relay's own, or say why not."""
        return await self._runner.write(lambda connection: _leave(connection, record, int(now), bounds))

    async def get(self, record_ids: Sequence[bytes]) -> list[Record]:
        """Those of them that are kept."""
        return await self._runner.read(lambda connection: [_record(row) for row in _rows(connection, HELD, record_ids)])

    async def counting(self, now: float) -> list[Record]:
        """The messages that count, in the order of the log."""
        return await self._runner.read(
            lambda connection: [_record(row) for row in connection.execute(COUNTING, {"now": int(now)})]
        )

    async def named(self, message_id: str, now: float) -> Record | None:
        """The message that counts under a name."""
        return await self._runner.read(
            lambda connection: winner(_record(row) for row in _rows(connection, NAMED, [message_id], now=int(now)))
        )

    async def facts(self, payment_id: str, now: float) -> list[Record]:
        """The records about a payment whose time has not come."""
        asked = {"name": payment_id, "now": int(now)}
        return await self._runner.read(lambda connection: [_record(row) for row in connection.execute(FACTS, asked)])

    async def unknown(self, record_ids: Sequence[bytes]) -> list[bytes]:
        """Those of them that are neither kept nor remembered as expired."""

        def work(connection: Connection) -> list[bytes]:
            known = _ids(connection, HELD_IDS, record_ids) | _ids(connection, EXPIRED_IDS, record_ids)
            return [each for each in record_ids if each not in known]

        return await self._runner.read(work)

    async def summary(self, now: float) -> list[tuple[int, bytes]]:
        """Milliseconds and id of all whose time has not come."""

        def work(connection: Connection) -> list[tuple[int, bytes]]:
            return [(milliseconds_of(hlc), name) for hlc, name in connection.execute(SUMMARY, {"now": int(now)})]

        return await self._runner.read(work)

    async def latest(self) -> int:
        """The highest reading of the clock in any record."""
        return await self._runner.read(lambda connection: connection.execute(LATEST).scalar_one() or 0)

    async def expire(self, now: float, limit: int) -> Expired:
        """Let records go whose time has come, with their entries, and remember their ids; what they had replaced counts again."""
        return await self._runner.write(lambda connection: _expire(connection, int(now), limit))

    async def unsigned(self, limit: int) -> list[Record]:
        """Messages of earlier releases that nobody has signed yet."""
        return await self._runner.read(
            lambda connection: [_record(row) for row in connection.execute(UNSIGNED, {"most": limit})]
        )

    async def sign(self, signed: Sequence[tuple[Record, Record]]) -> None:
        """Keep the second of each pair in place of the first; its entry stays."""

        def work(connection: Connection) -> None:
            for old, new in signed:
                connection.execute(SIGN.values(_columns(new)), {"name": old.message_id})

        await self._runner.write(work)


@define(eq=False)
class _Held:
    """A message that is kept, and the number of its entry."""

    record: Record
    number: int


@frozen
class _Decision:
    """Under one name: what counted before, what counts now, what is new, and whether anything is told."""

    before: _Held | None
    after: Record
    new: tuple[Record, ...]

    @property
    def is_told(self) -> bool:
        """Whether what counts now says something else than what counted before."""
        return self.before is None or not is_same(self.after, self.before.record)

    def outcome(self, each: Record) -> tuple[Outcome, Record | None]:
        """What became of one of the new ones, and the record it met."""
        if is_same(each, self.after) and each is not self.after:
            return Outcome.KEPT, None
        if each is not self.after:
            return Outcome.BEATEN, self.after
        before = self.before.record if self.before and self.is_told else None
        return (Outcome.REPLACED if before else Outcome.KEPT), before


def _put(connection: Connection, records: Sequence[Record], now: int) -> list[Stored]:
    ids = [each.record_id for each in records]
    answers = dict.fromkeys(_ids(connection, HELD_IDS, ids), Outcome.SAME)
    answers |= dict.fromkeys(_ids(connection, EXPIRED_IDS, ids), Outcome.EXPIRED)
    fresh: dict[bytes, Record] = {}
    for each in records:
        if each.expires_at <= now:
            answers.setdefault(each.record_id, Outcome.EXPIRED)
        elif each.record_id not in answers:
            fresh.setdefault(each.record_id, each)
    kept = _keep(connection, list(fresh.values()), now)
    told: list[Stored] = []
    for each in records:
        # What came twice in one batch is the same the second time.
        again = Stored(each, answers.get(each.record_id, Outcome.SAME))
        told.append(kept.pop(each.record_id, again))
    return told


def _keep(connection: Connection, fresh: list[Record], now: int) -> dict[bytes, Stored]:
    decisions = _decide(connection, [each for each in fresh if each.kind is Sort.MESSAGE], now)
    told = [decision for decision in decisions if decision.is_told]
    entries = log.record(connection, [notice_of(decision.after) for decision in told], now)
    found = {decision.after.record_id: item for decision, item in zip(told, entries, strict=True)}
    stored = {each.record_id: Stored(each, Outcome.KEPT) for each in fresh}
    for decision in decisions:
        stored |= _apply(connection, decision, found.get(decision.after.record_id))
    insert_all(connection, record, [_row(item.record, item.number) for item in stored.values()])
    return stored


def _decide(connection: Connection, fresh: list[Record], now: int) -> list[_Decision]:
    """What counts under each name once these are kept."""
    held: dict[str, list[_Held]] = {}
    new: dict[str, list[Record]] = {}
    for each in fresh:
        new.setdefault(each.message_id, []).append(each)
    for row in _rows(connection, NAMED, list(new), now=now):
        held.setdefault(row.message_id, []).append(_Held(_record(row), row.number))
    return [_decision(held.get(name, []), tuple(several)) for name, several in new.items()]


def _decision(held: list[_Held], new: tuple[Record, ...]) -> _Decision:
    before = winner(each.record for each in held)
    after = winner([*(each.record for each in held), *new])
    if after is None:
        raise ValueError("of no record none counts")
    return _Decision(next((each for each in held if each.record is before), None), after, new)


def _apply(connection: Connection, decision: _Decision, told: Entry | None) -> dict[bytes, Stored]:
    """Give what counts now its entry, take that of what counted before; what is said of the new ones."""
    before, after = decision.before, decision.after
    number = told.number if told else before.number if before else 0
    if before is not None and before.record is not after:
        connection.execute(RENUMBER, {"which": before.record.record_id, "to": 0})
        if told:
            connection.execute(REMOVE_ENTRY, {"which": before.number})
        else:
            log.rewrite(connection, number, notice_of(after))
    if after not in decision.new and (before is None or before.record is not after):
        connection.execute(RENUMBER, {"which": after.record_id, "to": number})
    stored = {}
    for place, each in enumerate(decision.new):
        outcome, other = decision.outcome(each)
        entries = (told,) if told and place == 0 else ()
        stored[each.record_id] = Stored(each, outcome, number if each is after else 0, entries, other)
    return stored


def _leave(connection: Connection, new: Record, now: int, bounds: tuple[int, int]) -> Stored:
    held = [_Held(_record(row), row.number) for row in _rows(connection, NAMED, [new.message_id], now=now)]
    before = winner(each.record for each in held)
    if before is not None and is_same(before, new):
        return Stored(before, Outcome.SAME, next(each.number for each in held if each.record is before))
    if before is not None and before.author != new.author:
        return Stored(new, Outcome.TAKEN, other=before)
    if _is_full(connection, new, now, bounds):
        return Stored(new, Outcome.FULL)
    (stored,) = _put(connection, [new], now)
    return stored


def _is_full(connection: Connection, new: Record, now: int, bounds: tuple[int, int]) -> bool:
    """Whether its author, or this relay, has as many as it may; no more than that are counted."""
    of_author = connection.execute(OF_AUTHOR, {"who": new.author, "now": now, "most": bounds[0]}).scalar_one()
    of_origin = connection.execute(OF_ORIGIN, {"who": new.origin, "most": bounds[1]}).scalar_one()
    return bool(of_author >= bounds[0] or of_origin >= bounds[1])


def _expire(connection: Connection, now: int, limit: int) -> Expired:
    connection.execute(FORGET, {"now": now})
    rows = connection.execute(OVER, {"now": now, "most": limit}).all()
    if not rows:
        return Expired()
    remembered = [
        {"record_id": row.record_id, "forget_at": forget_at}
        for row in rows
        if (forget_at := row.expires_at + row.ttl + REMEMBERED) > now
    ]
    if remembered:
        connection.execute(insert(expired), remembered)
    connection.execute(REMOVE, [{"which": row.record_id} for row in rows])
    connection.execute(REMOVE_ENTRY, [{"which": row.number} for row in rows])
    entries = _count_again(connection, sorted({row.message_id for row in rows if row.number}), now)
    return Expired(tuple((milliseconds_of(row.hlc), row.record_id) for row in rows), entries)


def _count_again(connection: Connection, names: Sequence[str], now: int) -> tuple[Entry, ...]:
    """What counted under these names is gone: of what is left the winner counts, as it does where the others never were."""
    held: dict[str, list[Record]] = {}
    numbers: dict[bytes, int] = {}
    for row in _rows(connection, NAMED, names, now=now):
        held.setdefault(row.message_id, []).append(_record(row))
        numbers[row.record_id] = row.number
    counting = [each for several in held.values() if (each := winner(several)) and not numbers[each.record_id]]
    entries = tuple(log.record(connection, [notice_of(each) for each in counting], now))
    for each, told in zip(counting, entries, strict=True):
        connection.execute(RENUMBER, {"which": each.record_id, "to": told.number})
    return entries


def _rows(connection: Connection, statement: Select[Any], these: Sequence[Any], **more: object) -> Iterator[Row[Any]]:
    """What a statement finds for these, a bounded number at a time."""
    for start in range(0, len(these), CHUNK):
        yield from connection.execute(statement, {"these": these[start : start + CHUNK], **more})


def _ids(connection: Connection, statement: Select[Any], these: Sequence[bytes]) -> set[bytes]:
    return {row.record_id for row in _rows(connection, statement, these)}


def _record(row: Row[Any]) -> Record:
    return Record(
        Sort(row.kind), row.origin, row.key, row.author, row.message_id, row.content, row.hlc, row.ttl, row.signature
    )


def _columns(each: Record) -> dict[str, object]:
    """A record's row but for its entry."""
    return {
        "record_id": each.record_id,
        "kind": each.kind.value,
        "origin": each.origin,
        "key": each.key,
        "author": each.author,
        "message_id": each.message_id,
        "content": each.content,
        "hlc": each.hlc,
        "ttl": each.ttl,
        "signature": each.signature,
        "expires_at": each.expires_at,
    }


def _row(each: Record, number: int) -> dict[str, object]:
    return {**_columns(each), "number": number}
