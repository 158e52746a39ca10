"""The log of notifications: what was told, in one order for everybody, so that whoever was away can be told again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import msgspec
from sqlalchemy import Connection, Select, bindparam, delete, func, select, update

from ...domain.notification import Entry, Kind, Notice, Topic
from . import facts
from .bulk import insert_all
from .facts import Counter
from .runner import Runner
from .schema import entry

#: Under this fact the log's name is kept.
LOG_ID = "log_id"

#: Rows fetched by number in one statement; databases bound the number of parameters.
FETCH = 500

AFTER = (
    select(entry.c.number)
    .where(entry.c.topic == bindparam("topic"), entry.c.number > bindparam("after"))
    .order_by(entry.c.number)
    .limit(bindparam("most"))
)
PUBLIC = AFTER.where(entry.c.wallet_id.is_(None))
PRIVATE = AFTER.where(entry.c.wallet_id == bindparam("owner"))
CREATED = AFTER.where(entry.c.creator == bindparam("owner"))
NEXT = select(entry.c.number, entry.c.at).where(entry.c.number > bindparam("after")).order_by(entry.c.number).limit(1)
ENTRIES = select(entry).where(entry.c.number.in_(bindparam("numbers", expanding=True))).order_by(entry.c.number)
FIRST_FRESH = select(entry.c.number).where(entry.c.at >= bindparam("before")).order_by(entry.c.number).limit(1)
NEWEST_NOT_KEPT = select(entry.c.number).order_by(entry.c.number.desc()).offset(bindparam("keep")).limit(1)
EXPIRE = delete(entry).where(entry.c.number <= bindparam("through"))
HIGHEST_UNTIL = select(func.max(entry.c.number)).where(entry.c.number <= bindparam("through"))
REWRITE = update(entry).where(entry.c.number == bindparam("which"))
FORGET = delete(entry).where(entry.c.wallet_id == bindparam("owner"))


def record(connection: Connection, notices: Sequence[Notice], at: int) -> list[Entry]:
    """Append notices to the log in the caller's transaction; what they became, in the same order."""
    if not notices:
        return []
    first = facts.advance(connection, Counter.ENTRIES, len(notices)) + 1
    entries = [_entry(number, notice, at) for number, notice in enumerate(notices, first)]
    insert_all(connection, entry, [_row(item) for item in entries])
    return entries


def rewrite(connection: Connection, number: int, notice: Notice) -> None:
    """Let an entry say this from now on to whoever asks for it; who has heard it is not told again."""
    connection.execute(REWRITE.values(body=msgspec.json.encode(notice.data)), {"which": number})


def forget(connection: Connection, wallet_id: str) -> None:
    """Delete a wallet's entries; no public position is missing for it."""
    connection.execute(FORGET, {"owner": wallet_id})


def _entry(number: int, notice: Notice, at: int) -> Entry:
    body = msgspec.json.encode(notice.data)
    return Entry(number, notice.kind, notice.topic, notice.wallet_id, body, at, notice.creator)


def _row(item: Entry) -> dict[str, object]:
    return {
        "number": item.number,
        "kind": item.kind.value,
        "topic": item.topic.value,
        "wallet_id": item.wallet_id,
        "body": item.body,
        "at": item.at,
        "creator": item.creator,
    }


class DatabaseLog:
    """The ``LogStore``."""

    def __init__(self, runner: Runner, now: Callable[[], float]) -> None:
        self._runner = runner
        self._now = now

    async def log_id(self) -> str:
        """This log's name, made when the database was."""
        name = await self._runner.read(lambda connection: facts.get_fact(connection, LOG_ID))
        if name is None:
            raise LookupError("the log has no name: the database was not opened by open_store")
        return name

    async def last_number(self) -> int:
        """The highest number ever given; 0 for an empty log."""
        return await self._runner.read(lambda connection: facts.value(connection, Counter.ENTRIES))

    async def oldest_number(self) -> int:
        """The lowest number from which nothing is missing."""
        return 1 + await self._runner.read(lambda connection: facts.value(connection, Counter.EXPIRED))

    async def read(self, after: int, topics: frozenset[Topic], wallet_ids: frozenset[str], limit: int) -> list[Entry]:
        """At most ``limit`` entries above ``after``, ascending; names with a colon are of creators, the others of wallets.

        Each topic and each wallet is asked for its next numbers by the index alone; only the entries told are fetched.
        """
        return await self._runner.read(lambda connection: _read(connection, after, topics, wallet_ids, limit))

    async def number_before(self, at: int) -> int:
        """The number after which all that was told from this time on stands, found by halving: times grow with numbers."""
        return await self._runner.read(lambda connection: _number_before(connection, at))

    async def prune(self, before: int, keep: int) -> int:
        """Forget all before the first entry that is fresh and all but the newest ``keep``; how many went."""
        return await self._runner.write(lambda connection: _prune(connection, before, keep))


def _read(
    connection: Connection, after: int, topics: frozenset[Topic], wallet_ids: frozenset[str], limit: int
) -> list[Entry]:
    numbers: set[int] = set()
    for statement, parameters in _sources(topics, wallet_ids):
        numbers.update(connection.execute(statement, {**parameters, "after": after, "most": limit}).scalars())
    wanted = iter(sorted(numbers)[:limit])
    entries: list[Entry] = []
    while chunk := list(islice(wanted, FETCH)):
        entries += (_told(row) for row in connection.execute(ENTRIES, {"numbers": chunk}))
    return entries


def _sources(topics: frozenset[Topic], wallet_ids: frozenset[str]) -> Iterable[tuple[Select[int], dict[str, object]]]:
    for topic in topics:
        yield PUBLIC, {"topic": topic}
    if Topic.PAYMENTS in topics:
        for name in wallet_ids:
            yield CREATED if ":" in name else PRIVATE, {"topic": Topic.PAYMENTS, "owner": name}


def _told(row: Sequence[object]) -> Entry:
    number, kind, topic, wallet_id, body, at, creator = row
    return Entry(number, Kind(kind), Topic(topic), wallet_id, body, at, creator)  # type: ignore[arg-type]


def _number_before(connection: Connection, at: int) -> int:
    low, high = facts.value(connection, Counter.EXPIRED), facts.value(connection, Counter.ENTRIES)
    while low < high:
        middle = (low + high) // 2
        following = connection.execute(NEXT, {"after": middle}).one_or_none()
        if following is None or following.at >= at:
            high = middle
        else:
            low = following.number
    return low


def _prune(connection: Connection, before: int, keep: int) -> int:
    fresh = connection.execute(FIRST_FRESH, {"before": before}).scalar_one_or_none()
    stale = facts.value(connection, Counter.ENTRIES) if fresh is None else fresh - 1
    surplus = connection.execute(NEWEST_NOT_KEPT, {"keep": keep}).scalar_one_or_none()
    through = connection.execute(HIGHEST_UNTIL, {"through": max(stale, surplus or 0)}).scalar_one()
    if through is None:
        return 0
    facts.set_value(connection, Counter.EXPIRED, through)
    return connection.execute(EXPIRE, {"through": through}).rowcount
