"""Takes messages that clients leave for all: acknowledged once they are on the disk, then told."""

from __future__ import annotations

from typing import Any

import msgspec
from attrs import frozen

from ..domain.deposit import KeptMessage, Outcome
from ..domain.measure import MESSAGES_SYNCED
from ..domain.notification import Kind, Notice, SyncMessageData, Topic
from ..domain.problem import Code, Problem
from ..messages.native.relays import ConflictDetected, SyncAck, SyncMessage
from ..ports import Caller, Clock, Meter, Store
from .hub import Hub
from .router import handles


@frozen
class Bounds:
    """How many messages may be kept of one author and of all, and how many bytes of JSON one may have."""

    author: int = 1_000
    all: int = 100_000
    size: int = 65_536


class DepositService:
    """Answers ``sync_message``."""

    def __init__(self, store: Store, hub: Hub, clock: Clock, meter: Meter, bounds: Bounds | None = None) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock
        self._meter = meter
        self._bounds = bounds or Bounds()

    @handles(SyncMessage)
    async def keep(self, request: SyncMessage, caller: Caller) -> SyncAck | ConflictDetected:
        """Acknowledged, or a conflict with somebody else's; LIMIT_EXCEEDED when there are too many, TOO_LARGE for a big one."""
        message = self._message(request, caller)
        limits = (self._bounds.author, self._bounds.all)
        kept, outcome, entries = await self._store.messages.keep(message, _notice(message, request.content), limits)
        if outcome is Outcome.FULL:
            raise Problem(Code.LIMIT_EXCEEDED, f"at most {limits[0]} messages of one author are kept", limit=limits[0])
        if outcome is Outcome.TAKEN:
            return ConflictDetected(message_id=request.message_id, resolution="keep_first")
        if outcome is Outcome.REPLACED:
            caller.tell(ConflictDetected(message_id=request.message_id, resolution="keep_latest"))
        self._meter.count(MESSAGES_SYNCED, by=len(entries))
        await self._hub.publish(entries)
        return SyncAck(
            message_id=request.message_id, expires_at=kept.expires_at, position=self._hub.position_of(kept.number)
        )

    async def live(self) -> list[KeptMessage]:
        """The messages kept whose time has not come."""
        return await self._store.messages.messages(self._clock.now())

    async def restore(self, message: KeptMessage) -> Outcome:
        """Keep a message as it was kept elsewhere; TAKEN if there is another content under its id, whoever's."""
        held = await self._store.messages.message(message.message_id, self._clock.now())
        if held is not None and held.content != message.content:
            return Outcome.TAKEN
        limits = (self._bounds.all, self._bounds.all)
        notice = _notice(message, msgspec.json.decode(message.content))
        _, outcome, entries = await self._store.messages.keep(message, notice, limits)
        await self._hub.publish(entries)
        return outcome

    def _message(self, request: SyncMessage, caller: Caller) -> KeptMessage:
        content = msgspec.json.encode(request.content, order="deterministic")
        if len(content) > self._bounds.size:
            expected = f"at most {self._bounds.size} bytes of JSON"
            raise Problem(Code.TOO_LARGE, f"content: expected {expected}", field="content", expected=expected)
        now = int(self._clock.now())
        author = f"user:{caller.principal.name}" if caller.principal else f"session:{caller.session_id}"
        return KeptMessage(request.message_id, author, content, now, now + request.ttl)


def _notice(message: KeptMessage, content: dict[str, Any]) -> Notice:
    data = SyncMessageData(
        message_id=message.message_id,
        content=content,
        timestamp=message.received_at,
        expires_at=message.expires_at,
    )
    return Notice(Kind.SYNC_MESSAGE, Topic.SYNC, data)
