"""The other relays over HTTP: which are known, how each is, which are added and removed by the operator."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from ...domain.access import Access
from ..message import Reply, Request
from ..native.relays import RelayId, Saying
from ..values import PageLimit

Standing = Literal["connected", "connecting", "disconnected", "healthy", "warning", "critical"]


class GetRelays(Request, frozen=True, kw_only=True, tag="get_relays"):
    """The other relays that this one knows; ``status`` takes those that are connected so, or whose health is so."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_relays", "status": "healthy", "limit": 10}

    status: Standing | None = None
    limit: PageLimit = 100


class RelayTraffic(Struct, frozen=True, kw_only=True):
    """Sync messages exchanged with a relay since this process began, and the mean milliseconds to its answers (null for none)."""

    sync_requests: int
    sync_responses: int
    avg_latency: float | None


class RefusedRelay(Struct, frozen=True, kw_only=True):
    """Somebody who was not taken as a relay: ``relay_id`` is what it called itself, ``count`` how often this happened.

    ``address`` is where it was dialled, or came from; ``last_at`` is seconds since the epoch.
    """

    address: str
    relay_id: str | None
    reason: str
    count: int
    last_at: int


class DigestDispute(Struct, frozen=True, kw_only=True):
    """A block of which two relays have different digests: ``ours`` and that of the other relay, in hex."""

    block_height: int
    block_hash: str
    ours: str
    theirs: str


class RelayItem(Struct, frozen=True, kw_only=True):
    """Another relay.

    ``id`` is what it is called here, ``relay_id`` what it calls itself: null until it was greeted, as is all else that only it
    can say. ``status`` is ``connected | connecting | disconnected``, ``health`` ``healthy | warning | critical``, or null for
    one that was never heard. ``last_seen`` is seconds since the epoch. ``latency`` is the milliseconds to its answers to
    pings, the later ones weighing more. ``offences`` counts what it did that no relay would do, ``errors`` what failed with
    it since this process began; ``error`` is the last of both, in a sentence. ``digest_disputes`` are blocks of which it has
    another digest than this relay: one of the two is wrong about payments in them.
    """

    relay_id: str | None
    id: str
    address: str
    description: str
    status: str
    health: str | None
    version: str | None
    uptime: int | None
    last_seen: int | None
    capabilities: tuple[str, ...]
    connections: int | None
    metrics: RelayTraffic
    latency: float | None = None
    offences: int = 0
    errors: int = 0
    error: str | None = None
    digest_disputes: tuple[DigestDispute, ...] = ()


class Relays(Reply, frozen=True, kw_only=True, tag="relays"):
    """At most ``limit`` of them; ``total`` and the counts by health are of all that match ``status``.

    ``refused`` are the last who were not taken as relays, newest first; shown to those who have a role.
    """

    relays: tuple[RelayItem, ...]
    total: int
    healthy: int
    warning: int
    critical: int
    refused: tuple[RefusedRelay, ...] = ()


class GetRelay(Request, frozen=True, kw_only=True, tag="get_relay"):
    """One relay by its ``id`` or its ``relay_id``; this relay's own shows itself."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_relay", "relay_id": "relay-1"}

    relay_id: RelayId


class RelayFigures(Struct, frozen=True, kw_only=True):
    """As :class:`RelayTraffic`, with the exchanges that failed and the percentage of those that did not (null without any)."""

    sync_requests: int
    sync_responses: int
    avg_latency: float | None
    error_count: int
    success_rate: float | None


class RelayConfiguration(Struct, frozen=True, kw_only=True):
    """What a relay says of its settings; the interval is in seconds."""

    network: Saying
    dev_mode: bool
    sync_interval: int | float


class RelayCondition(Struct, frozen=True, kw_only=True):
    """What a relay says of its parts; ``blindbit_connected`` is null where none is configured."""

    bitcoin_connected: bool
    blindbit_connected: bool | None
    websocket_listening: bool
    sync_active: bool


class RelayReport(Reply, frozen=True, kw_only=True, tag="relay"):
    """All that is known of a relay, as in the list; ``connection`` is what is ``status`` there, ``self`` for this relay.

    ``configuration`` and ``status`` are what it said of itself, null while it said nothing.
    """

    relay_id: str | None
    id: str
    address: str
    description: str
    connection: str
    health: str | None
    version: str | None
    uptime: int | None
    last_seen: int | None
    capabilities: tuple[str, ...]
    connections: int | None
    metrics: RelayFigures
    configuration: RelayConfiguration | None
    status: RelayCondition | None
    latency: float | None = None
    offences: int = 0
    errors: int = 0
    error: str | None = None
    digest_disputes: tuple[DigestDispute, ...] = ()


class AddRelay(Request, frozen=True, kw_only=True, tag="add_relay"):
    """Know another relay from now on, over restarts too: it is dialled at once, and again whenever it is away.

    Its address is ``ws://host:port``, ``wss://host:port`` or ``host:port``.
    """

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "add_relay",
        "address": "ws://newrelay.example.com:8090",
        "description": "Nouveau relais",
    }

    address: Annotated[str, Meta(min_length=1, max_length=300)]
    description: Annotated[str, Meta(max_length=500)] = ""


class RelayAdded(Reply, frozen=True, kw_only=True, tag="relay_added"):
    """The relay is kept (HTTP 201); ``relay_id`` is null until it was greeted."""

    relay_id: str | None
    id: str
    address: str
    description: str
    status: str


class RemoveRelay(Request, frozen=True, kw_only=True, tag="remove_relay"):
    """Do not know this relay any more, by its ``id`` or its ``relay_id``: hang up, and forget the key it had."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "remove_relay", "relay_id": "relay_001"}

    relay_id: RelayId


class RelayRemoved(Reply, frozen=True, kw_only=True, tag="relay_removed"):
    """The relay is forgotten."""

    status: str = "removed"
    relay_id: str
