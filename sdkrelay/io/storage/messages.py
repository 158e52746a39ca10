"""Messages that clients left for all, each with the entry of the log that tells of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from ...domain.deposit import KeptMessage, Outcome
from ...domain.notification import Entry, Notice
from .log import record
from .runner import Runner
from .schema import entry, message

#: So many whose time has come go with each message that comes; more than one, so that they all go in time.
SWEEP = 100

OVER = select(message).where(message.c.expires_at <= bindparam("now")).limit(SWEEP)
LIVE = select(message).where(message.c.expires_at > bindparam("now")).order_by(message.c.number)
NAMED = select(message).where(message.c.message_id == bindparam("name"))
FORGET = delete(message).where(message.c.message_id == bindparam("name"))
FORGET_ENTRY = delete(entry).where(entry.c.number == bindparam("which"))
OF_AUTHOR = select(func.count()).select_from(message).where(message.c.author == bindparam("who"))
OF_ALL = select(func.count()).select_from(message)


class DatabaseMessages:
    """The ``MessageStore``."""

    def __init__(self, runner: Runner, now: Callable[[], float]) -> None:
        self._runner = runner
        self._now = now

    async def keep(
        self, new: KeptMessage, notice: Notice, bounds: tuple[int, int]
    ) -> tuple[KeptMessage, Outcome, list[Entry]]:
        """Keep it, or say why not; messages whose time has come make room first."""
        return await self._runner.write(lambda connection: _keep(connection, new, notice, bounds, int(self._now())))

    async def message(self, message_id: str, now: float) -> KeptMessage | None:
        """The message of this id, if its time has not come."""

        def work(connection: Connection) -> KeptMessage | None:
            row = connection.execute(NAMED, {"name": message_id}).one_or_none()
            return None if row is None or row.expires_at <= now else _kept(row)

        return await self._runner.read(work)

    async def messages(self, now: float) -> list[KeptMessage]:
        """Those whose time has not come, in the order of the log."""
        return await self._runner.read(
            lambda connection: [_kept(row) for row in connection.execute(LIVE, {"now": int(now)})]
        )


def _keep(
    connection: Connection, new: KeptMessage, notice: Notice, bounds: tuple[int, int], now: int
) -> tuple[KeptMessage, Outcome, list[Entry]]:
    for row in connection.execute(OVER, {"now": now}).all():
        _forget(connection, _kept(row))
    held = _named(connection, new.message_id, now)
    outcome = _outcome(connection, held, new, bounds)
    if held is not None and outcome is not Outcome.REPLACED:
        return held, outcome, []
    if outcome is Outcome.FULL:
        return new, outcome, []
    if held is not None:
        _forget(connection, held)
    (told,) = record(connection, [notice], now)
    kept = evolve(new, number=told.number)
    connection.execute(insert(message), [_row(kept)])
    return kept, outcome, [told]


def _outcome(connection: Connection, held: KeptMessage | None, new: KeptMessage, bounds: tuple[int, int]) -> Outcome:
    if held is not None:
        if held.content == new.content:
            return Outcome.SAME
        return Outcome.REPLACED if held.author == new.author else Outcome.TAKEN
    mine = connection.execute(OF_AUTHOR, {"who": new.author}).scalar_one()
    full = mine >= bounds[0] or connection.execute(OF_ALL).scalar_one() >= bounds[1]
    return Outcome.FULL if full else Outcome.KEPT


def _named(connection: Connection, name: str, now: int) -> KeptMessage | None:
    """The message of this id; one whose time has come goes, even if many before it have not gone yet."""
    row = connection.execute(NAMED, {"name": name}).one_or_none()
    held = None if row is None else _kept(row)
    if held is not None and held.expires_at <= now:
        _forget(connection, held)
        return None
    return held


def _forget(connection: Connection, gone: KeptMessage) -> None:
    connection.execute(FORGET, {"name": gone.message_id})
    connection.execute(FORGET_ENTRY, {"which": gone.number})


def _kept(row: Row[Any]) -> KeptMessage:
    return KeptMessage(row.message_id, row.author, row.content, row.received_at, row.expires_at, row.number)


def _row(kept: KeptMessage) -> dict[str, object]:
    return {
        "message_id": kept.message_id,
        "author": kept.author,
        "content": kept.content,
        "received_at": kept.received_at,
        "expires_at": kept.expires_at,
        "number": kept.number,
    }
