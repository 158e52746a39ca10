"""A relay that has to do with others: it knows some, says how it is, and keeps what is left with it."""

from __future__ import annotations

from sdkrelay.config.tuning import Fallback
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.messages.rest.relays import RelayConfiguration
from sdkrelay.services.figures import Figures
from sdkrelay.services.records import Around as Records
from sdkrelay.services.records import Bounds, RecordService, Signer
from sdkrelay.services.relays import MOST, Itself, RelayService
from sdkrelay.services.router import Router
from sdkrelay.services.syncing import Around, SyncService
from sdkrelay.session.dialects import Native
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Surroundings

from .conversation import IDENTITY, handled
from .metered import MeteredRelay
from .stores import now


class RelatedRelay(MeteredRelay):
    """A relay with all services about relays; ``fallback`` and ``disk`` are what it was told of them."""

    def __init__(self, bounds: Bounds | None = None, most: int = MOST) -> None:
        super().__init__()
        self._most = most
        self.fallback, self.disk = Fallback(), 2_000_000_000
        self.relays = self.again()
        figures = Figures(self.node.report, self.metrics, self.meter, self.relays.mesh, lambda: self.disk)
        around = Around(self.time, self.entropy, self.meter)
        self.sync = SyncService(IDENTITY, figures, lambda name: name in [peer.id for peer in self.relays.peers], around)
        records = Records(self.time, self.entropy, self.meter, self.compute, self.time.tasks)
        self.records = RecordService(self.store, self.hub, Signer("relay-under-test", b"\x07" * 32), records, bounds)
        services = [self.handshake, self.encryption, self.hub, self.small, self.relays, self.sync, self.records]
        self.catalog = Catalog(handled([*native.REQUESTS, *rest.REQUESTS], services))
        self.dispatch = Dispatch(Router([self.catalog], services), Gate(), None, self.meter, self.time)
        self.around = Surroundings(
            Native(self.catalog), self.dispatch, self.time.tasks, self.time, Patience(), self.census
        )

    def again(self) -> RelayService:
        """The service over the same store, as after a restart."""
        configuration = RelayConfiguration(network="regtest", dev_mode=False, sync_interval=30)
        itself = Itself("ws://0.0.0.0:8090", self.node.report, lambda: configuration, lambda: self.fallback, self.meter)
        service = RelayService(IDENTITY, itself, self.store, self.time.tasks, self.time, self._most)
        now(service.load())
        return service
