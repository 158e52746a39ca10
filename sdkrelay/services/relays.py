"""Which other relays are known, and this one as others may see it. None is dialled by this release: all stay disconnected."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import msgspec
from attrs import frozen
from msgspec import UNSET

from ..config.tuning import Fallback
from ..domain.measure import SYNC_ERRORS, SYNC_REQUESTS, SYNC_RESPONSES, SYNC_SECONDS
from ..domain.peer import Peer, normalised, peer_id
from ..domain.problem import Code, Problem, invalid
from ..messages.native.relays import DiscoveredRelay, Discovery, DiscoveryResponse
from ..messages.rest.node import Health
from ..messages.rest.relays import (
    AddRelay,
    GetRelay,
    GetRelays,
    RelayAdded,
    RelayCondition,
    RelayConfiguration,
    RelayFigures,
    RelayItem,
    RelayRemoved,
    RelayReport,
    Relays,
    RelayTraffic,
    RemoveRelay,
)
from ..ports import Caller, Clock, Meter, Store, Tasks
from .archive import Outcome
from .handshake import CAPABILITIES, Identity
from .metrics import Mesh
from .router import handles

#: So many relays can be known.
MOST = 1_000
#: Under this fact they are kept.
FACT = "relays"
DISCONNECTED = "disconnected"


@frozen
class Itself:
    """What this relay says of itself: where it listens, its condition, its settings."""

    address: str
    health: Callable[[], Awaitable[Health]]
    configuration: Callable[[], RelayConfiguration]
    fallback: Callable[[], Fallback]
    meter: Meter


class RelayService:
    """Answers ``discovery``, ``/relays`` and what is below it; :meth:`load` first."""

    def __init__(
        self, identity: Identity, itself: Itself, store: Store, tasks: Tasks, clock: Clock, most: int = MOST
    ) -> None:
        self._most = most
        self._identity = identity
        self._itself = itself
        self._store = store
        self._clock = clock
        self._order = tasks.lock()
        self._peers: dict[str, Peer] = {}

    async def load(self) -> None:
        """Know again whom it knew."""
        kept = await self._store.meta(FACT)
        peers = msgspec.json.decode(kept or "[]", type=list[Peer])
        self._peers = {peer.id: peer for peer in peers}

    @property
    def peers(self) -> tuple[Peer, ...]:
        """All that are known, in the order of adding."""
        return tuple(self._peers.values())

    def mesh(self) -> Mesh:
        """How many are known, and connected."""
        return Mesh(known=len(self._peers), connections=0)

    @handles(Discovery)
    async def discover(self, request: Discovery, caller: Caller) -> DiscoveryResponse:
        """All that are known."""
        known = tuple(DiscoveredRelay(id=peer.id, address=peer.address) for peer in self.peers)
        fallback = self._itself.fallback()
        named = bool(fallback.primary_relay or fallback.backup_relays)
        return DiscoveryResponse(relay_id=self._identity.relay_id, relays=known, fallback=fallback if named else UNSET)

    @handles(GetRelays)
    async def relays(self, request: GetRelays, caller: Caller) -> Relays:
        """Those that match, the first of them whole; nothing is counted by health that was never heard."""
        matching = [_item(peer) for peer in self.peers]
        if request.status is not None:
            matching = [item for item in matching if request.status in (item.status, item.health)]
        health = [item.health for item in matching]
        return Relays(
            relays=tuple(matching[: request.limit]),
            total=len(matching),
            healthy=health.count("healthy"),
            warning=health.count("warning"),
            critical=health.count("critical"),
        )

    @handles(GetRelay)
    async def relay(self, request: GetRelay, caller: Caller) -> RelayReport:
        """One of them, or this one; NOT_FOUND for others."""
        if request.relay_id == self._identity.relay_id:
            return await self._own()
        return _report(self._known(request.relay_id))

    @handles(AddRelay)
    async def add(self, request: AddRelay, caller: Caller) -> RelayAdded:
        """Know it from now on; CONFLICT if it is known, LIMIT_EXCEEDED if too many are."""
        address = _address(request.address)
        peer = Peer(
            id=peer_id(address),
            address=address,
            description=request.description,
            added_at=int(self._clock.now()),
        )
        async with self._order:
            self._check_new(peer)
            await self._keep([*self.peers, peer])
        return RelayAdded(relay_id=None, id=peer.id, address=address, description=peer.description, status=DISCONNECTED)

    @handles(RemoveRelay)
    async def remove(self, request: RemoveRelay, caller: Caller) -> RelayRemoved:
        """Do not know it any more; NOT_FOUND if it is not known."""
        async with self._order:
            gone = self._known(request.relay_id)
            await self._keep([peer for peer in self.peers if peer is not gone])
        return RelayRemoved(relay_id=gone.id)

    async def restore(self, peer: Peer) -> Outcome:
        """Know a relay that was known elsewhere; the one at its address stays as it is. LIMIT_EXCEEDED if too many are."""
        async with self._order:
            held = self._peers.get(peer.id)
            if held is not None:
                return Outcome.SKIPPED if held.description == peer.description else Outcome.CONFLICT
            self._check_new(peer)
            await self._keep([*self.peers, peer])
        return Outcome.IMPORTED

    def _known(self, name: str) -> Peer:
        peer = self._peers.get(name)
        if peer is None:
            raise Problem(Code.NOT_FOUND, "no such relay is known", field="relay_id", value=name)
        return peer

    def _check_new(self, peer: Peer) -> None:
        if peer.id in self._peers:
            raise Problem(Code.CONFLICT, "a relay at this address is known already", field="address", id=peer.id)
        if len(self._peers) >= self._most:
            raise Problem(
                Code.LIMIT_EXCEEDED, f"at most {self._most} relays can be known: remove some", limit=self._most
            )

    async def _keep(self, peers: Iterable[Peer]) -> None:
        """Write them down; only then are they known."""
        kept = {peer.id: peer for peer in peers}
        await self._store.set_meta(FACT, msgspec.json.encode(list(kept.values())).decode())
        self._peers = kept

    async def _own(self) -> RelayReport:
        health, identity = await self._itself.health(), self._identity
        return RelayReport(
            relay_id=identity.relay_id,
            id=identity.relay_id,
            address=self._itself.address,
            description="",
            connection="self",
            health=_word(health),
            version=identity.version,
            uptime=health.uptime,
            last_seen=int(self._clock.now()),
            capabilities=CAPABILITIES,
            connections=health.connections.websocket,
            metrics=_figures(self._itself.meter),
            configuration=self._itself.configuration(),
            status=_condition(health),
        )


def _address(text: str) -> str:
    try:
        return normalised(text)
    except ValueError as error:
        expected = str(error).removeprefix("expected ")
        raise invalid("address", expected, f"address: expected {expected}, without credentials or a path") from None


def _item(peer: Peer) -> RelayItem:
    """A relay that was never heard: only what the operator said of it is known."""
    return RelayItem(
        relay_id=None,
        id=peer.id,
        address=peer.address,
        description=peer.description,
        status=DISCONNECTED,
        health=None,
        version=None,
        uptime=None,
        last_seen=None,
        capabilities=(),
        connections=None,
        metrics=RelayTraffic(sync_requests=0, sync_responses=0, avg_latency=None),
    )


def _report(peer: Peer) -> RelayReport:
    item = _item(peer)
    silence = RelayFigures(sync_requests=0, sync_responses=0, avg_latency=None, error_count=0, success_rate=None)
    shared = {name: getattr(item, name) for name in item.__struct_fields__ if name not in ("status", "metrics")}
    return RelayReport(**shared, connection=item.status, metrics=silence, configuration=None, status=None)


def _word(health: Health) -> str:
    """A relay's condition in the words that are used of relays."""
    return {"degraded": "warning", "unhealthy": "critical"}.get(health.status, health.status)


def _figures(meter: Meter) -> RelayFigures:
    """All sync messages of this relay, whoever they were exchanged with."""
    requests, errors, latency = meter.total(SYNC_REQUESTS), meter.total(SYNC_ERRORS), meter.mean(SYNC_SECONDS)
    return RelayFigures(
        sync_requests=requests,
        sync_responses=meter.total(SYNC_RESPONSES),
        avg_latency=None if latency is None else round(latency * 1000, 2),
        error_count=errors,
        success_rate=round(max(requests - errors, 0) / requests * 100, 2) if requests else None,
    )


def _condition(health: Health) -> RelayCondition:
    checks = health.checks
    return RelayCondition(
        bitcoin_connected=bool(checks.bitcoin_rpc),
        blindbit_connected=checks.blindbit_api,
        websocket_listening=bool(checks.websocket_server),
        sync_active=bool(checks.sync_manager),
    )
