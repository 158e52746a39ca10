"""The parts of a relay, made and joined from the bottom to the top."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import UNSET, UnsetType
from twisted.application import strports
from twisted.application.service import Service
from twisted.internet.interfaces import IProtocolFactory
from twisted.web.resource import IResource

from ..config.address import listen_description, parse_address
from ..config.model import Config, Limits
from ..config.public import public
from ..domain.networks import Networks
from ..io.bitcoind.absent import AbsentNode
from ..io.bitcoind.node import BitcoinNode
from ..io.bus.door import BusDoor
from ..io.bus.service import BusService, bus_factories
from ..io.net.http import Guard, HttpLimits, guarded
from ..io.net.oneport import OnePort
from ..io.net.proxies import Proxies
from ..io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits, WebSocketService
from ..io.rest.cors import Cors
from ..io.rest.door import RestDoor, RestSurroundings
from ..io.rest.table import ROWS
from ..io.storage import DatabaseStore
from ..messages.catalog import Catalog
from ..messages.mesh.family import REQUESTS as MESH
from ..messages.mesh.greeting import RelayAnswer
from ..messages.native.family import REQUESTS as NATIVE
from ..messages.native.session import Handshake
from ..messages.rest.admin import Queues
from ..messages.rest.family import REQUESTS as REST
from ..messages.rest.node import Connections
from ..ports import Caller
from ..services.access import AccessRules, AccessService
from ..services.answers import Answers
from ..services.archive import ArchiveService, Section
from ..services.archived import PaymentSection, WalletSection
from ..services.archived_alerts import AlertSection
from ..services.blocks import Blocks
from ..services.catching import CatchingUp
from ..services.encryption import EncryptionService
from ..services.following import Following, Retention
from ..services.handshake import HandshakeService, Identity
from ..services.hub import Hub
from ..services.indexing import Indexing
from ..services.keys import Vault
from ..services.matching import Matcher, Turns
from ..services.mempool import Mempool
from ..services.node import Doors, NodeService
from ..services.payments import PaymentService
from ..services.router import Router
from ..services.scanning import ScanService
from ..services.stepping import Stepper
from ..services.wallets import WalletService
from ..services.watching import Watch
from ..session.dialects import Native
from ..session.dispatch import Dispatch
from ..session.gate import Allowances, Gate
from ..session.outbox import Patience
from ..session.session import Surroundings
from ..session.traffic import Census
from .alarms import Alarms
from .bus import make_bus
from .describing import describing
from .monitor import Monitor, Watched
from .nostr import NostrParts
from .relations import Relations
from .secrecy import ReloadAtHangup, make_tls
from .tuning import Operation, Tuning, both, pool_limits, retry_limits
from .world import World

#: The settings that say how often something is told.
INTERVALS = ("sync.interval", "sync.health_interval", "sync.metrics_interval")


#: The limits that are taken at once; the others wait for a restart.
LIVE_LIMITS = (
    "limits.websocket_connections",
    "limits.websocket_message_bytes",
    "limits.http_connections",
    "limits.http_body_bytes",
    "limits.http_head_seconds",
)


class Parts:
    """The parts of a relay, from the bottom to the top."""

    def __init__(
        self,
        config: Config,
        world: World,
        store: DatabaseStore,
        identity: Identity,
        vault: Vault,
        encryption: EncryptionService,
        draining: Callable[[], bool],
        operation: Operation,
        nostr: NostrParts | None = None,
    ) -> None:
        self._config = config
        self._world = world
        self._nostr = nostr
        self.tuning = Tuning(config, world, operation)
        self.chain = make_node(config, world)
        self.tuning.follow(self.chain)
        most, public = config.limits.websocket_subscriptions, config.auth.public_read
        self.hub = Hub(store.log, world.tasks, identity.relay_id, meter=world.meter, most=most, public_read=public)
        self._census = Census()
        self.monitor = Monitor(config, operation.sources.path, world, identity, self._census)
        self._follow(store, vault)
        services = self._services(store, vault, identity, encryption, Doors(self._connections, draining), operation)
        native, everything = Catalog([*NATIVE, *MESH]), Catalog([*NATIVE, *MESH, *REST])
        router = Router([everything], [*services, describing(services)])
        gate = Gate(config.auth.allow_insecure_keys, config.auth.public_read)
        dispatch = Dispatch(router, gate, self.access, world.meter, world.clock)
        self._make_doors(dispatch, native, everything)
        self.tuning.live.subscribe(LIVE_LIMITS, self._take_limits)

    def _make_doors(self, dispatch: Dispatch, native: Catalog, everything: Catalog) -> None:
        """The doors, not open yet; what is wrong with the certificate is told before anything that uses it."""
        self._tls = make_tls(self._config, self._world.reactor)
        self.factory = self._websocket_factory(dispatch, native)
        self.websocket = WebSocketService(self.factory, self._world.reactor)
        self._rest_door = self._make_rest_door(dispatch, everything)
        self._rest = self._rest_door.resource
        self._ports: list[Guard] = []
        self._bus: BusDoor | None = None
        self.doors: list[WebSocketService | BusService] = [self.websocket]
        if self._config.bus.enabled:
            self._bus = make_bus(self._config.bus, self._world, self._sockets, Catalog([*NATIVE, *REST]), self.hub)
            self.doors.append(BusService(self._bus, self._world.reactor))

    def _services(
        self,
        store: DatabaseStore,
        vault: Vault,
        identity: Identity,
        encryption: EncryptionService,
        doors: Doors,
        operation: Operation,
    ) -> list[object]:
        """Whoever answers requests."""
        config, world, tuning = self._config, self._world, self.tuning
        condition, wallet = lambda: self.indexing.condition, tuning.wallet
        node = NodeService(
            identity, self.answers, store, condition, doors, world.clock, wallet, self._unreadable,
            self._nostr.store.condition if self._nostr else lambda: None,
        )  # fmt: skip
        rules = AccessRules(config.auth.users, config.auth.token_ttl)
        self.access = AccessService(store.access, rules, world.compute, world.clock, world.entropy)
        greeting = HandshakeService(
            identity, store.wallets, self.access, self.hub, encryption, tuning.fallback, self._crowded, self._greet_relay
        )  # fmt: skip
        settings = tuning.services(identity, lambda: encryption.identity_key)
        core = [greeting, encryption, self.hub, self.wallets, self.payments, self._scans, node, self.access]
        self.relations = Relations(lambda: tuning.live.config, world, identity, store, node)
        self.alarms = Alarms(world, tuning.live, identity, store)
        monitoring = self._monitoring(store, node, operation)
        relations = self.relations.services(self.hub, self.monitor.metrics)
        self.payments.on_create = self.relations.payments.look
        archive = self._archive(store, vault, identity)
        self.relations.tell_at_intervals(self.monitor.add, lambda: tuning.live.config.sync)
        return [*core, *settings, *monitoring, *relations, archive]

    def _monitoring(self, store: DatabaseStore, node: NodeService, operation: Operation) -> list[object]:
        """Who answers for the condition of all this."""
        watched = Watched(
            self.answers, self.hub, store, node, self._connections, self._queues, lambda: self.indexing.condition,
            lambda: len(self._watch), lambda: len(self._mempool), self.relations.standing,
            lambda: self.alarms.active,
        )  # fmt: skip
        live = self.tuning.live
        live.subscribe(INTERVALS, self._reschedule)
        services = self.monitor.watch(watched, operation.levels, lambda: live.config.sync)
        return [*services, self.alarms.watch(watched, self.monitor.metrics)]

    def _reschedule(self, now: Config) -> None:
        """Other intervals hold at once."""
        self.monitor.reschedule()
        self.relations.sharing.exchanges.reschedule()

    def _follow(self, store: DatabaseStore, vault: Vault) -> None:
        """What follows the chain, watches wallets and scans."""
        chain, hub, world = self.chain, self.hub, self._world
        tasks, clock = world.tasks, world.clock
        start, network = self._config.start_height, self._config.network
        self.answers = answers = Answers(chain, self.tuning.cache)
        blocks, matcher = Blocks(chain, world.compute, self.tuning.cache), Matcher(world.compute)
        stepper = Stepper(matcher, blocks)
        self._mempool = mempool = Mempool(chain, world.compute, tasks, clock)
        self._watch = watch = Watch(store, hub, matcher, stepper, mempool, tasks, clock)
        turns = Turns(tasks)
        catching = CatchingUp(store.index, watch, stepper, turns, tasks, clock)
        self.indexing = Indexing(chain, store.index, blocks, watch, mempool, hub, tasks, clock, start)
        kept = Retention(86_400 * self._config.retention.days, self._config.retention.entries)
        self.following = Following(chain, store, self.indexing, watch, catching, mempool, kept, tasks, clock)
        chain.on_hint = both(answers.hint, self.following.hint)
        chain.needed_height = lambda: self.following.needed_height(start)
        most = self._config.limits.wallets
        self.wallets = WalletService(store, chain, vault, watch, catching, tasks, clock, network, start, hub, most)
        self.payments = PaymentService(store, hub, watch, tasks, clock, network)
        self._scans = ScanService(
            store.index, stepper, mempool, self.wallets, vault, turns, world.compute, tasks, clock, network
        )

    def _archive(self, store: DatabaseStore, vault: Vault, identity: Identity) -> ArchiveService:
        """What is exported, in the order it is taken in again."""
        world, live = self._world, self.tuning.live
        sections: tuple[Section, ...] = (
            PaymentSection(store, self.payments, identity.network),
            *self.relations.sections(),
            AlertSection(self.alarms.alerts),
            WalletSection(store, self.wallets, vault),
        )
        return ArchiveService(
            identity, sections, lambda: public(live.config, True), world.compute, world.tasks, world.clock, world.entropy
        )  # fmt: skip

    def services(self) -> list[Service]:
        """What starts and stops with the relay, in the order of starting."""
        hangup = [ReloadAtHangup(self._tls, self._world.reactor)] if self._tls else []
        watching = [self.monitor, self.alarms]
        return [self._world.compute, self.chain, *self.doors, *watching, *hangup, *self._listening(), self.dialler]

    @property
    def open_connections(self) -> int:
        """How many clients are still to take their goodbye."""
        return len(self.factory.open) + len(self.dialler.connections) + (self._bus.connections if self._bus else 0)

    def bus_clients(self) -> int | UnsetType:
        """How many clients of the bus there are; unset where it is off."""
        return UNSET if self._bus is None else len(self._bus.pairs)

    def _listening(self) -> list[Service]:
        config, limits = self._config, self._config.limits
        door, rest = WebSocketDoor(self.factory, self.tuning.introduction), self._rest
        websocket, http = websocket_http_limits(limits), http_limits(limits)
        root: IResource = OnePort(door, rest) if config.one_port else door
        front = self._listen(config.ws_url, self._nostr.door(root) if self._nostr else root, websocket)
        ports = [front] if config.one_port else [front, self._listen(config.http_url, rest, http)]
        return [*ports, *self._listening_bus()]

    def _listening_bus(self) -> list[Service]:
        if self._bus is None:
            return []
        urls = (self._config.bus.commands_url, self._config.bus.events_url)
        return [self._open(url, factory) for url, factory in zip(urls, bus_factories(self._bus), strict=True)]

    def _listen(self, url: str, resource: IResource, limits: HttpLimits) -> Service:
        guard = guarded(resource, limits, self._world.reactor, proxies(self._config.limits))
        guard.uploads = self._rest_door.uploads(self._config.limits.import_body_bytes)
        self._ports.append(guard)
        return self._open(url, guard)

    def _open(self, url: str, factory: IProtocolFactory) -> Service:
        """A port, over TLS where that is set; an endpoint string says itself what it is."""
        spoken = self._tls.over(factory) if self._tls and parse_address(url) else factory
        service: Service = strports.service(listen_description(url), spoken, self._world.reactor)
        return service

    def _take_limits(self, now: Config) -> None:
        """Other limits for who connects from now on."""
        limits = now.limits
        kinds = (websocket_http_limits(limits), http_limits(limits))
        for guard, kind in zip(self._ports, kinds, strict=False):
            guard.limits = kind
        self.factory.limit(WebSocketLimits(limits.websocket_connections, limits.websocket_message_bytes))

    def _unreadable(self) -> int:
        return self.wallets.unreadable

    async def _greet_relay(self, request: Handshake, caller: Caller) -> RelayAnswer | None:
        return await self.relations.mesh.greeter.answer(request, caller)

    def _crowded(self, session_id: str) -> str | None:
        return self.factory.crowded(session_id)

    def _connections(self) -> Connections:
        open_sockets = len(self.factory.open)
        http = sum(port.connections for port in self._ports) - open_sockets
        return Connections(websocket=open_sockets, http=http, bus=self.bus_clients())

    def _queues(self) -> Queues:
        waiting = [protocol.session.waiting for protocol in self.factory.open if protocol.session is not None]
        return Queues(requests=sum(frames for frames, _ in waiting), unsent_bytes=sum(unsent for _, unsent in waiting))

    def _websocket_factory(self, dispatch: Dispatch, catalog: Catalog) -> RelayFactory:
        world, limits = self._world, self._config.limits
        patience = Patience(limits.websocket_backlog_bytes, limits.websocket_backlog_seconds)
        allowances = Allowances(world.clock, limits.websocket_cost_per_minute, Networks.of(limits.exempt))
        relays = Allowances(world.clock, self._config.mesh.cost_per_minute)
        self._sockets = around = Surroundings(
            Native(catalog), dispatch, world.tasks, world.clock, patience, self._census, allowances, relays,
            self._nostr.conversation if self._nostr else None,
        )  # fmt: skip
        self.dialler = self.relations.mesh.dialler(around)
        bounds = WebSocketLimits(limits.websocket_connections, limits.websocket_message_bytes)
        return RelayFactory(around, bounds, world.entropy, world.reactor, proxies(limits))

    def _make_rest_door(self, dispatch: Dispatch, catalog: Catalog) -> RestDoor:
        world, limits = self._world, self._config.limits
        allowances = Allowances(world.clock, limits.http_requests_per_minute, Networks.of(limits.exempt))
        around = RestSurroundings(
            dispatch, catalog, allowances, world.tasks, world.clock, world.reactor, limits.http_request_seconds,
            Cors(self._config.auth.cors_origins), proxies(limits),
        )  # fmt: skip
        return RestDoor(around, ROWS)


def make_node(config: Config, world: World) -> BitcoinNode | AbsentNode:
    """The configured bitcoind, or none for a relay that stands alone."""
    if config.standalone:
        return AbsentNode()
    node = config.bitcoin_core
    return BitcoinNode(
        world.reactor,
        world.entropy,
        node.url,
        config.network,
        cookie_path=Path(node.cookie_path) if node.cookie_path else None,
        user=node.user,
        password=node.password,
        zmq_urls=node.zmq_url,
        pool=pool_limits(config),
        retry=retry_limits(config),
        compute=world.compute,
        meter=world.meter,
    )


def http_limits(limits: Limits) -> HttpLimits:
    """What the REST port takes."""
    return HttpLimits(
        limits.http_connections, limits.http_body_bytes, limits.http_head_seconds, limits.http_request_seconds,
        limits.http_head_bytes,
    )  # fmt: skip


def proxies(limits: Limits) -> Proxies:
    """Who is believed about where clients are."""
    return Proxies(limits.remote_ip_header, Networks.of(limits.trusted_proxies))


def websocket_http_limits(limits: Limits) -> HttpLimits:
    """What the WebSocket port takes before and beside its sessions; the session limit refuses with a reason first."""
    return HttpLimits(
        limits.websocket_connections + limits.http_connections,
        limits.http_body_bytes,
        limits.http_head_seconds,
        limits.http_request_seconds,
        limits.http_head_bytes,
    )
