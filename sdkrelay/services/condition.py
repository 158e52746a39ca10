"""Makes what the topics ``health`` and ``metrics`` tell: the answers of the same names, as messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import structs

from ..messages.native.condition import HealthFigures, HealthMessage, MetricsMessage
from ..messages.rest.node import Health
from .metrics import MetricsService, memory_text, percent_text


class ConditionTeller:
    """``health`` asks how the relay is, as ``GET /health`` does."""

    def __init__(self, health: Callable[[], Awaitable[Health]], metrics: MetricsService) -> None:
        self._health = health
        self._metrics = metrics

    async def health(self) -> HealthMessage:
        """How the relay is now, with a few figures."""
        health, process = await self._health(), self._metrics.process()
        figures = HealthFigures(
            uptime=health.uptime,
            memory_usage=memory_text(process.memory_usage_mb),
            cpu_usage=percent_text(process.cpu_usage_percent),
            connections=health.connections.total,
        )
        return HealthMessage(**structs.asdict(health), metrics=figures)

    async def metrics(self) -> MetricsMessage:
        """All figures now."""
        return MetricsMessage(**structs.asdict(await self._metrics.figures()))
