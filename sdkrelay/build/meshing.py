"""The mesh as the settings have it: who proves itself how, who is dialled, and who keeps and tells of the links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from ..config.address import parse_address
from ..config.model import Config
from ..domain.peer import Peer, normalised, peer_id
from ..io.mesh.dialler import Pauses, PeerDialler
from ..io.mesh.trust import Trust
from ..io.net.tls import TlsFiles
from ..io.storage import DatabaseStore
from ..mesh_token import read_token
from ..ports import Caller
from ..services.handshake import Identity
from ..services.hub import Hub
from ..services.mesh.dialling import Dialling, Manners
from ..services.mesh.discovery import Discovery, Known
from ..services.mesh.greeting import Books, Greeter
from ..services.mesh.keeping import Keeper
from ..services.mesh.link import Links
from ..services.mesh.news import MeshNews
from ..services.mesh.pins import Pins
from ..services.mesh.proving import Credentials, Facts, Ourselves, no_facts
from ..services.mesh.refusals import Reason, Refusals
from ..services.mesh.roster import Roster
from ..services.mesh.standing import Standings
from ..session.session import Surroundings
from .world import World


class Meshing:
    """Joins what makes links; ``secret`` is the relay's signing key, ``settings`` are those in force."""

    def __init__(
        self,
        settings: Callable[[], Config],
        world: World,
        identity: Identity,
        store: DatabaseStore,
        secret: bytes,
        boot_id: str,
    ) -> None:
        self._settings, self._world, self._identity, self._store = settings, world, identity, store
        tasks, clock, mesh = world.tasks, world.clock, settings().mesh
        self.links, self.pins = Links(identity.relay_id, world.meter), Pins(store, tasks)
        self.facts: Callable[[], Awaitable[Facts]] = no_facts
        self.books = Books(self.links, self.pins, Standings(), Refusals(clock, world.meter))
        ourselves = Ourselves(
            secret, mesh_token(settings()), boot_id, mesh.address or None, self._certified, self._facts
        )
        credentials = Credentials(identity, ourselves, world.entropy)
        self.greeter = Greeter(identity, credentials, self.books, tasks, clock, self._room)
        manners = Manners(
            lambda: settings().mesh.max_links, lambda: settings().retry.max_attempts, self._not_reached, self._missed
        )
        self._dialling = Dialling(self.greeter, self.books, manners, world.meter, clock)
        self.roster = Roster(self.books, self._dialling, configured_peers(settings()))
        self.keeper = Keeper(self.links, tasks, clock)
        known = Known(
            identity.relay_id, self._is_known, lambda: mesh.max_known if mesh.discovery else 0, self.roster.changed
        )
        self.roster.discovery = self._discovery = Discovery(known, self.links, tasks, clock)

    def services(self, hub: Hub) -> list[object]:
        """Who answers requests."""
        self._news = MeshNews(self.links, self._store, hub, self._world.tasks, self._world.clock)
        return [self.greeter, self.keeper]

    def dialler(self, around: Surroundings) -> PeerDialler:
        """What dials, over sessions like those of the port. TlsError where its files cannot be used."""
        config, world = self._settings(), self._world
        mesh, tls = config.mesh, config.tls
        own = TlsFiles(Path(tls.certificate), Path(tls.key)) if tls.certificate else None
        trust = Trust(Path(mesh.ca_file) if mesh.ca_file else None, own)
        trust.check()
        limit = config.limits.websocket_message_bytes
        return PeerDialler(around, world.entropy, world.reactor, trust, self._pauses, limit)

    def start(self, dialler: PeerDialler) -> None:
        """Dial who is known, if anybody can be proved anything; nobody is dialled otherwise."""
        if self._settings().mesh.takes_relays or self._settings().tls.certificate:
            self._dialling.go(dialler)

    def _pauses(self) -> Pauses:
        mesh = self._settings().mesh
        return Pauses(mesh.backoff_ms / 1000, mesh.max_backoff_ms / 1000)

    async def _facts(self) -> Facts:
        return await self.facts()

    def _certified(self, caller: Caller) -> bool:
        """Whether the caller's certificate stands for the token."""
        certificate = caller.approach.certificate
        return certificate is not None and certificate.common_name in self._settings().mesh.certificates

    def _room(self, relay_id: str, dialled: bool) -> Reason | None:
        """Why there is no room for a link with this relay; whom an operator removed comes back by being named only."""
        if relay_id in self.roster.unwanted and not dialled:
            return Reason.REMOVED
        if self.links.is_shunned(relay_id, self._world.clock.monotonic()):
            return Reason.SHUNNED
        full = len(self.links.all()) >= self._settings().mesh.max_known and self.links.get(relay_id) is None
        return Reason.FULL if full else None

    def _is_known(self, address: str) -> bool:
        return self.roster.knows(peer_id(address)) or address in own_addresses(self._settings())

    def _not_reached(self, relay_id: str, attempt: int) -> None:
        self._news.not_reached(relay_id, attempt)

    def _missed(self, name: str, attempts: int) -> None:
        self._discovery.missed(name, attempts)


def mesh_token(config: Config) -> bytes | None:
    """The token that all relays of the mesh share; TokenFileError if its file cannot be used."""
    mesh = config.mesh
    if mesh.token_file:
        return read_token(Path(mesh.token_file))
    return mesh.token.encode() if mesh.token else None


def configured_peers(config: Config) -> tuple[Peer, ...]:
    """The relays that the settings name, but this one."""
    addresses = dict.fromkeys(normalised(address) for address in config.mesh.peers)
    own = own_addresses(config)
    return tuple(
        Peer(id=peer_id(address), address=address, description="", added_at=0)
        for address in addresses
        if address not in own
    )


def own_addresses(config: Config) -> frozenset[str]:
    """Where this relay itself is reached, as far as the settings say."""
    announced = {normalised(config.mesh.address)} if config.mesh.address else set()
    listening = parse_address(config.ws_url)
    if listening is None or listening.port == 0:
        return frozenset(announced)
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    return frozenset(announced | {normalised(f"{'wss' if config.tls.certificate else 'ws'}://{host}:{listening.port}")})
