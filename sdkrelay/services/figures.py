"""How this relay is, as the sync messages of relays say it: its state, its health, its metrics."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import frozen
from msgspec import structs

from ..domain.measure import REQUESTS, SYNC_SECONDS
from ..domain.problem import Code
from ..messages.native.relays import HealthFigures, MetricsFigures, StateFigures, SyncPayload, SyncType
from ..messages.rest.node import Health
from ..ports import Meter
from .metrics import Mesh, MetricsService, memory_text, percent_text

#: In the order in which they are listed.
SYNC_TYPES: tuple[SyncType, ...] = ("StateSync", "HealthSync", "MetricsSync")


@frozen
class Figures:
    """Who is asked for them; ``disk_bytes`` is how much the files in the data folder hold, None without one."""

    health: Callable[[], Awaitable[Health]]
    metrics: MetricsService
    meter: Meter
    mesh: Callable[[], Mesh]
    disk_bytes: Callable[[], int | None]

    async def payload(self, sync_type: SyncType) -> SyncPayload:
        """The part that this type names, now."""
        if sync_type == "MetricsSync":
            return SyncPayload(metrics=await self._metrics())
        health = await self.health()
        if sync_type == "HealthSync":
            return SyncPayload(health=self._health(health))
        return SyncPayload(state=self._state(health))

    def _state(self, health: Health) -> StateFigures:
        mesh = self.mesh()
        return StateFigures(
            uptime=health.uptime,
            version=health.version,
            network=health.network,
            status=health.status,
            last_block=health.indexer.height,
            connections=health.connections.websocket,
            known_relays=mesh.known,
            mesh_connections=mesh.connections,
        )

    def _health(self, health: Health) -> HealthFigures:
        process, latency, disk = self.metrics.process(), self.meter.mean(SYNC_SECONDS), self.disk_bytes()
        return HealthFigures(
            status=health.status,
            memory_usage=memory_text(process.memory_usage_mb),
            cpu_usage=percent_text(process.cpu_usage_percent),
            disk_usage=None if disk is None else size_text(disk),
            network_latency=None if latency is None else round(latency * 1000, 2),
            error_count=sum(self.meter.total(REQUESTS, outcome=code) for code in OUR_FAULTS),
            last_error="; ".join(health.reasons.values()) or None,
        )

    async def _metrics(self) -> MetricsFigures:
        figures = await self.metrics.figures()
        return MetricsFigures(**structs.asdict(figures.sync_metrics), messages_per_second=figures.requests_per_second)


#: Refusals whose cause is on the relay's side.
OUR_FAULTS = (Code.INTERNAL.value, Code.UNAVAILABLE.value)


def size_text(count: int) -> str:
    """Bytes as the sources write them, by thousands: ``1.5GB``, below one ``64MB``."""
    return f"{count / 1e9:.3g}GB" if count >= 1e9 else f"{count / 1e6:.3g}MB"
