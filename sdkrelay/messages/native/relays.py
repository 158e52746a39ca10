"""Relays: which others are known, what this one says of itself, and messages that it keeps for all who ask."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from ...config.tuning import Fallback
from ...domain.access import Access
from ..message import Reply, Request
from ..values import ClientTime

RelayId = Annotated[str, Meta(min_length=1, max_length=128)]
MessageId = Annotated[str, Meta(min_length=1, max_length=128)]
#: How a relay is.
SyncType = Literal["StateSync", "HealthSync", "MetricsSync"]
#: All that relays exchange under the name ``sync``.
SyncKind = Literal["StateSync", "HealthSync", "MetricsSync", "ReconcileSync"]
#: A count, no larger than what all JSON readers keep exact.
Count = Annotated[int, Meta(ge=0, le=9_007_199_254_740_991)]
#: A word or a sentence that a relay says of itself.
Saying = Annotated[str, Meta(max_length=1_024)]
#: 32 bytes in hex.
Hex32 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
#: Seconds for which a message is kept: at most thirty days.
Lifetime = Annotated[int, Meta(ge=1, le=2_592_000)]

_STATE = {
    "uptime": 3600,
    "version": "0.1.0",
    "network": "signet",
    "status": "healthy",
    "last_block": 12345,
    "connections": 5,
    "known_relays": 3,
    "mesh_connections": 0,
}


class Discovery(Request, frozen=True, kw_only=True, tag="discovery"):
    """Which other relays are known? ``relay_id`` says who asks, if that is a relay."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "discovery",
        "relay_id": "relay_001",
        "timestamp": "2024-01-01T12:00:00Z",
    }

    relay_id: RelayId | None = None
    timestamp: ClientTime | None = None


class DiscoveredRelay(Struct, frozen=True, kw_only=True):
    """Another relay: what it is called here, where it is, and what it says to offer (nothing while it was never heard)."""

    id: str
    address: str
    capabilities: tuple[str, ...] = ()


class DiscoveryResponse(Reply, frozen=True, kw_only=True, tag="discovery_response"):
    """The other relays that this one knows; ``relay_id`` is its own. ``fallback``, if set, says whom to turn to when it is away."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "discovery_response",
        "timestamp": 1703001600,
        "relay_id": "relay-1",
        "relays": [{"id": "relay_3f1c9a2be1d4", "address": "ws://relay2.example.com:8090", "capabilities": []}],
    }

    relay_id: str
    relays: tuple[DiscoveredRelay, ...]
    fallback: Fallback | UnsetType = UNSET


class StateFigures(Struct, frozen=True, kw_only=True):
    """``uptime`` in seconds since the process began to serve, ``status`` as in ``/health``, ``last_block`` the highest indexed
    (null for none), ``connections`` the WebSocket conversations open, ``known_relays`` and ``mesh_connections`` the other
    relays known and connected; all now.
    """

    uptime: Count
    version: Saying
    network: Saying
    status: Saying
    last_block: Count | None
    connections: Count
    known_relays: Count
    mesh_connections: Count


class HealthFigures(Struct, frozen=True, kw_only=True):
    """Of this process: resident memory, use of processors over the last minute (100% is one; null in the first second), the
    bytes of the files in its data folder (null if there is none), the mean milliseconds from a sync message of its own to
    another relay's answer (null without one), requests that failed for a reason on the relay's side since it began, and
    what is wrong now, in the sentences of ``/health`` (null for nothing).
    """

    status: Saying
    memory_usage: Saying
    cpu_usage: Saying | None
    disk_usage: Saying | None
    network_latency: float | None
    error_count: Count
    last_error: Saying | None


class MetricsFigures(Struct, frozen=True, kw_only=True):
    """What ``/metrics`` shows as ``sync_metrics``, and ``messages_per_second``: requests answered over every door, the mean of
    the last minute (null in the first second).
    """

    known_relays: Count
    mesh_connections: Count
    sync_requests: Count
    sync_responses: Count
    cache_hits: Count
    cache_misses: Count
    avg_latency: float | None
    error_count: Count
    success_rate: float | None
    messages_per_second: float | None


class Register(Struct, frozen=True, kw_only=True):
    """Which of a relay's statements this is: of those of one ``boot_id`` the highest ``sequence`` is the newest."""

    boot_id: Annotated[str, Meta(min_length=1, max_length=64)]
    sequence: Count


class BlockDigest(Struct, frozen=True, kw_only=True):
    """A block that a relay has indexed, and the SHA-256 over its tweaks: ``hash`` in display form, both in hex."""

    height: Annotated[int, Meta(ge=0, le=500_000_000)]
    hash: Hex32
    digest: Hex32


