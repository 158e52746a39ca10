"""One relay as a service: what is opened when it starts, in which order, and how it says goodbye.

twistd starts the service before its reactor runs; the database is opened right then, on that thread, so that whatever is
wrong with it, the key or a port ends the process with a sentence instead of leaving half a relay behind.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from .. import __version__
from ..config.model import Config
from ..crypto.schnorr import xonly
from ..io.kept import KeptFile
from ..io.masterkey import MasterKeyError, identity_key, master_key, signing_key
from ..io.net.tls import TlsError
from ..io.storage import DatabaseStore, StoreError
from ..io.world import running_reactor
from ..mesh_token import TokenFileError
from ..origin import Origin, origin_of
from ..ports import Unavailable
from ..services.encryption import EncryptionService
from ..services.handshake import Identity
from ..services.keys import Vault
from ..session.session import SERVICE_RESTART
from ..settings import KEPT
from .nostr import NostrParts
from .parts import Parts
from .restart import Restarter
from .streaming import Streaming
from .tuning import Operation
from .world import World, real_world

log = Logger()

#: How long stopping waits for clients to take their close frame, in steps of seconds.
FAREWELL_STEPS, FAREWELL_STEP = 20, 0.05


#: What is wrong with the operator's files, database, ports and node: told in a sentence.
FORESEEN = (StoreError, MasterKeyError, TokenFileError, TlsError, Unavailable, CannotListenError, OSError)


class CannotStart(SystemExit):
    """The relay cannot start; twistd ends with this sentence and status 1."""


class Relay(MultiService):
    """One relay: started as a service, made of parts when it starts; its ``world`` is the process's if none is given."""

    def __init__(self, config: Config, origin: Origin | None = None, world: World | None = None) -> None:
        super().__init__()
        self._config = config
        self._origin = origin or origin_of(config)
        self._given = world
        self._draining = False
        self._nostr: NostrParts | None = None
        self._streaming: Streaming | None = None
        self.started: Deferred[None] | None = None

    def startService(self) -> None:
        """Open the database, join the parts, listen, follow. CannotStart, if the reactor does not run yet, says why not."""
        super().startService()
        self._world = self._given or real_world(running_reactor())
        self.started = started = Deferred.fromCoroutine(self._start())
        failures: list[Any] = []
        if not self._world.reactor.running:
            started.addErrback(failures.append)
        if failures:
            failures[0].raiseException()

    async def _start(self) -> None:
        try:
            await self._open()
        except BaseException as reason:
            await self._end_threads()
            if isinstance(reason, FORESEEN):
                raise CannotStart(f"sdkrelay: {reason}") from reason
            raise

    async def _end_threads(self) -> None:
        """What was begun would keep the process from ending."""
        if self._world.compute.running:
            self._world.compute.stopService()
        if hasattr(self, "_parts") and self._parts.chain.running:
            self._parts.chain.stopService()
        if self._nostr is not None:
            await self._nostr.close()
        if hasattr(self, "_store"):
            await self._store.close()

    async def _open(self) -> None:
        config, world = self._config, self._world
        Path(config.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
        configured = Path(config.auth.master_key_file) if config.auth.master_key_file else None
        key = master_key(Path(config.data_dir), configured, os.environ, world.entropy)
        encryption = EncryptionService(identity_key(Path(config.data_dir), world.entropy), world.entropy)
        await self._open_stores()
        identity = Identity(await self._relay_id(), __version__, config.network)
        await self._check_network()
        self._restarter = Restarter(world.reactor, world.clock, self._store, self._origin.command)
        vault, operation = Vault(key, world.entropy), self._operation()
        self._parts = parts = Parts(
            config, world, self._store, identity, vault, encryption, self._is_draining, operation, self._nostr
        )
        await self._load(parts)
        for service in parts.services():
            service.setServiceParent(self)
        if not config.standalone:
            parts.following.start()
        await self._restarter.has_started()
        parts.payments.start()
        parts.relations.start(parts.dialler)
        if self._streaming is not None:
            self._streaming.start()
        log.info("relay {relay} serves {network}: WebSocket on {ws}, HTTP on {http}", **self._where(identity))

    async def _open_stores(self) -> None:
        config, world = self._config, self._world
        self._store = DatabaseStore(config.database.url, world.executors, world.clock, world.entropy, world.meter)
        await self._store.open()
        if config.nostr.enabled:
            key = signing_key(Path(config.data_dir), world.entropy)
            self._nostr = NostrParts(config, world, xonly(key).hex())
            await self._nostr.open()

    async def _load(self, parts: Parts) -> None:
        """What was kept, before anybody asks."""
        await parts.hub.start()
        await parts.wallets.load()
        await parts.access.start()
        await parts.relations.relays.load()
        await parts.relations.records.start()
        await parts.alarms.alerts.load()
        await self._join_streams(parts)

    async def _join_streams(self, parts: Parts) -> None:
        """Whatever speaks to other Nostr relays; nothing without a Nostr relay of our own."""
        if self._nostr is not None:
            relations = parts.relations
            self._streaming = streaming = Streaming(
                self._config, self._world, self._nostr, relations.signer.secret, self._store, parts.hub
            )
            streaming.carry(relations.mesh.links)
            parts.wallets.contacts = streaming.telling
            await streaming.load()

    def _operation(self) -> Operation:
        """What an operator can do to the process."""
        origin, restarter = self._origin, self._restarter
        kept = KeptFile(Path(self._config.data_dir) / KEPT, self._world.compute)
        return Operation(
            origin.sources,
            origin.kept,
            kept.write,
            self._restart,
            lambda: restarter.seconds,
            lambda config: origin.levels.apply(config.logging, config.dev_mode),
            origin.levels,
        )

    async def _restart(self, restart_id: str) -> None:
        """End everything and begin anew; clients are told that it is worth coming back."""
        for door in self._parts.doors:
            door.farewell = (SERVICE_RESTART, "the relay restarts")
        await self._restarter.begin(restart_id)

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
        for door in parts.doors:
            door.stopService()
        parts.dialler.stopService()
        if self._streaming is not None:
            await self._streaming.stop()
        await parts.following.stop()
        await parts.payments.stop()
        await parts.relations.stop()
        for _ in range(FAREWELL_STEPS):
            if parts.open_connections:
                await self._world.tasks.sleep(FAREWELL_STEP)
        if self._nostr is not None:
            await self._nostr.close()
        await super().stopService()
        await self._store.close()
        log.info("the store is flushed and closed")
