"""What known relays and messages left for all look like in an export, and how they are taken in again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..domain.canonical import NotCanonical, canonical
from ..domain.peer import Peer, normalised, peer_id
from ..domain.problem import invalid
from ..domain.record import LONGEST_LIFE
from ..domain.record import Outcome as Kept
from ..ports import Clock
from .archive import Outcome
from .records import RecordService
from .relays import RelayService
from .seals import Seals

_Time = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class MessageRecord(Struct, frozen=True, kw_only=True):
    """A message as it is exported; times are seconds since the epoch."""

    message_id: Annotated[str, Meta(min_length=1, max_length=128)]
    author: Annotated[str, Meta(max_length=256, pattern=r"\A(session|user):")]
    content: dict[str, Any]
    received_at: _Time
    expires_at: _Time


class RelayRecord(Struct, frozen=True, kw_only=True):
    """A known relay as it is exported."""

    address: Annotated[str, Meta(min_length=1, max_length=300)]
    description: Annotated[str, Meta(max_length=500)]
    added_at: _Time


class RelaySection:
    """The other relays that are known."""

    name = "relays"
    sealed = False

    def __init__(self, service: RelayService) -> None:
        self._service = service

    async def items(self, seals: Seals | None) -> AsyncIterator[Any]:
        """All of them."""
        for peer in self._service.peers:
            yield RelayRecord(address=peer.address, description=peer.description, added_at=peer.added_at)

    async def check(self, item: Any, seals: Seals | None) -> None:
        """Problem unless it is a relay."""
        _peer(item)

    async def take(self, item: Any, seals: Seals | None) -> tuple[Outcome, str]:
        """Know it too; the one at this address stays as it is."""
        peer = _peer(item)
        return await self._service.restore(peer), peer.id


class MessageSection:
    """Messages left for all whose time has not come."""

    name = "messages"
    sealed = False

    def __init__(self, service: RecordService, clock: Clock) -> None:
        self._service = service
        self._clock = clock

    async def items(self, seals: Seals | None) -> AsyncIterator[Any]:
        """All of them."""
        for message in await self._service.live():
            yield MessageRecord(
                message_id=message.message_id,
                author=message.author,
                content=msgspec.json.decode(message.content),
                received_at=message.made_at,
                expires_at=message.expires_at,
            )

    async def check(self, item: Any, seals: Seals | None) -> None:
        """Problem unless it is a message."""
        _message(item)

    async def take(self, item: Any, seals: Seals | None) -> tuple[Outcome, str]:
        """Keep it, with its author and its times; one whose time has come is skipped."""
        message = _message(item)
        if message.expires_at <= self._clock.now():
            return Outcome.SKIPPED, message.message_id
        kept = await self._service.restore(
            message.author, message.message_id, _content(message), message.received_at, message.expires_at
        )
        return _OUTCOMES[kept], message.message_id


_OUTCOMES = {
    Kept.KEPT: Outcome.IMPORTED,
    Kept.SAME: Outcome.SKIPPED,
    Kept.TAKEN: Outcome.CONFLICT,
    Kept.FULL: Outcome.CONFLICT,
    Kept.EXPIRED: Outcome.SKIPPED,
}


def _peer(item: Any) -> Peer:
    record = _converted(item, RelayRecord)
    try:
        address = normalised(record.address)
    except ValueError:
        raise invalid("address", "ws://host:port or wss://host:port") from None
    return Peer(id=peer_id(address), address=address, description=record.description, added_at=record.added_at)


def _message(item: Any) -> MessageRecord:
    record: MessageRecord = _converted(item, MessageRecord)
    _content(record)
    if not 0 < record.expires_at - record.received_at <= LONGEST_LIFE:
        raise invalid("expires_at", "a time after received_at, by thirty days at most")
    return record


def _content(record: MessageRecord) -> bytes:
    try:
        return canonical(record.content)
    except NotCanonical as reason:
        raise invalid("content", f"JSON with a canonical form ({reason})") from None


def _converted(item: Any, kind: type[Any]) -> Any:
    """The item as this struct. Problem names the field at fault and repeats no value."""
    try:
        return msgspec.convert(item, kind)
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        told, _, path = str(error).partition(" - at `$")
        raise invalid(path.rstrip("`").removeprefix(".") or "$", told.removeprefix("Expected ")[:200]) from None
