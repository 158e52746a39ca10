"""A relay that has to do with others: it knows some, says how it is, and keeps what is left with it."""

from __future__ import annotations

from sdkrelay.build.sharing import Shared, Sharing, Surroundings
from sdkrelay.config.model import Sync
from sdkrelay.config.tuning import Fallback
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.mesh import family as mesh
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.messages.rest.relays import RelayConfiguration
from sdkrelay.services.figures import Figures
from sdkrelay.services.mesh.link import Links
from sdkrelay.services.records import Around as Records
from sdkrelay.services.records import Bounds, RecordService, Signer
from sdkrelay.services.relays import MOST, Itself, RelayService
from sdkrelay.services.router import Router
from sdkrelay.session.dialects import Native
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Surroundings as Sessions

from .conversation import IDENTITY, handled
from .linked import about
from .metered import MeteredRelay
from .rostered import Rostered
from .stores import now


class RelatedRelay(MeteredRelay):
    """A relay with all services about relays; ``fallback`` and ``disk`` are what it was told of them."""

    def __init__(self, bounds: Bounds | None = None, most: int = MOST) -> None:
        super().__init__()
        self._most = most
        self.fallback, self.disk = Fallback(), 2_000_000_000
        self.relays = self.again()
        figures = Figures(self.node.report, self.metrics, self.meter, self.relays.mesh, lambda: self.disk)
        self.records = self.records_again(bounds)
        shared = Shared(
            IDENTITY, "boot-1", Links(IDENTITY.relay_id), self.store.index, self.records, lambda relay_id, key: True,
            self._named, Sync, about,
        )  # fmt: skip
        around = Surroundings(self.time, self.time.tasks, self.entropy, self.compute, self.meter)
        self.sharing = Sharing(shared, figures, around)
        self.sync = self.sharing.sync
        own = [self.handshake, self.encryption, self.hub, self.small, self.relays, self.records]
        services = [*own, *self.sharing.services()]
        self.catalog = Catalog(handled([*native.REQUESTS, *mesh.REQUESTS, *rest.REQUESTS], services))
        self.dispatch = Dispatch(Router([self.catalog], services), Gate(), None, self.meter, self.time)
        self.around = Sessions(Native(self.catalog), self.dispatch, self.time.tasks, self.time, Patience(), self.census)

    def records_again(self, bounds: Bounds | None = None) -> RecordService:
        """The records over the same store, as after a restart."""
        around = Records(self.time, self.entropy, self.meter, self.compute, self.time.tasks)
        return RecordService(self.store, self.hub, Signer("relay-under-test", b"\x07" * 32), around, bounds)

    def _named(self, name: str) -> str | None:
        return "" if name in [peer.id for peer in self.relays.peers] else None

    def again(self) -> RelayService:
        """The service over the same store, as after a restart."""
        configuration = RelayConfiguration(network="regtest", dev_mode=False, sync_interval=30)
        itself = Itself("ws://0.0.0.0:8090", self.node.report, lambda: configuration, lambda: self.fallback, self.meter)
        self.rostered = Rostered(IDENTITY, self.store, self.time, self.entropy, meter=self.meter)
        service = RelayService(
            IDENTITY, itself, self.store, self.time.tasks, self.time, self.rostered.roster, self._most
        )
        now(service.load())
        return service
