"""What watches the relay and tells how it is: figures, log, the topics told at intervals, the operator's overview."""

from __future__ import annotations

import os
from collections.abc import Callable

from attrs import frozen
from msgspec import UNSET, UnsetType
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import ILogFilterPredicate, globalLogPublisher

from ..config.model import Config, Sync, without_credentials
from ..domain.measure import (
    BUS_OPEN,
    HTTP_OPEN,
    INDEX_HEIGHT,
    MEMPOOL,
    NODE_CONNECTED,
    SESSIONS_OPEN,
    STORE_WRITABLE,
    TRAFFIC,
    WALLETS,
)
from ..domain.notification import Topic
from ..domain.status import CatchingUp, IndexerCondition, Live, NodeState
from ..io.ops.logs import LogRing
from ..io.ops.machine import Machine
from ..io.storage import DatabaseStore
from ..messages.rest.admin import Queues
from ..messages.rest.node import Connections
from ..ports import Task
from ..services.admin import AdminService, Overview, Process
from ..services.condition import ConditionTeller
from ..services.handshake import Identity
from ..services.hub import Hub
from ..services.logs import LogService
from ..services.metrics import Mesh, MetricsService, MetricsSources, Node
from ..services.node import NodeService
from ..services.periodic import Periodical, PeriodicService
from ..session.traffic import Census
from .world import World


@frozen
class Watched:
    """What is looked at: the node as answers are made from it, the hub, the store, and how many there are of some things now."""

    chain: Node
    hub: Hub
    store: DatabaseStore
    node: NodeService
    connections: Callable[[], Connections]
    queues: Callable[[], Queues]
    indexer: Callable[[], IndexerCondition]
    wallets: Callable[[], int]
    mempool: Callable[[], int]
    mesh: Callable[[], Mesh] = Mesh
    alerts: Callable[[], int] = lambda: 0


class Monitor(Service):
    """The services that answer for the relay's condition, and the loops that tell it; ``census`` counts conversations.

    ``add`` takes further periodicals, until the service starts.
    """

    def __init__(
        self, config: Config, config_path: str | None, world: World, identity: Identity, census: Census
    ) -> None:
        self._config, self._config_path = config, config_path
        self._world = world
        self._identity = identity
        self._census = census
        self._periodicals: list[Periodical] = []
        self._task: Task | None = None

    def watch(self, watched: Watched, levels: ILogFilterPredicate, intervals: Callable[[], Sync]) -> list[object]:
        """Join it to what it watches; who answers requests. ``intervals`` are those in force."""
        world = self._world
        self._hub = watched.hub
        self._ring = LogRing(levels)
        text, machine = world.meter.text, Machine(self._config.data_dir)
        sources = MetricsSources(world.meter, text, machine, watched.chain, watched.connections, watched.mesh)
        self.metrics = MetricsService(sources, world.tasks, world.clock)
        teller = ConditionTeller(watched.node.report, self.metrics)
        self.add(Periodical(Topic.HEALTH, lambda: intervals().health_interval, teller.health))
        self.add(Periodical(Topic.METRICS, lambda: intervals().metrics_interval, teller.metrics))
        self._follow(watched)
        return [self.metrics, LogService(self._identity, self._ring), self._admin(watched)]

    def add(self, periodical: Periodical) -> None:
        """Tell this at intervals too."""
        self._periodicals.append(periodical)

    def reschedule(self) -> None:
        """The intervals have changed."""
        self._periodic.reschedule()

    def startService(self) -> None:
        """Keep the log's lines, sample, tell."""
        super().startService()
        globalLogPublisher.addObserver(self._ring)
        self._task = self._world.tasks.start("metrics", self.metrics.watch())
        self._periodic = PeriodicService(self._hub, self._world.tasks, self._world.clock, self._periodicals)
        self._periodic.start()

    def stopService(self) -> Deferred[None]:
        """Stop all of it."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await self._task.wait()
            await self._periodic.stop()
        globalLogPublisher.removeObserver(self._ring)

    def _admin(self, watched: Watched) -> AdminService:
        world, node = self._world, watched.node
        process = Process(
            os.getpid(),
            world.clock.now(),
            self._config_path,
            without_credentials(self._config.database.url),
            without_credentials(self._config.bitcoin_core.url),
        )
        overview = Overview(
            world.meter, self._census, watched.connections, watched.queues, node.indexer_report, watched.wallets,
            watched.mesh, watched.alerts,
        )  # fmt: skip
        return AdminService(self._identity, process, overview, watched.store, watched.chain, watched.hub, world.clock)

    def _follow(self, watched: Watched) -> None:
        """What stands at a value is asked for it when the metrics are read."""
        follow, store = self._world.meter.follow, watched.store
        follow(SESSIONS_OPEN, lambda: watched.connections().websocket)
        follow(HTTP_OPEN, lambda: watched.connections().http)
        follow(BUS_OPEN, lambda: _known(watched.connections().bus))
        follow(INDEX_HEIGHT, lambda: _height(watched.indexer()))
        follow(NODE_CONNECTED, lambda: float(watched.chain.condition().state is NodeState.CONNECTED))
        follow(STORE_WRITABLE, lambda: float(store.condition() is None))
        follow(WALLETS, watched.wallets)
        follow(MEMPOOL, watched.mempool)
        for figure, gauge in TRAFFIC.items():
            follow(gauge, self._total(figure))

    def _total(self, figure: str) -> Callable[[], float]:
        return lambda: self._census.total(figure)


def _known(count: int | UnsetType) -> int | None:
    return None if count is UNSET else count


def _height(condition: IndexerCondition) -> float | None:
    return condition.height if isinstance(condition, Live | CatchingUp) else None