class SyncPayload(Struct, frozen=True, kw_only=True):
    """One of the three, by ``sync_type``.

    Relays that know each other add the ``register``, and to their state the digests of the last ``blocks`` they indexed (and of
    those they differ about). In a ``ReconcileSync`` there are ``session`` and ``frame`` instead: a negentropy message, in base64.
    """

    state: StateFigures | UnsetType = UNSET
    health: HealthFigures | UnsetType = UNSET
    metrics: MetricsFigures | UnsetType = UNSET
    register: Register | UnsetType = UNSET
    blocks: Annotated[tuple[BlockDigest, ...], Meta(max_length=20)] | UnsetType = UNSET
    session: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    frame: Annotated[str, Meta(max_length=80_000)] | UnsetType = UNSET


class Sync(Request, frozen=True, kw_only=True, tag="sync"):
    """How is this relay? ``payload`` is how the asking relay is: believed of a relay that has proved who it is, and of nobody else.

    ``ReconcileSync`` is between such relays only: it compares what records each has.
    """

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 3
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "sync",
        "sync_type": "StateSync",
        "relay_id": "relay-1",
        "payload": {"state": _STATE},
        "timestamp": 1703001600,
        "message_id": "msg-123",
    }

    sync_type: SyncKind
    relay_id: RelayId | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    timestamp: ClientTime | None = None
    message_id: MessageId | None = None


class SyncResponse(Reply, frozen=True, kw_only=True, tag="sync_response"):
    """How this relay is, in the part of ``payload`` that ``sync_type`` names; ``in_reply_to`` is the request's ``message_id``."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "sync_response",
        "timestamp": 1703001600,
        "sync_type": "StateSync",
        "relay_id": "relay-2",
        "payload": {"state": _STATE},
        "message_id": "msg-5f0c9a2be1d4",
        "in_reply_to": "msg-123",
    }

    sync_type: SyncKind
    relay_id: str
    payload: SyncPayload
    message_id: str
    in_reply_to: str | None = None


class SyncPush(Reply, frozen=True, kw_only=True, tag="sync"):
    """How this relay is: told to those who subscribed to ``sync``, each kind at once and then at its interval."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "sync",
        "timestamp": 1703001600,
        "sync_type": "StateSync",
        "relay_id": "relay-2",
        "payload": {"state": _STATE},
        "message_id": "msg-5f0c9a2be1d4",
    }

    sync_type: SyncType
    relay_id: str
    payload: SyncPayload
    message_id: str


class SyncMessage(Request, frozen=True, kw_only=True, tag="sync_message"):
    """Keep this message for ``ttl`` seconds, and tell it to all who subscribed to ``sync``.

    They hear a ``notification`` of type ``sync_message``, which has a ``position`` and is replayed like any other. The same
    message again is acknowledged again. Another content under a ``message_id`` in use is a ``conflict_detected``.
    """

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "sync_message",
        "message_id": "msg_12345",
        "content": {"type": "silent_payment", "data": "..."},
        "timestamp": "2024-01-01T12:00:00Z",
        "ttl": 3600,
    }

    message_id: MessageId
    content: dict[str, Any]
    timestamp: ClientTime | None = None
    ttl: Lifetime = 3600


class SyncAck(Reply, frozen=True, kw_only=True, tag="sync_ack"):
    """The message is on the disk, until ``expires_at`` (seconds since the epoch); ``position`` is where it is in the log.

    ``duplicate`` says that it was there before.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "sync_ack",
        "timestamp": 1703001600,
        "message_id": "msg_12345",
        "status": "received",
        "expires_at": 1703005200,
        "position": "5f0c9a2be1d4-20",
    }

    message_id: str
    status: str = "received"
    expires_at: int
    position: str
    duplicate: bool | UnsetType = UNSET


class ConflictDetected(Reply, frozen=True, kw_only=True, tag="conflict_detected"):
    """Another content was kept under this ``message_id`` already.

    ``keep_latest``: it was its own author's, the new one took its place, and a ``sync_ack`` follows. ``keep_first``: it is
    somebody else's and stays; this is the answer. An author is a user, or else the session. Who follows ``sync`` hears it too
    when contents from two relays meet. ``winner`` and ``loser`` are the ids of the records, in hex.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "conflict_detected",
        "timestamp": 1703001600,
        "message_id": "msg_12345",
        "conflict_type": "duplicate",
        "resolution": "keep_latest",
        "winner": "4a" * 32,
        "loser": "5b" * 32,
    }

    message_id: str
    conflict_type: str = "duplicate"
    resolution: str
    winner: str
    loser: str
