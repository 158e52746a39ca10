"""Which other relays are known, and how each stands; this one as others may see it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import msgspec
from attrs import frozen
from msgspec import UNSET

from ..config.tuning import Fallback
from ..domain.peer import Peer, normalised, peer_id
from ..domain.problem import Code, Problem, invalid
from ..messages.native.relays import DiscoveredRelay, Discovery, DiscoveryResponse
from ..messages.rest.node import Health
from ..messages.rest.relays import (
    AddRelay,
    GetRelay,
    GetRelays,
    RelayAdded,
    RelayConfiguration,
    RelayItem,
    RelayRemoved,
    RelayReport,
    Relays,
    RemoveRelay,
)
from ..ports import Caller, Clock, Meter, Store, Tasks
from .archive import Outcome
from .handshake import CAPABILITIES, Identity
from .mesh.roster import Roster
from .metrics import Mesh
from .relay_reports import Portrayer, own_condition, own_figures, own_health
from .router import handles

#: So many relays can be known by the operator's word.
MOST = 1_000
#: Under these facts they are kept, and what was removed: ids of addresses and names, the last so many.
FACT, REMOVED = "relays", "relays_removed"
MOST_REMOVED = 2_000


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
        self,
        identity: Identity,
        itself: Itself,
        store: Store,
        tasks: Tasks,
        clock: Clock,
        roster: Roster,
        most: int = MOST,
    ) -> None:
        self._most = most
        self._identity = identity
        self._itself = itself
        self._store = store
        self._clock = clock
        self._order = tasks.lock()
        self._roster = roster
        self._portrayer = Portrayer(roster, clock)
        self._peers: dict[str, Peer] = {}

    async def load(self) -> None:
        """Know again whom it knew, and which keys they had."""
        kept = await self._store.meta(FACT)
        peers = msgspec.json.decode(kept or "[]", type=list[Peer])
        self._peers = {peer.id: peer for peer in peers}
        await self._roster.books.pins.load()
        self._roster.unwanted = frozenset(msgspec.json.decode(await self._store.meta(REMOVED) or "[]", type=list[str]))
        self._roster.add(self.peers)

    @property
    def peers(self) -> tuple[Peer, ...]:
        """All that the operator added, in that order."""
        return tuple(self._peers.values())

    def mesh(self) -> Mesh:
        """How many are known, and connected."""
        return Mesh(known=len(self._portrayer.all()), connections=len(self._roster.books.links.all()))

    def named(self, name: str) -> str | None:
        """The ``relay_id`` of one that is known under a name: empty if it never said one, None for a name of nobody."""
        item = self._portrayer.find(name)
        return None if item is None else item.relay_id or ""

    @handles(Discovery)
    async def discover(self, request: Discovery, caller: Caller) -> DiscoveryResponse:
        """Those the operator named, and those found through others that were greeted where they say they are."""
        named, verified = {peer.id for peer in self._roster.named}, self._roster.dialling.verified
        told = [item for item in self._portrayer.all() if item.id in named or verified(item.id)]
        relays = tuple(
            DiscoveredRelay(id=item.relay_id or item.id, address=item.address, capabilities=item.capabilities)
            for item in told
        )
        fallback = self._itself.fallback()
        has_fallback = bool(fallback.primary_relay or fallback.backup_relays)
        return DiscoveryResponse(
            relay_id=self._identity.relay_id, relays=relays, fallback=fallback if has_fallback else UNSET
        )

    @handles(GetRelays)
    async def relays(self, request: GetRelays, caller: Caller) -> Relays:
        """Those that match, the first of them whole; nothing is counted by health that was never heard.

        Who was refused is anybody, by his address: that is for those only who have a role.
        """
        matching = self._portrayer.all()
        if request.status is not None:
            matching = [item for item in matching if request.status in (item.status, item.health)]
        health = [item.health for item in matching]
        return Relays(
            relays=tuple(matching[: request.limit]),
            total=len(matching),
            healthy=health.count("healthy"),
            warning=health.count("warning"),
            critical=health.count("critical"),
            refused=self._roster.books.refusals.last() if caller.principal and caller.principal.roles else (),
        )

    @handles(GetRelay)
    async def relay(self, request: GetRelay, caller: Caller) -> RelayReport:
        """One of them, or this one; NOT_FOUND for others."""
        if request.relay_id == self._identity.relay_id:
            return await self._own()
        return self._portrayer.report(self._known(request.relay_id))

    @handles(AddRelay)
    async def add(self, request: AddRelay, caller: Caller) -> RelayAdded:
        """Know it from now on, and dial it; CONFLICT if it is known, LIMIT_EXCEEDED if too many are."""
        address = _address(request.address)
        peer = Peer(
            id=peer_id(address),
            address=address,
            description=request.description,
            added_at=int(self._clock.now()),
        )
        async with self._order:
            self._check_new(peer)
            await self._remember(self._roster.unwanted - {peer.id})
            await self._keep([*self.peers, peer])
        item = self._known(peer.id)
        return RelayAdded(
            relay_id=item.relay_id, id=peer.id, address=address, description=peer.description, status=item.status
        )

    @handles(RemoveRelay)
    async def remove(self, request: RemoveRelay, caller: Caller) -> RelayRemoved:
        """Do not know it any more, and hang up; NOT_FOUND if it is not known, CONFLICT if the settings name it.

        Of one that was here and is refused since it has another key, the old key is forgotten.
        """
        async with self._order:
            if self.named(request.relay_id) is None and await self._roster.books.pins.forget(request.relay_id):
                return RelayRemoved(relay_id=request.relay_id)
            gone = self._known(request.relay_id)
            if gone.id in {peer.id for peer in self._roster.configured}:
                raise Problem(
                    Code.CONFLICT, "the settings name this relay: take it out of mesh.peers", field="relay_id"
                )
            await self._remember(self._roster.unwanted | {gone.id, gone.relay_id or gone.id})
            await self._keep([peer for peer in self.peers if peer.id != gone.id])
            await self._roster.forget(gone.id, gone.relay_id)
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

    def _known(self, name: str) -> RelayItem:
        item = self._portrayer.find(name)
        if item is None:
            raise Problem(Code.NOT_FOUND, "no such relay is known", field="relay_id", value=name)
        return item

    def _check_new(self, peer: Peer) -> None:
        if peer.id in {known.id for known in self._roster.named}:
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
        self._roster.add(self.peers)

    async def _remember(self, unwanted: frozenset[str]) -> None:
        """Write down what was removed."""
        kept = sorted(unwanted)[:MOST_REMOVED]
        if frozenset(kept) != self._roster.unwanted:
            await self._store.set_meta(REMOVED, msgspec.json.encode(kept).decode())
            self._roster.unwanted = frozenset(kept)

    async def _own(self) -> RelayReport:
        health, identity = await self._itself.health(), self._identity
        return RelayReport(
            relay_id=identity.relay_id,
            id=identity.relay_id,
            address=self._itself.address,
            description="",
            connection="self",
            health=own_health(health),
            version=identity.version,
            uptime=health.uptime,
            last_seen=int(self._clock.now()),
            capabilities=CAPABILITIES,
            connections=health.connections.websocket,
            metrics=own_figures(self._itself.meter),
            configuration=self._itself.configuration(),
            status=own_condition(health),
        )


def _address(text: str) -> str:
    try:
        return normalised(text)
    except ValueError as error:
        expected = str(error).removeprefix("expected ")
        raise invalid("address", expected, f"address: expected {expected}, without credentials or a path") from None
