"""The exchange of sync messages: asked by others it says how this relay is, and remembers that it was asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import ceil
from statistics import fmean

from attrs import define, field, frozen

from ..domain.measure import SYNC_ERRORS, SYNC_REQUESTS, SYNC_RESPONSES
from ..domain.problem import Code, Problem
from ..messages.catalog import encode
from ..messages.native.relays import Sync, SyncPayload, SyncPush, SyncResponse, SyncType
from ..messages.rest.sync import (
    ActiveSync,
    ForceSync,
    GetSyncHistory,
    GetSyncStatus,
    SyncFilters,
    SyncForced,
    SyncHistory,
    SyncRecord,
    SyncStatistics,
    SyncStatus,
)
from ..ports import Caller, Clock, Entropy, Meter
from .figures import SYNC_TYPES, Figures
from .handshake import Identity
from .router import handles

#: So many exchanges are remembered.
REMEMBERED = 1_000
#: So many of the last failures are told.
TOLD = 10


@frozen
class Around:
    """Clock, entropy for the names of messages, and the meter."""

    clock: Clock
    entropy: Entropy
    meter: Meter


@define(eq=False)
class _Exchange:
    """One that has begun."""

    request: Sync
    message_id: str
    began: float
    started: int


@define(eq=False)
class _Past:
    """What there was: the last records and failures, and the counts of all."""

    records: deque[SyncRecord] = field(factory=lambda: deque(maxlen=REMEMBERED))
    errors: deque[str] = field(factory=lambda: deque(maxlen=TOLD))
    successful: int = 0
    failed: int = 0


class SyncService:
    """Answers ``sync`` and ``/sync/…``; makes what the topic ``sync`` tells. ``known`` says whether a relay is known."""

    def __init__(self, identity: Identity, figures: Figures, known: Callable[[str], bool], around: Around) -> None:
        self._identity = identity
        self._figures = figures
        self._known = known
        self._clock, self._entropy, self._meter = around.clock, around.entropy, around.meter
        self._past = _Past()
        self._active: dict[str, _Exchange] = {}

    async def push(self, sync_type: SyncType) -> SyncPush:
        """How this relay is in this way, for those who subscribed."""
        return SyncPush(
            sync_type=sync_type,
            relay_id=self._identity.relay_id,
            payload=await self._figures.payload(sync_type),
            message_id=self._name("msg"),
        )

    @handles(Sync)
    async def sync(self, request: Sync, caller: Caller) -> SyncResponse:
        """How this relay is, in the way asked for."""
        self._meter.count(SYNC_REQUESTS)
        exchange = _Exchange(request, self._name("msg"), self._clock.monotonic(), int(self._clock.now()))
        self._active[exchange.message_id] = exchange
        try:
            payload = await self._figures.payload(request.sync_type)
        except Exception as error:
            self._failed(exchange, error)
            raise
        finally:
            del self._active[exchange.message_id]
        return self._answered(exchange, payload)

    @handles(GetSyncStatus)
    async def status(self, request: GetSyncStatus, caller: Caller) -> SyncStatus:
        """Now, and since this process began."""
        past = self._past
        return SyncStatus(
            status="syncing" if self._active else "idle",
            last_sync=past.records[-1].timestamp if past.records else None,
            next_sync=None,
            sync_types=SYNC_TYPES,
            errors=tuple(past.errors),
            statistics=self._statistics(),
            active_syncs=tuple(_active(exchange) for exchange in self._active.values()),
        )

    @handles(ForceSync)
    async def force(self, request: ForceSync, caller: Caller) -> SyncForced:
        """Ask whoever is connected: nobody by now. NOT_FOUND for a relay that is not known."""
        for name in request.target_relays or ():
            if not self._known(name):
                raise Problem(Code.NOT_FOUND, "no such relay is known", field="target_relays", value=name)
        types = request.sync_types or SYNC_TYPES
        targets: tuple[str, ...] = ()
        return SyncForced(
            sync_types=types,
            target_relays=targets,
            relays_count=len(targets),
            estimated_duration=self._estimate(len(targets) * len(types)),
            sync_id=self._name("sync"),
        )

    @handles(GetSyncHistory)
    async def history(self, request: GetSyncHistory, caller: Caller) -> SyncHistory:
        """What is remembered and matches, newest first."""
        found = [record for record in reversed(self._past.records) if _matches(record, request)]
        successful = sum(record.status == "success" for record in found)
        return SyncHistory(
            history=tuple(found[: request.limit]),
            total=len(found),
            successful=successful,
            failed=len(found) - successful,
            filters=SyncFilters(limit=request.limit, since=request.since, sync_type=request.sync_type),
        )

    def _answered(self, exchange: _Exchange, payload: SyncPayload) -> SyncResponse:
        self._meter.count(SYNC_RESPONSES)
        self._past.successful += 1
        self._remember(exchange, "success", len(encode(payload)))
        return SyncResponse(
            sync_type=exchange.request.sync_type,
            relay_id=self._identity.relay_id,
            payload=payload,
            message_id=exchange.message_id,
            in_reply_to=exchange.request.message_id,
        )

    def _failed(self, exchange: _Exchange, error: Exception) -> None:
        self._meter.count(SYNC_ERRORS)
        self._past.failed += 1
        self._past.errors.append(f"{exchange.request.sync_type}: {type(error).__name__}")
        self._remember(exchange, "failed", 0)

    def _remember(self, exchange: _Exchange, status: str, size: int) -> None:
        self._past.records.append(
            SyncRecord(
                timestamp=int(self._clock.now()),
                sync_type=exchange.request.sync_type,
                target_relay=exchange.request.relay_id,
                status=status,
                duration=round((self._clock.monotonic() - exchange.began) * 1000),
                message_id=exchange.message_id,
                payload_size=size,
                latency=None,
            )
        )

    def _statistics(self) -> SyncStatistics:
        past = self._past
        total, mean = past.successful + past.failed, self._mean()
        return SyncStatistics(
            total_syncs=total,
            successful_syncs=past.successful,
            failed_syncs=past.failed,
            success_rate=round(past.successful / total * 100, 2) if total else None,
            avg_duration=None if mean is None else round(mean, 2),
        )

    def _mean(self) -> float | None:
        """Milliseconds, of the exchanges remembered."""
        durations = [record.duration for record in self._past.records]
        return fmean(durations) if durations else None

    def _estimate(self, exchanges: int) -> str | None:
        """How long these take, as exchanges took until now; None where nothing was measured."""
        mean = self._mean() if exchanges else 0.0
        return None if mean is None else f"{ceil(mean * exchanges / 1000)}s"

    def _name(self, kind: str) -> str:
        return f"{kind}-{self._entropy.bytes(6).hex()}"


def _active(exchange: _Exchange) -> ActiveSync:
    return ActiveSync(
        sync_type=exchange.request.sync_type,
        target_relay=exchange.request.relay_id,
        started=exchange.started,
        status="in_progress",
    )


def _matches(record: SyncRecord, request: GetSyncHistory) -> bool:
    fresh = request.since is None or record.timestamp >= request.since
    return fresh and request.sync_type in (None, record.sync_type)
