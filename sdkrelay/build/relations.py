"""What has to do with other relays: whom the relay knows, what it says to them of itself, what is left with it for all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import evolve

from ..config.address import parse_address
from ..config.model import Config, Sync
from ..domain.chain import display
from ..domain.notification import Topic
from ..domain.reconcile import fingerprint
from ..io.masterkey import signing_key
from ..io.mesh.dialler import PeerDialler
from ..io.ops.disk import folder_bytes
from ..io.storage import DatabaseStore
from ..messages.mesh.greeting import TipFigures
from ..messages.rest.relays import RelayCondition, RelayConfiguration
from ..ports import Unavailable
from ..services.archive import Section
from ..services.archived_relations import MessageSection, RelaySection
from ..services.figures import Figures
from ..services.handshake import Identity
from ..services.hub import Hub
from ..services.mesh.payments import PaymentFacts
from ..services.mesh.proving import Facts
from ..services.metrics import Mesh, MetricsService
from ..services.node import NodeService
from ..services.periodic import Periodical
from ..services.records import Around as Records
from ..services.records import Signer
from ..services.relay_reports import own_condition
from ..services.relays import Itself, RelayService
from .meshing import Meshing
from .sharing import Shared, Sharing, Surroundings
from .world import World


class Relations:
    """The services about relays; ``settings`` are those in force."""

    def __init__(
        self,
        settings: Callable[[], Config],
        world: World,
        identity: Identity,
        store: DatabaseStore,
        node: NodeService,
    ) -> None:
        self._world = world
        self._identity = identity
        self._store = store
        self._node = node
        self._settings = settings
        self._folder = Path(settings().data_dir)
        self.boot_id = world.entropy.bytes(8).hex()
        self.signer = Signer(identity.relay_id, signing_key(self._folder, world.entropy))
        self.mesh = Meshing(settings, world, identity, store, self.signer.secret, self.boot_id)
        itself = Itself(
            own_address(settings()),
            node.report,
            lambda: own_configuration(settings()),
            lambda: settings().fallback,
            world.meter,
        )
        self.relays = RelayService(identity, itself, store, world.tasks, world.clock, self.mesh.roster)

    def services(self, hub: Hub, metrics: MetricsService) -> list[object]:
        """Who answers requests."""
        world, mesh = self._world, self.relays.mesh
        figures = Figures(self._node.report, metrics, world.meter, mesh, lambda: folder_bytes(self._folder))
        records = Records(world.clock, world.entropy, world.meter, world.compute, world.tasks)
        self.records = world.mechanisms.records(self._store, hub, self.signer, records)
        shared = Shared(
            self._identity, self.boot_id, self.mesh.links, self._store.index, self.records, self.mesh.pins.fits,
            self.relays.named, lambda: self._settings().sync, self._about,
        )  # fmt: skip
        around = Surroundings(world.clock, world.tasks, world.entropy, world.compute, world.meter)
        self.sharing = Sharing(shared, figures, around, world.mechanisms.repair)
        self.payments = PaymentFacts(self._store, self.records, hub, world.tasks, world.clock)
        self.mesh.roster.disputed = lambda relay_id: bool(self.sharing.digests.of(relay_id))
        self.mesh.roster.forgotten = self.sharing.figures.forget
        self.mesh.facts = self._facts
        return [self.relays, self.records, *self.sharing.services(), *self.mesh.services(hub)]

    def start(self, dialler: PeerDialler) -> None:
        """Let payments travel where there can be other relays, compare records now and then, and dial."""
        if self._settings().mesh.takes_relays:
            self.payments.start()
        self.sharing.start()
        self.mesh.start(dialler)

    async def stop(self) -> None:
        """Begin nothing more with other relays, and let go of no more records."""
        await self.payments.stop()
        await self.sharing.stop()
        await self.records.stop()

    def standing(self) -> Mesh:
        """How many relays are known and connected, and of how many blocks one has another digest, now."""
        return evolve(self.relays.mesh(), disputes=self.sharing.digests.count)

    async def _facts(self) -> Facts:
        """What a greeting says of the chain and of the records, now; nothing of a store that is away."""
        items = self.records.sealed()
        try:
            tip = await self._store.index.tip()
        except Unavailable:
            tip = None
        figures = None if tip is None else TipFigures(height=tip.height, hash=display(tip.hash))
        return Facts(figures, len(items), fingerprint(items).hex())

    async def _about(self) -> tuple[RelayConfiguration, RelayCondition]:
        """What is said to other relays of the settings and of the parts."""
        return own_configuration(self._settings()), own_condition(await self._node.report())

    def sections(self) -> tuple[Section, ...]:
        """What of it is exported."""
        return MessageSection(self.records, self._world.clock), RelaySection(self.relays)

    def tell_at_intervals(self, add: Callable[[Periodical], None], intervals: Callable[[], Sync]) -> None:
        """What the topic ``sync`` tells: each kind as often as the settings in force say."""
        push = self.sharing.sync.push
        add(Periodical(Topic.SYNC, lambda: intervals().interval, lambda: push("StateSync")))
        add(Periodical(Topic.SYNC, lambda: intervals().health_interval, lambda: push("HealthSync")))
        add(Periodical(Topic.SYNC, lambda: intervals().metrics_interval, lambda: push("MetricsSync")))


def own_address(config: Config) -> str:
    """Where the relay listens for WebSocket clients, as an address of a relay; as configured if that is an endpoint string."""
    address = parse_address(config.ws_url)
    if address is None:
        return config.ws_url
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{'wss' if config.tls.certificate else 'ws'}://{host}:{address.port}"


def own_configuration(config: Config) -> RelayConfiguration:
    """What others may know of the settings."""
    return RelayConfiguration(
        network=config.network.value, dev_mode=config.dev_mode, sync_interval=config.sync.interval
    )
