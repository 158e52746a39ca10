"""The documented answers as the relay that asked reads them: each finds its question and is answered by nothing."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from ...domain.access import Access
from ..message import Request
from ..values import ClientTime, Word, Words
from .greeting import RelayAddress, RelayName

#: How many relays one answer may name.
MOST_DESCRIBED = 256


class PongAnswer(Request, frozen=True, kw_only=True, tag="pong"):
    """The other relay is there."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "pong",
        "id": "m1",
        "relay_id": "relay-2",
        "ping_timestamp": 1703001600,
    }

    relay_id: RelayName | None = None
    ping_timestamp: ClientTime | None = None


class ErrorAnswer(Request, frozen=True, kw_only=True, tag="error"):
    """The other relay refuses what it was asked."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "error",
        "id": "m1",
        "error_code": "UNAVAILABLE",
        "message": "the relay stops",
    }

    error_code: Word
    message: Annotated[str, Meta(max_length=2000)] = ""


class Described(Struct, frozen=True, kw_only=True):
    """A relay as another one describes it."""

    id: RelayName
    address: RelayAddress
    capabilities: Words = ()


class DiscoveryAnswer(Request, frozen=True, kw_only=True, tag="discovery_response"):
    """Whom the other relay knows; nothing of it is believed before it was dialled."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "discovery_response",
        "id": "m2",
        "relay_id": "relay-2",
        "relays": [{"id": "relay-3", "address": "ws://relay3.example.com:8090", "capabilities": []}],
    }

    relay_id: RelayName | None = None
    relays: Annotated[tuple[Described, ...], Meta(max_length=MOST_DESCRIBED)] = ()
