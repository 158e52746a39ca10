"""The figures that conditions name, as they are now, from whoever knows them."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from ..domain.figure import Value
from ..domain.measure import REQUEST_SECONDS, REQUESTS, RPC_EXCHANGES, RPC_SECONDS
from ..domain.status import CatchingUp, IndexerCondition, Live, NodeCondition, NodeState
from ..domain.window import Window
from ..messages.rest.admin import Queues
from ..messages.rest.node import Connections
from ..ports import Clock, Meter
from .figures import OUR_FAULTS
from .metrics import Mesh, MetricsService


@frozen
class Observed:
    """Who is asked: the meter, the process, and the parts of the relay; ``store`` is why it cannot be written, or None."""

    meter: Meter
    metrics: MetricsService
    connections: Callable[[], Connections]
    queues: Callable[[], Queues]
    node: Callable[[], NodeCondition]
    indexer: Callable[[], IndexerCondition]
    store: Callable[[], str | None]
    mesh: Callable[[], Mesh]


@define(eq=False)
class _Share:
    """How much of one running total came with each of another, in the last minute."""

    part: Window = field(factory=Window)
    whole: Window = field(factory=Window)

    def take(self, now: float, part: float, whole: float) -> float | None:
        """The totals now; None while the whole has not grown."""
        self.part.add(now, part)
        self.whole.add(now, whole)
        grown = self.whole.rate(now, whole)
        return (self.part.rate(now, part) or 0.0) / grown if grown else None


class Readings:
    """All figures of :mod:`sdkrelay.domain.figure`; each reading is a sample for those that are of the last minute."""

    def __init__(self, observed: Observed, clock: Clock) -> None:
        self._of = observed
        self._clock = clock
        self._requests = Window()
        self._latency, self._errors, self._bitcoin = _Share(), _Share(), _Share()
        self._traffic()

    def read(self) -> dict[str, Value]:
        """Every figure by its name, None without a sample."""
        return {**self._machine(), **self._traffic(), **self._parts()}

    def _machine(self) -> dict[str, Value]:
        process = self._of.metrics.process()
        return {
            "cpu_usage": process.cpu_usage_percent,
            "memory_usage_mb": process.memory_usage_mb,
            "disk_usage": process.disk_usage_percent,
        }

    def _traffic(self) -> dict[str, Value]:
        meter, now = self._of.meter, self._clock.monotonic()
        requests, answered = meter.total(REQUESTS), meter.total(REQUESTS, outcome="ok")
        failed = sum(meter.total(REQUESTS, outcome=code) for code in OUR_FAULTS)
        exchanges = meter.total(RPC_EXCHANGES)
        self._requests.add(now, requests)
        answering = (meter.mean(REQUEST_SECONDS) or 0.0) * answered
        asking = (meter.mean(RPC_SECONDS) or 0.0) * exchanges
        return {
            "requests_per_second": _rounded(self._requests.rate(now, requests)),
            "latency": _rounded(self._latency.take(now, answering, answered)),
            "error_rate": _rounded(self._errors.take(now, failed * 100, requests)),
            "bitcoin_latency": _rounded(self._bitcoin.take(now, asking, exchanges)),
        }

    def _parts(self) -> dict[str, Value]:
        of, connections, node, indexer = self._of, self._of.connections(), self._of.node(), self._of.indexer()
        mesh, alone = of.mesh(), node.state is NodeState.NOT_CONFIGURED
        return {
            "websocket_connections": connections.websocket,
            "http_connections": connections.http,
            "unsent_bytes": of.queues().unsent_bytes,
            "bitcoin_connected": None if alone else node.state is NodeState.CONNECTED,
            "index_live": None if alone else isinstance(indexer, Live),
            "index_lag": _lag(indexer),
            "store_writable": of.store() is None,
            "known_relays": mesh.known,
            "connected_relays": mesh.connections,
            "differing_digests": mesh.disputes,
        }


def _lag(condition: IndexerCondition) -> int | None:
    if isinstance(condition, CatchingUp):
        return max(condition.target - condition.height, 0)
    return 0 if isinstance(condition, Live) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
