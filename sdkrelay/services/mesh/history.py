"""The exchanges of sync messages there were: rows, failures and counts, from which everything shown of them is computed."""

from __future__ import annotations

from collections import deque
from math import ceil
from statistics import fmean

from attrs import define

from ...messages.rest.sync import ActiveSync, GetSyncHistory, SyncFilters, SyncHistory, SyncRecord, SyncStatistics
from ...ports import Clock

#: So many exchanges are remembered.
REMEMBERED = 1_000
#: So many of the last failures are told.
TOLD = 10


@define(eq=False)
class Exchange:
    """One that has begun: ``began`` on the monotonic clock, ``started`` in seconds since the epoch."""

    sync_type: str
    target: str | None
    message_id: str
    began: float
    started: int


class History:
    """The last exchanges, asked by others or by us; the counts are of all since the process began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: deque[SyncRecord] = deque(maxlen=REMEMBERED)
        self._errors: deque[str] = deque(maxlen=TOLD)
        self._successful = self._failed = 0
        self._active: dict[int, Exchange] = {}

    def begin(self, sync_type: str, target: str | None, message_id: str) -> Exchange:
        """An exchange begins; end it with :meth:`succeed` or :meth:`fail`."""
        exchange = Exchange(sync_type, target, message_id, self._clock.monotonic(), int(self._clock.now()))
        self._active[id(exchange)] = exchange
        return exchange

    def succeed(self, exchange: Exchange, size: int, latency: float | None = None) -> None:
        """It ended well: ``size`` bytes of payload, ``latency`` seconds to another relay's answer."""
        self._successful += 1
        self._end(exchange, "success", size, latency)

    def fail(self, exchange: Exchange, why: str) -> None:
        """It failed; ``why`` in a few words that repeat nothing of what was sent."""
        self._failed += 1
        self._errors.append(f"{exchange.sync_type}: {why}")
        self._end(exchange, "failed", 0, None)

    @property
    def active(self) -> tuple[ActiveSync, ...]:
        """Those under way."""
        return tuple(
            ActiveSync(sync_type=one.sync_type, target_relay=one.target, started=one.started, status="in_progress")
            for one in self._active.values()
        )

    @property
    def errors(self) -> tuple[str, ...]:
        """The last failures."""
        return tuple(self._errors)

    @property
    def last(self) -> int | None:
        """When the last exchange ended, in seconds since the epoch."""
        return self._rows[-1].timestamp if self._rows else None

    def found(self, request: GetSyncHistory) -> SyncHistory:
        """What is remembered and matches, newest first."""
        matching = [row for row in reversed(self._rows) if _matches(row, request)]
        successful = sum(row.status == "success" for row in matching)
        return SyncHistory(
            history=tuple(matching[: request.limit]),
            total=len(matching),
            successful=successful,
            failed=len(matching) - successful,
            filters=SyncFilters(limit=request.limit, since=request.since, sync_type=request.sync_type),
        )

    def statistics(self) -> SyncStatistics:
        """The counts, and the mean duration."""
        total, mean = self._successful + self._failed, self._mean()
        return SyncStatistics(
            total_syncs=total,
            successful_syncs=self._successful,
            failed_syncs=self._failed,
            success_rate=round(self._successful / total * 100, 2) if total else None,
            avg_duration=None if mean is None else round(mean, 2),
        )

    def estimate(self, exchanges: int) -> str | None:
        """How long so many take, as exchanges took until now; None where nothing was measured."""
        mean = self._mean() if exchanges else 0.0
        return None if mean is None else f"{ceil(mean * exchanges / 1000)}s"

    def _mean(self) -> float | None:
        """Milliseconds, of the exchanges remembered."""
        durations = [row.duration for row in self._rows]
        return fmean(durations) if durations else None

    def _end(self, exchange: Exchange, status: str, size: int, latency: float | None) -> None:
        del self._active[id(exchange)]
        self._rows.append(
            SyncRecord(
                timestamp=int(self._clock.now()),
                sync_type=exchange.sync_type,
                target_relay=exchange.target,
                status=status,
                duration=round((self._clock.monotonic() - exchange.began) * 1000),
                message_id=exchange.message_id,
                payload_size=size,
                latency=None if latency is None else round(latency * 1000, 2),
            )
        )


def _matches(row: SyncRecord, request: GetSyncHistory) -> bool:
    fresh = request.since is None or row.timestamp >= request.since
    return fresh and request.sync_type in (None, row.sync_type)
