"""The figures of the relay, gathered from who has them at the moment they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field, frozen

from ..domain.measure import (
    CACHE_HITS,
    CACHE_MISSES,
    CONTENT_TYPES,
    MESSAGES_SYNCED,
    NOTIFICATIONS,
    REQUESTS,
    SYNC_ERRORS,
    SYNC_REQUESTS,
    SYNC_RESPONSES,
    SYNC_SECONDS,
)
from ..domain.notification import Kind
from ..domain.status import NodeCondition
from ..domain.window import Window
from ..messages.rest.metrics import (
    BitcoinMetrics,
    BusinessFigures,
    GetBusinessMetrics,
    GetMetrics,
    GetSystemMetrics,
    Metrics,
    MetricsText,
    SyncMetrics,
    SystemFigures,
    SystemMetrics,
)
from ..messages.rest.node import Connections
from ..ports import Caller, Clock, MachineReader, Meter, Tasks, Unavailable
from .router import handles

#: Seconds between two samples of what is shown as a rate.
SAMPLE = 5.0
#: Bytes of a megabyte, and bits of a megabit.
MEGA = 1_000_000


class Node(Protocol):
    """As much of the node as is shown."""

    def condition(self) -> NodeCondition:
        """How the connection stands now."""

    async def info(self) -> dict[str, Any]:
        """What it says of its chain, its network and its mempool; Unavailable when it cannot be asked."""


@frozen
class Mesh:
    """How many other relays are known, and connected, now; without a mesh there are none.

    ``disputes`` is of how many blocks one of them has another digest than this relay.
    """

    known: int = 0
    connections: int = 0
    disputes: int = 0


@frozen
class MetricsSources:
    """Where the figures come from: the meter and its texts, the machine, the node, the doors, the mesh."""

    meter: Meter
    text: Callable[[str], bytes]
    machine: MachineReader
    chain: Node
    connections: Callable[[], Connections]
    mesh: Callable[[], Mesh] = Mesh


@define(eq=False)
class _Rates:
    """The last minute of three running totals: requests, processor seconds, bytes over the network."""

    requests: Window = field(factory=Window)
    processor: Window = field(factory=Window)
    network: Window = field(factory=Window)


class MetricsService:
    """Answers ``/metrics``, ``/metrics/system`` and ``/metrics/business``; makes what the topic ``metrics`` tells."""

    def __init__(self, sources: MetricsSources, tasks: Tasks, clock: Clock) -> None:
        self._from = sources
        self._tasks = tasks
        self._clock = clock
        self._started = clock.monotonic()
        self._rates = _Rates()
        self.sample()

    async def watch(self) -> None:
        """Take samples for the rates, until cancelled."""
        while True:
            await self._tasks.sleep(SAMPLE)
            self.sample()

    def sample(self) -> None:
        """Remember how the running totals stand now."""
        now, reading = self._clock.monotonic(), self._from.machine.read()
        self._rates.requests.add(now, self._requests())
        self._rates.processor.add(now, reading.cpu_seconds)
        if reading.network_bytes is not None:
            self._rates.network.add(now, reading.network_bytes)

    @handles(GetMetrics)
    async def metrics(self, request: GetMetrics, caller: Caller) -> Metrics | MetricsText:
        """All figures, in the form asked for."""
        if request.format == "json":
            return await self.figures()
        return MetricsText(content_type=CONTENT_TYPES[request.format], body=self._from.text(request.format))

    async def figures(self) -> Metrics:
        """All figures."""
        requests, process = self._requests(), self.process()
        connections = self._from.connections()
        return Metrics(
            sync_metrics=self._sync(),
            system_metrics=SystemMetrics(
                memory_usage=memory_text(process.memory_usage_mb),
                cpu_usage=percent_text(process.cpu_usage_percent),
                active_connections=connections.websocket + connections.http,
                total_requests=requests,
                uptime=int(self._clock.monotonic() - self._started),
            ),
            bitcoin_metrics=await self._bitcoin(),
            requests_total=requests,
            requests_per_second=_rounded(self._rates.requests.rate(self._clock.monotonic(), requests)),
            websocket_connections=connections.websocket,
            memory_usage_mb=process.memory_usage_mb,
            cpu_usage_percent=process.cpu_usage_percent,
        )

    @handles(GetSystemMetrics)
    async def system(self, request: GetSystemMetrics, caller: Caller) -> SystemFigures:
        """The process and the machine."""
        return self.process()

    @handles(GetBusinessMetrics)
    async def business(self, request: GetBusinessMetrics, caller: Caller) -> BusinessFigures:
        """What was done for wallets."""
        total = self._from.meter.total
        return BusinessFigures(
            payments_processed=total(NOTIFICATIONS, kind=Kind.PAYMENT_DETECTED.value),
            payments_confirmed=total(NOTIFICATIONS, kind=Kind.PAYMENT_CONFIRMED.value),
            relays_connected=self._from.mesh().connections,
            messages_synced=total(MESSAGES_SYNCED),
        )

    def process(self) -> SystemFigures:
        """What the operating system says, rates over the last minute."""
        now, reading = self._clock.monotonic(), self._from.machine.read()
        processor = self._rates.processor.rate(now, reading.cpu_seconds)
        sent = reading.network_bytes
        network = None if sent is None else self._rates.network.rate(now, sent)
        return SystemFigures(
            cpu_usage_percent=_rounded(processor, 100),
            memory_usage_mb=round(reading.memory_bytes / MEGA, 1),
            disk_usage_percent=reading.disk_percent,
            network_io_mbps=_rounded(network, 8 / MEGA),
        )

    def _requests(self) -> int:
        return self._from.meter.total(REQUESTS)

    def _sync(self) -> SyncMetrics:
        meter, mesh = self._from.meter, self._from.mesh()
        requests, errors = meter.total(SYNC_REQUESTS), meter.total(SYNC_ERRORS)
        latency = meter.mean(SYNC_SECONDS)
        return SyncMetrics(
            known_relays=mesh.known,
            mesh_connections=mesh.connections,
            sync_requests=requests,
            sync_responses=meter.total(SYNC_RESPONSES),
            cache_hits=meter.total(CACHE_HITS),
            cache_misses=meter.total(CACHE_MISSES),
            avg_latency=_rounded(latency, 1000),
            error_count=errors,
            success_rate=_rounded(max(requests - errors, 0) / requests, 100) if requests else None,
        )

    async def _bitcoin(self) -> BitcoinMetrics:
        try:
            said = await self._from.chain.info()
        except Unavailable:
            return BitcoinMetrics()
        chain, network, mempool = (said.get(name, {}) for name in ("blockchain_info", "network_info", "mempool_info"))
        return BitcoinMetrics(
            block_height=chain.get("blocks"),
            connections=network.get("connections"),
            mempool_size=mempool.get("size"),
            verification_progress=_float(chain.get("verificationprogress")),
        )


def memory_text(megabytes: float) -> str:
    """As the sources write it: ``128MB``."""
    return f"{megabytes:.0f}MB"


def percent_text(percent: float | None) -> str | None:
    """As the sources write it: ``5%``; None stays None."""
    return None if percent is None else f"{percent:g}%"


def _rounded(value: float | None, factor: float = 1.0) -> float | None:
    return None if value is None else round(value * factor, 2)


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
