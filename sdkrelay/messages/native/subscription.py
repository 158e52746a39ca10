"""Choosing what to hear, and what is then heard."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Raw

from ...domain.access import Access
from ..message import Message, Reply, Request
from ..values import ClientTime, PositionText, Words


class Subscribe(Request, frozen=True, kw_only=True, tag="subscribe"):
    """Hear these topics too: ``notifications`` (all of the following), ``payments``, ``blocks``, ``relays``.

    With ``since``, a position from an earlier push, what came after it is told first and joins the live stream without a
    gap or a duplicate. A position belongs to one relay's log; whoever comes from another relay gives a time instead, ``@`` and
    seconds since the epoch, and is told all that was logged from then on. Topics this relay does not offer are ignored: the
    answer lists what is subscribed.
    """

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "subscribe",
        "id": "s1",
        "subscriptions": ["notifications"],
        "client_id": "my-client-123",
        "timestamp": 1703001600,
        "since": "5f0c9a2be1d4-12",
    }

    subscriptions: Words
    client_id: Annotated[str, Meta(max_length=128)] | None = None
    timestamp: ClientTime | None = None
    since: PositionText | None = None


class SubscribeResponse(Reply, frozen=True, kw_only=True, tag="subscribe_response"):
    """All that is subscribed now; ``position`` is where the log stands."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "subscribe_response",
        "id": "s1",
        "timestamp": 1703001600,
        "status": "subscribed",
        "subscriptions": ["notifications"],
        "relay_id": "relay-1",
        "position": "5f0c9a2be1d4-17",
    }

    status: str = "subscribed"
    subscriptions: tuple[str, ...]
    relay_id: str
    position: str


class Unsubscribe(Request, frozen=True, kw_only=True, tag="unsubscribe"):
    """Do not hear these topics any more."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "unsubscribe",
        "subscriptions": ["relays"],
        "client_id": "my-client-123",
        "timestamp": 1703001600,
    }

    subscriptions: Words
    client_id: Annotated[str, Meta(max_length=128)] | None = None
    timestamp: ClientTime | None = None


class UnsubscribeResponse(Reply, frozen=True, kw_only=True, tag="unsubscribe_response"):
    """All that is still subscribed."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "unsubscribe_response",
        "timestamp": 1703001600,
        "status": "unsubscribed",
        "subscriptions": ["payments", "blocks"],
        "relay_id": "relay-1",
    }

    status: str = "unsubscribed"
    subscriptions: tuple[str, ...]
    relay_id: str


class Notification(Message, frozen=True, kw_only=True, tag="notification"):
    """News: ``data`` depends on ``notification_type``; ``position`` is what ``since`` takes to hear all that follows it."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "notification",
        "notification_type": "block_disconnected",
        "data": {
            "block_height": 12346,
            "block_hash": "000000aeab996eeaaa9c39e05b5c5c2f251ce6a2bab3274ac4ac290366431aa3",
            "previous_block_hash": "000000c7a294aafbf23f912fb9cf69f048cf2ba8efed528ee1afeb67440d5a33",
            "timestamp": 1703001600,
        },
        "timestamp": 1703001600,
        "position": "5f0c9a2be1d4-18",
    }

    notification_type: str
    data: Raw
    timestamp: int
    position: str


class BlockNotification(Message, frozen=True, kw_only=True, tag="block_notification"):
    """A new block of the best chain, as clients of version "1.0" are told of it; ``timestamp`` is the block's."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "block_notification",
        "block_height": 12346,
        "block_hash": "000000aeab996eeaaa9c39e05b5c5c2f251ce6a2bab3274ac4ac290366431aa3",
        "timestamp": 1703001600,
        "position": "5f0c9a2be1d4-18",
    }

    block_height: int
    block_hash: str
    timestamp: int
    position: str
