"""The alerts, joined to the figures they look at and to those who are called."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ..config.alerting import Alerts
from ..io.ops.webhook import Outside, Receiver, Webhook
from ..io.storage import DatabaseStore
from ..ports import Task
from ..services.alerts import AlertService, Around
from ..services.handshake import Identity
from ..services.metrics import MetricsService
from ..services.readings import Observed, Readings
from ..services.settings import Live
from .monitor import Watched
from .world import World


class Alarms(Service):
    """Looks at the figures and calls the webhook, from start to stop; load its ``alerts`` before."""

    def __init__(self, world: World, live: Live, identity: Identity, store: DatabaseStore) -> None:
        self._world = world
        self._live = live
        self._identity = identity
        self._store = store
        self._running: list[Task] = []
        live.reads(("alerts",))
        outside = Outside(world.reactor, world.tasks, world.clock, world.entropy, world.meter)
        self._webhook = Webhook(self._receiver, outside)

    @property
    def active(self) -> int:
        """How many alerts fire now."""
        return self.alerts.active

    def watch(self, watched: Watched, metrics: MetricsService) -> AlertService:
        """Join it to what it watches; who answers requests."""
        world = self._world
        observed = Observed(
            world.meter, metrics, watched.connections, watched.queues, watched.chain.condition, watched.indexer,
            self._store.condition, watched.mesh,
        )  # fmt: skip
        readings = Readings(observed, world.clock)
        around = Around(self._store, watched.hub, world.tasks, world.clock, self._webhook.deliver)
        self.alerts = AlertService(self._identity, readings.read, self._settings, around)
        return self.alerts

    def startService(self) -> None:
        """Begin to look."""
        super().startService()
        start = self._world.tasks.start
        self._running = [start("alerts", self.alerts.watch()), start("webhook", self._webhook.run())]

    def stopService(self) -> Deferred[None]:
        """Look no more, and call nobody."""
        super().stopService()
        self._webhook.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for task in self._running:
            task.cancel()
            await task.wait()

    def _settings(self) -> Alerts:
        return self._live.config.alerts

    def _receiver(self) -> Receiver | None:
        alerts = self._settings()
        return Receiver(alerts.webhook_url, alerts.webhook_secret) if alerts.webhook_url else None
