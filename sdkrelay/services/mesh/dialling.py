"""Which other relays are dialled: whoever is known and not linked, as long as links are wanted; and how that goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from attrs import define, field, frozen
from twisted.logger import Logger

from ...domain.measure import MESH_DIALS
from ...domain.peer import Peer
from ...ports import Caller, Clock, Dialler, Line, Meter
from .greeting import Books, Greeter
from .link import Link
from .proving import Dialled
from .refusals import Refused
from .standing import Standing

log = Logger()

#: So long a relay that offended too often is not linked again.
SHUNNED_SECONDS = 60.0


class State(StrEnum):
    """How a known relay stands, in the words of ``/relays``."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    DISCONNECTED = "disconnected"


@frozen
class Manners:
    """``links`` are wanted with relays that nobody named; after ``attempts`` without success a failure is told.

    ``missed`` hears of each attempt in vain to reach a relay that nobody named.
    """

    links: Callable[[], int]
    attempts: Callable[[], int]
    tell: Callable[[str, int], None]
    missed: Callable[[str, int], None]


@define(eq=False)
class Way:
    """One known relay, and the line to it. ``named`` says that an operator wants it; ``relay_id`` is known once it was greeted."""

    peer: Peer
    named: bool
    line: Line | None = None
    relay_id: str | None = None


class Dialling:
    """Dials who is known; :meth:`go` begins, :meth:`follow` says who is known now."""

    def __init__(self, greeter: Greeter, books: Books, manners: Manners, meter: Meter, clock: Clock) -> None:
        self._greeter = greeter
        self._books = books
        self._manners = manners
        self._meter = meter
        self._clock = clock
        self._dialler: Dialler | None = None
        self._ways: dict[str, Way] = {}
        books.links.subscribe(self._up, self._down)

    def go(self, dialler: Dialler) -> None:
        """From now on all that are known are dialled."""
        self._dialler = dialler
        for way in self._ways.values():
            self._start(way)

    def follow(self, named: Iterable[Peer], found: Iterable[Peer] = ()) -> None:
        """These are known now: dial who is new, hang up on who is not known any more."""
        wanted = {peer.id: Way(peer, False) for peer in found} | {peer.id: Way(peer, True) for peer in named}
        for gone in self._ways.keys() - wanted.keys():
            self._stop(self._ways.pop(gone))
        for peer_id, way in wanted.items():
            held = self._ways.get(peer_id)
            if held is None:
                self._ways[peer_id] = way
                self._start(way)
            else:
                held.peer, held.named = way.peer, way.named

    def state(self, peer_id: str) -> State:
        """How it stands."""
        way = self._ways.get(peer_id)
        if way is None:
            return State.DISCONNECTED
        if self.link(peer_id) is not None:
            return State.CONNECTED
        trying = way.line is not None and self.standing(peer_id).attempts < self._manners.attempts()
        return State.CONNECTING if trying else State.DISCONNECTED

    def relay_id(self, peer_id: str) -> str | None:
        """What the relay at this address calls itself; None until it was greeted."""
        way = self._ways.get(peer_id)
        return way.relay_id if way else None

    def link(self, peer_id: str) -> Link | None:
        """The link to the relay at this address, whoever dialled."""
        relay_id = self.relay_id(peer_id)
        return self._books.links.get(relay_id) if relay_id else None

    def standing(self, peer_id: str) -> Standing:
        """What is known of it: of the relay once it was greeted, of the address before."""
        return self._books.standings.of(self.relay_id(peer_id) or peer_id)

    def verified(self, peer_id: str) -> bool:
        """Whether a relay of this mesh was greeted there."""
        return self.relay_id(peer_id) is not None

    def _start(self, way: Way) -> None:
        if self._dialler is not None and way.line is None:
            way.line = self._dialler.line(way.peer.address, _Watch(self, way))

    def _stop(self, way: Way) -> None:
        if way.line is not None:
            way.line.stop()
        link = self._books.links.get(way.relay_id) if way.relay_id else None
        if link is not None:
            link.end("this relay was removed", "removed")
        self._books.standings.forget(way.peer.id)

    def wanted(self, way: Way) -> bool:
        """Whether to dial it now; where a linked relay says to be it is dialled once, which makes no other link."""
        links = self._books.links
        if way.relay_id is not None and links.get(way.relay_id) is not None:
            return False
        claimed = any(link.address == way.peer.address for link in links.all())
        return way.named or claimed or len(links.all()) < self._manners.links()

    def opened(self, way: Way, caller: Caller) -> None:
        """Greet it."""
        trusted = way.named and way.peer.address.startswith("wss://")
        self._greeter.begin(caller, Dialled(way.peer.address, trusted, lambda why, name: self._ended(way, why, name)))

    def failed(self, way: Way, why: str, outcome: str = "failed") -> None:
        """It was not reached, or is none of us; of one that is not known any more nothing is kept."""
        self._meter.count(MESH_DIALS, outcome)
        if self._ways.get(way.peer.id) is not way:
            return
        standing = self.standing(way.peer.id)
        standing.failed(why)
        standing.attempts += 1
        if standing.attempts == self._manners.attempts():
            log.warn("relay {relay} is not reached: {why}", relay=way.peer.address, why=why)
            self._manners.tell(way.relay_id or way.peer.id, standing.attempts)
        if not way.named:
            self._manners.missed(way.peer.id, standing.attempts)

    def _ended(self, way: Way, refused: Refused | None, relay_id: str | None) -> None:
        if refused is not None or way.line is None:
            self.failed(way, str(refused), "refused")
            return
        self._meter.count(MESH_DIALS, "linked")
        way.relay_id = relay_id
        self.standing(way.peer.id).attempts = 0
        way.line.greeted()

    def _up(self, link: Link) -> None:
        link.standing.attempts = 0

    def _down(self, link: Link) -> None:
        link.standing.away_since = self._clock.now()
        if link.outcast:
            self._books.links.shun(link.relay_id, self._clock.monotonic() + SHUNNED_SECONDS)
        for way in self._ways.values():
            if way.relay_id == link.relay_id and way.line is not None:
                way.line.again()


@frozen
class _Watch:
    """Tells the dialling how one line goes."""

    _dialling: Dialling
    _way: Way = field(eq=False)

    def wanted(self) -> bool:
        return self._dialling.wanted(self._way)

    def opened(self, caller: Caller) -> None:
        self._dialling.opened(self._way, caller)

    def failed(self, why: str) -> None:
        self._dialling.failed(self._way, why)
