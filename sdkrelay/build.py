"""The composition root: every object of a running relay is made and joined here, and nowhere else.

twistd starts the service before its reactor runs; the database is opened right then, on that thread, so that whatever is
wrong with it, the key or a port ends the process with a sentence instead of leaving half a relay behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen
from twisted.application import strports
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.web.resource import IResource

from . import __version__
from .config.address import listen_description
from .config.model import Config, Limits
from .io.bitcoind.node import BitcoinNode
from .io.masterkey import MasterKeyError, master_key
from .io.net.http import Guard, HttpLimits, guarded
from .io.net.oneport import OnePort
from .io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits, WebSocketService
from .io.rest.door import RestDoor, RestSurroundings
from .io.rest.table import ROWS
from .io.storage import DatabaseStore, StoreError, ThreadExecutor
from .io.world import ReactorTasks, SystemClock, SystemEntropy, ThreadCompute, running_reactor, tune_interpreter
from .messages.catalog import Catalog
from .messages.native.family import REQUESTS as NATIVE
from .messages.rest.family import REQUESTS as REST
from .messages.rest.node import Connections
from .ports import Unavailable
from .services.blocks import Blocks
from .services.catching import CatchingUp
from .services.following import Following, Retention
from .services.handshake import HandshakeService, Identity
from .services.hub import Hub
from .services.indexing import Indexing
from .services.keys import Vault
from .services.matching import Matcher, Turns
from .services.mempool import Mempool
from .services.node import Doors, NodeService
from .services.router import Router
from .services.scanning import ScanService
from .services.stepping import Stepper
from .services.wallets import WalletService
from .services.watching import Watch
from .session.dialects import Native
from .session.dispatch import Dispatch
from .session.gate import Allowances, Gate
from .session.outbox import Patience
from .session.session import Surroundings

log = Logger()
T = TypeVar("T")

#: How long stopping waits for clients to take their close frame, in steps of seconds.
FAREWELL_STEPS, FAREWELL_STEP = 20, 0.05


class CannotStart(SystemExit):
    """The relay cannot start; twistd ends with this sentence and status 1."""


class StoreThread(ThreadExecutor):
    """A thread of the store; until the reactor runs, nothing else waits, and the work is done at once."""

    def __init__(self, reactor: Any, name: str) -> None:
        super().__init__(reactor, name)
        self._running = lambda: reactor.running

    async def run(self, function: Callable[[], T]) -> T:
        return await super().run(function) if self._running() else function()


@frozen
class World:
    """The outer world of one relay."""

    reactor: Any
    tasks: ReactorTasks
    clock: SystemClock
    entropy: SystemEntropy
    compute: ThreadCompute


class Relay(MultiService):
    """One relay: started as a service, made of parts when it starts."""

    def __init__(self, config: Config, reactor: Any = None) -> None:
        super().__init__()
        self._config = config
        self._reactor = reactor
        self._draining = False
        self.started: Deferred[None] | None = None

    def startService(self) -> None:
        """Open the database, join the parts, listen, follow. CannotStart, if the reactor does not run yet, says why not."""
        super().startService()
        reactor = self._reactor or running_reactor()
        self._world = World(reactor, ReactorTasks(reactor), SystemClock(), SystemEntropy(), ThreadCompute(reactor))
        self.started = started = Deferred.fromCoroutine(self._start())
        failures: list[Any] = []
        if not reactor.running:
            started.addErrback(failures.append)
        if failures:
            failures[0].raiseException()

    async def _start(self) -> None:
        try:
            await self._open()
        except (StoreError, MasterKeyError, Unavailable, CannotListenError, OSError) as reason:
            raise CannotStart(f"sdkrelay: {reason}") from reason

    async def _open(self) -> None:
        config, world = self._config, self._world
        Path(config.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
        configured = Path(config.auth.master_key_file) if config.auth.master_key_file else None
        key = master_key(Path(config.data_dir), configured, os.environ, world.entropy)
        self._store = DatabaseStore(
            config.database.url, lambda name: StoreThread(world.reactor, name), world.clock, world.entropy
        )
        try:
            await self._serve(key)
        except BaseException:
            await self._abandon()
            raise

    async def _serve(self, key: bytes) -> None:
        """Open the store, join the parts over it, listen and follow."""
        config, world = self._config, self._world
        await self._store.open()
        identity = Identity(await self._relay_id(), __version__, config.network)
        await self._check_network()
        self._parts = parts = Parts(config, world, self._store, identity, Vault(key, world.entropy), self._is_draining)
        await parts.hub.start()
        await parts.wallets.load()
        for service in parts.services():
            service.setServiceParent(self)
        parts.following.start()
        log.info("relay {relay} serves {network}: WebSocket on {ws}, HTTP on {http}", **self._where(identity))

    async def _abandon(self) -> None:
        """A start that failed: end the threads, for which the process would wait, and let go of the database."""
        compute = self._world.compute
        if compute.running:
            compute.stopService()
        if hasattr(self, "_parts") and self._parts.chain.running:
            self._parts.chain.stopService()
        await self._store.close()

    def _where(self, identity: Identity) -> dict[str, str]:
        config = self._config
        return {"relay": identity.relay_id, "network": config.network, "ws": config.ws_url, "http": config.http_url}

    async def _relay_id(self) -> str:
        """The configured name, or the one made once for this database."""
        kept = await self._store.meta("relay_id")
        name = self._config.relay_id or kept or f"relay-{self._world.entropy.bytes(4).hex()}"
        if name != kept:
            await self._store.set_meta("relay_id", name)
        return name

    async def _check_network(self) -> None:
        kept, configured = await self._store.meta("network"), self._config.network.value
        if kept not in (None, configured):
            raise StoreError(f"the database holds {kept}, but network is {configured}: use another data_dir for it")
        if kept is None:
            await self._store.set_meta("network", configured)

    def _is_draining(self) -> bool:
        return self._draining

    def stopService(self) -> Deferred[None]:
        """Say goodbye to clients (1001), finish the step in hand, flush the store."""
        self._draining = True
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if not hasattr(self, "_parts"):
            await super().stopService()
            return
        parts = self._parts
        parts.websocket.stopService()
        await parts.following.stop()
        for _ in range(FAREWELL_STEPS):
            if parts.factory.open:
                await self._world.tasks.sleep(FAREWELL_STEP)
        await super().stopService()
        await self._store.close()
        log.info("the store is flushed and closed")


class Parts:
    """The parts of a relay, from the bottom to the top."""

    def __init__(
        self,
        config: Config,
        world: World,
        store: DatabaseStore,
        identity: Identity,
        vault: Vault,
        draining: Callable[[], bool],
    ) -> None:
        self._config = config
        self._world = world
        self.chain = make_node(config, world)
        self.hub = Hub(store.log, world.tasks, identity.relay_id)
        self._follow(store, vault)
        doors = Doors(self._connections, draining)
        node = NodeService(
            identity, self.chain, store, lambda: self.indexing.condition, doors, world.clock, self._unreadable
        )
        greeting = HandshakeService(identity, store.wallets, self.hub)
        native, everything = Catalog(NATIVE), Catalog([*NATIVE, *REST])
        router = Router([everything], [greeting, self.hub, self.wallets, self._scans, node])
        dispatch = Dispatch(router, Gate(config.auth.allow_insecure_keys))
        self.factory = self._websocket_factory(dispatch, native)
        self.websocket = WebSocketService(self.factory, world.reactor)
        self._rest = self._rest_resource(dispatch, everything)
        self._ports: list[Guard] = []

    def _follow(self, store: DatabaseStore, vault: Vault) -> None:
        """What follows the chain, watches wallets and scans."""
        chain, hub, world = self.chain, self.hub, self._world
        tasks, clock = world.tasks, world.clock
        start, network = self._config.start_height, self._config.network
        blocks, matcher = Blocks(chain, world.compute), Matcher(world.compute)
        stepper = Stepper(matcher, blocks)
        mempool = Mempool(chain, world.compute, tasks, clock)
        watch = Watch(store, hub, matcher, stepper, mempool, tasks, clock)
        turns = Turns(tasks)
        catching = CatchingUp(store.index, watch, stepper, turns, tasks, clock)
        self.indexing = Indexing(chain, store.index, blocks, watch, mempool, hub, tasks, clock, start)
        kept = Retention(86_400 * self._config.retention.days, self._config.retention.entries)
        self.following = Following(chain, store, self.indexing, watch, catching, mempool, kept, tasks, clock)
        chain.on_hint = self.following.hint
        chain.needed_height = lambda: self.following.needed_height(start)
        most = self._config.limits.wallets
        self.wallets = WalletService(store, chain, vault, watch, catching, tasks, clock, network, start, hub, most)
        self._scans = ScanService(
            store.index, stepper, mempool, self.wallets, vault, turns, world.compute, tasks, clock, network
        )

    def services(self) -> list[Service]:
        """What starts and stops with the relay, in the order of starting."""
        return [self._world.compute, self.chain, self.websocket, *self._listening()]

    def _listening(self) -> list[Service]:
        config, limits = self._config, self._config.limits
        door, rest = WebSocketDoor(self.factory), self._rest
        websocket, http = websocket_http_limits(limits), http_limits(limits)
        if config.one_port:
            return [self._listen(config.ws_url, OnePort(door, rest), websocket)]
        return [self._listen(config.ws_url, door, websocket), self._listen(config.http_url, rest, http)]

    def _listen(self, url: str, resource: IResource, limits: HttpLimits) -> Service:
        guard = guarded(resource, limits, self._world.reactor)
        self._ports.append(guard)
        service: Service = strports.service(listen_description(url), guard, self._world.reactor)
        return service

    def _unreadable(self) -> int:
        return self.wallets.unreadable

    def _connections(self) -> Connections:
        open_sockets = len(self.factory.open)
        return Connections(websocket=open_sockets, http=sum(port.connections for port in self._ports) - open_sockets)

    def _websocket_factory(self, dispatch: Dispatch, catalog: Catalog) -> RelayFactory:
        world, limits = self._world, self._config.limits
        patience = Patience(limits.websocket_backlog_bytes, limits.websocket_backlog_seconds)
        around = Surroundings(Native(catalog), dispatch, world.tasks, world.clock, patience)
        bounds = WebSocketLimits(limits.websocket_connections, limits.websocket_message_bytes)
        return RelayFactory(around, bounds, world.entropy, world.reactor)

    def _rest_resource(self, dispatch: Dispatch, catalog: Catalog) -> IResource:
        world, limits = self._world, self._config.limits
        allowances = Allowances(world.clock, limits.http_requests_per_minute)
        around = RestSurroundings(
            dispatch, catalog, allowances, world.tasks, world.clock, world.reactor, limits.http_request_seconds
        )
        return RestDoor(around, ROWS).resource


def make_node(config: Config, world: World) -> BitcoinNode:
    """The configured bitcoind."""
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
        compute=world.compute,
    )


def http_limits(limits: Limits) -> HttpLimits:
    """What the REST port takes."""
    return HttpLimits(
        limits.http_connections, limits.http_body_bytes, limits.http_head_seconds, limits.http_request_seconds
    )


def websocket_http_limits(limits: Limits) -> HttpLimits:
    """What the WebSocket port takes before and beside its sessions; the session limit refuses with a reason first."""
    return HttpLimits(
        limits.websocket_connections + limits.http_connections,
        limits.http_body_bytes,
        limits.http_head_seconds,
        limits.http_request_seconds,
    )


def make_service(config: Config) -> Relay:
    """The relay for twistd, which has the process to itself."""
    tune_interpreter()
    return Relay(config)
