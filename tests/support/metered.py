"""A relay whose figures, log and overview are there, over a machine and a node that tests set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from sdkrelay.domain.access import Principal, Role
from sdkrelay.domain.status import Live
from sdkrelay.io.ops.metrics import RegistryMeter
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.message import Reply, Request
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.messages.rest.admin import Queues
from sdkrelay.messages.rest.node import Connections
from sdkrelay.ports import LogRecord, MachineReading
from sdkrelay.services.admin import AdminService, Overview, Process
from sdkrelay.services.hub import Hub
from sdkrelay.services.logs import LogService
from sdkrelay.services.metrics import Mesh, MetricsService, MetricsSources
from sdkrelay.services.node import Doors, NodeService
from sdkrelay.services.router import Router
from sdkrelay.session.dialects import Native
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Surroundings
from sdkrelay.session.traffic import Census

from .conversation import IDENTITY, Relay, handled
from .nodes import CannedNode
from .stores import now


@define
class SetMachine:
    """A machine that says what it was set to."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 100_000_000
    disk_percent: float | None = 25.0
    network_bytes: int | None = 0

    def read(self) -> MachineReading:
        """The figures set."""
        return MachineReading(self.cpu_seconds, self.memory_bytes, self.disk_percent, self.network_bytes)


@define
class SetLog:
    """Lines that a test wrote."""

    lines: list[LogRecord] = field(factory=list)

    def records(self) -> Sequence[LogRecord]:
        """All of them."""
        return self.lines


class MeteredRelay(Relay):
    """A relay that counts; ``ask`` asks as its operator."""

    def __init__(self, patience: Patience | None = None) -> None:
        super().__init__(patience)
        self.meter, self.census = RegistryMeter(), Census()
        self.machine, self.log, self.chain = SetMachine(), SetLog(), CannedNode()
        self.connected, self.waiting, self.mesh = (
            Connections(websocket=0, http=0),
            Queues(requests=0, unsent_bytes=0),
            Mesh(),
        )
        self.alerts = self.wallets = 0
        self.hub = Hub(self.store.log, self.time.tasks, IDENTITY.relay_id, meter=self.meter)
        now(self.hub.start())
        self.handshake._hub = self.hub
        doors = Doors(lambda: self.connected)
        self.node = NodeService(IDENTITY, self.chain, self.store, lambda: Live(7), doors, self.time)  # type: ignore[arg-type]
        sources = MetricsSources(
            self.meter, self.meter.text, self.machine, self.chain, lambda: self.connected, lambda: self.mesh
        )
        self.metrics = MetricsService(sources, self.time.tasks, self.time)
        services = [
            self.handshake, self.encryption, self.hub, self.small, self.node, self.metrics, LogService(IDENTITY, self.log),
            self._admin(),
        ]  # fmt: skip
        self.catalog = Catalog(handled([*native.REQUESTS, *rest.REQUESTS], services))
        self.dispatch = Dispatch(Router([self.catalog], services), Gate(), None, self.meter, self.time)
        self.around = Surroundings(
            Native(self.catalog), self.dispatch, self.time.tasks, self.time, patience or Patience(), self.census
        )

    def _admin(self) -> AdminService:
        over = Overview(
            self.meter, self.census, lambda: self.connected, lambda: self.waiting, self.node.indexer_report,
            lambda: self.wallets, lambda: self.mesh, lambda: self.alerts,
        )  # fmt: skip
        process = Process(4711, self.time.now(), "/etc/sdkrelay.toml", "sqlite:///x", "http://node:18443")
        return AdminService(IDENTITY, process, over, self.store, self.chain, self.hub, self.time)

    def ask(self, request: Request) -> Any:
        """The reply to the operator."""
        session, _ = self.greeted()
        session.identify(Principal("operator", frozenset({Role.OPERATOR})))
        reply: Reply = now(self.dispatch.answer(request, session))
        return reply
