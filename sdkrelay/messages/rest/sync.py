"""The exchange of sync messages over HTTP: how it stands, what there was of it, and the operator's push."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from ...domain.access import Access
from ..message import Reply, Request
from ..native.relays import RelayId, SyncKind
from ..values import PageLimit


class GetSyncStatus(Request, frozen=True, kw_only=True, tag="get_sync_status"):
    """How the exchange with other relays stands."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_sync_status"}


class SyncStatistics(Struct, frozen=True, kw_only=True):
    """Exchanges since this process began, asked by others or by us; the rate is in percent, the duration the mean milliseconds of
    the last 1,000, both null without any.
    """

    total_syncs: int
    successful_syncs: int
    failed_syncs: int
    success_rate: float | None
    avg_duration: float | None


class ActiveSync(Struct, frozen=True, kw_only=True):
    """An exchange that has begun, at ``started`` (seconds since the epoch), and not ended; ``target_relay`` null if unnamed."""

    sync_type: str
    target_relay: str | None
    started: int
    status: str


class SyncStatus(Reply, frozen=True, kw_only=True, tag="sync_status"):
    """``status`` is ``syncing`` while an exchange is under way, else ``idle``; times are seconds since the epoch.

    ``last_sync`` is when the last exchange ended (null for none), ``next_sync`` when the relay will next ask another one: null
    while none is connected. ``errors`` are the last failures.
    """

    status: str
    last_sync: int | None
    next_sync: int | None
    sync_types: tuple[str, ...]
    errors: tuple[str, ...]
    statistics: SyncStatistics
    active_syncs: tuple[ActiveSync, ...]


class ForceSync(Request, frozen=True, kw_only=True, tag="force_sync"):
    """Ask the connected relays now: all of them or those named, for all kinds or those named.

    ``ReconcileSync`` compares what records each has, and exchanges what is missing.
    """

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "force_sync",
        "sync_types": ["StateSync", "HealthSync"],
        "target_relays": ["relay-2", "relay-3"],
    }

    sync_types: Annotated[tuple[SyncKind, ...], Meta(max_length=4)] | None = None
    target_relays: Annotated[tuple[RelayId, ...], Meta(max_length=500)] | None = None


class SyncForced(Reply, frozen=True, kw_only=True, tag="sync_forced"):
    """Which relays are asked for what: of those named, the connected ones.

    ``estimated_duration`` is the mean of what was measured times what is asked, in whole seconds, up; ``0s`` if nobody is.
    """

    status: str = "sync_triggered"
    sync_types: tuple[str, ...]
    target_relays: tuple[str, ...]
    relays_count: int
    estimated_duration: str | None
    sync_id: str


class GetSyncHistory(Request, frozen=True, kw_only=True, tag="get_sync_history"):
    """The newest exchanges, of one kind if named, not before ``since`` (seconds since the epoch)."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "get_sync_history",
        "limit": 10,
        "since": 1703000000,
        "sync_type": "StateSync",
    }

    limit: PageLimit = 100
    since: Annotated[int, Meta(ge=0, le=253_402_300_799)] | None = None
    sync_type: SyncKind | None = None


class SyncRecord(Struct, frozen=True, kw_only=True):
    """An exchange that ended at ``timestamp``: with whom (as it named itself; null if it did not), in how many milliseconds.

    ``message_id`` is the answer's, ``payload_size`` the bytes of its payload as JSON. ``latency`` is the milliseconds to another
    relay's answer, null where this relay answered.
    """

    timestamp: int
    sync_type: str
    target_relay: str | None
    status: str
    duration: int
    message_id: str
    payload_size: int
    latency: float | None


class SyncFilters(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    limit: int
    since: int | None
    sync_type: str | None


class SyncHistory(Reply, frozen=True, kw_only=True, tag="sync_history"):
    """At most ``limit`` exchanges, newest first, of the last 1,000 of this process; the counts are of all of these that match."""

    history: tuple[SyncRecord, ...]
    total: int
    successful: int
    failed: int
    filters: SyncFilters
