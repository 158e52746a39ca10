"""Relays with all that exchanges with others, on one clock, joined by cables that tests cut, delay and tamper with."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field

from sdkrelay.build.sharing import Shared, Sharing, Surroundings
from sdkrelay.config.model import Sync
from sdkrelay.domain.record import Record
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.mesh import family as mesh
from sdkrelay.messages.mesh.answers import ErrorAnswer
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.messages.rest.relays import RelayCondition, RelayConfiguration
from sdkrelay.ports import Caller
from sdkrelay.services.figures import Figures
from sdkrelay.services.handshake import Identity
from sdkrelay.services.mesh.link import Link, Links, Proven
from sdkrelay.services.mesh.standing import Standing
from sdkrelay.services.records import Around as Records
from sdkrelay.services.records import RecordService, Signer
from sdkrelay.services.router import Router, handles
from sdkrelay.session.dialects import Native
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Session
from sdkrelay.session.session import Surroundings as Sessions

from .conversation import IDENTITY, InlineCompute, handled
from .metered import MeteredRelay
from .stores import now
from .tasks import DrivenTime


async def about() -> tuple[RelayConfiguration, RelayCondition]:
    """What every relay here says of its configuration and its parts."""
    condition = RelayCondition(
        bitcoin_connected=True, blindbit_connected=None, websocket_listening=True, sync_active=True
    )
    return RelayConfiguration(network="regtest", dev_mode=False, sync_interval=30), condition


class LinkedRelay:
    """A relay that can be linked; figures and store are those of a metered relay."""

    def __init__(self, name: str, time: DrivenTime, boot_id: str = "boot-1") -> None:
        self.name, self.time, self.boot_id = name, time, boot_id
        self.base = MeteredRelay()
        self.meter, self.store = self.base.meter, self.base.store
        self.pinned: dict[str, bytes] = {}
        self.standings: dict[str, Standing] = {}
        around = Surroundings(time, time.tasks, self.base.entropy, InlineCompute(), self.meter)
        world = Records(time, around.entropy, self.meter, around.compute, time.tasks)
        self.records = RecordService(self.store, self.base.hub, Signer(name, name.encode().rjust(32, b"x")), world)
        self.links = Links(name)
        shared = Shared(
            Identity(name, "9.9.9", IDENTITY.network), boot_id, self.links, self.store.index, self.records,
            lambda relay_id, key: self.pinned.get(relay_id, key) == key, lambda name: None, Sync, about,
        )  # fmt: skip
        figures = Figures(self.base.node.report, self.base.metrics, self.meter, lambda: self.base.mesh, lambda: None)
        self.sharing = Sharing(shared, figures, around)
        services = [*self.sharing.services(), self.records, Refusals(self.links)]
        self.catalog = Catalog(handled([*native.REQUESTS, *mesh.REQUESTS, *rest.REQUESTS], services))
        self.dispatch = Dispatch(Router([self.catalog], services), Gate(), None, self.meter, time)
        self.around = Sessions(Native(self.catalog), self.dispatch, time.tasks, time, Patience())

    def give(self, *records: Record) -> None:
        """Let it hold these records, as if another relay, not one of the test's, had given them."""
        now(self.records.accept(records, "elsewhere"))

    @property
    def held(self) -> set[bytes]:
        """The ids of the records that it holds."""
        items = self.records.sealed()
        return set(items.ids(0, len(items)))

    def link(self, name: str) -> Link:
        """The link to this relay."""
        link = self.links.get(name)
        if link is None:
            raise AssertionError(f"{self.name} is not linked to {name}")
        return link

    def join(self, end: End, other: str, boot_id: str, reconciles: bool) -> None:
        """A conversation over this end of a cable has proved to be with this other relay."""
        session = end.session = Session(self.around, end, f"{self.name}-{other}-{id(end)}", True)
        session.greet()
        standing = self.standings.setdefault(other, Standing())
        link = Link(Proven(other, bytes(32), boot_id, None, reconciles, True), session, standing, self.time.tasks)
        session.become(other, link.blame)
        self.links.join(link, session)


@define(eq=False)
class Refusals:
    """Hands refusals to whoever asked."""

    links: Links

    @handles(ErrorAnswer)
    async def refused(self, request: ErrorAnswer, caller: Caller) -> None:
        """For the one that waits for it."""
        self.links.link_of(caller).answered(request)


@define(eq=False)
class End:
    """One end of a cable, as the wire of a session: what it sends arrives at the other end, in order, after a while.

    ``tamper`` may change, drop (None) or multiply (a list) a frame that leaves here.
    """

    time: DrivenTime
    delay: float = 0.0
    session: Session | None = None
    other: End | None = None
    tamper: Callable[[dict[str, Any]], Any] = field(default=lambda message: message)
    sent: list[dict[str, Any]] = field(factory=list)
    bytes_sent: int = 0
    closed: list[tuple[int, str]] = field(factory=list)
    whole: bool = True
    reading: bool = True
    arrived: deque[bytes] = field(factory=deque)

    def send(self, payload: bytes) -> None:
        """Let a frame go its way."""
        self.bytes_sent += len(payload)
        message = json.loads(payload)
        self.sent.append(message)
        left = self.tamper(message)
        for each in left if isinstance(left, list) else [left]:
            if each is not None:
                frame = each if isinstance(each, bytes) else json.dumps(each).encode()
                self.time.reactor.callLater(self.delay, self._arrive, payload if each is message else frame)

    def _arrive(self, payload: bytes) -> None:
        if self.whole and self.other is not None:
            self.other.arrived.append(payload)
            self.other.drain()

    def drain(self) -> None:
        """Let in what has arrived, while the session reads."""
        while self.arrived and self.reading and self.session is not None:
            self.session.receive(self.arrived.popleft())

    def close(self, code: int, reason: str) -> None:
        """The session says goodbye: the cable is cut."""
        self.closed.append((code, reason))
        self.cut()

    def cut(self) -> None:
        """Nothing goes through any more, and both sessions know it."""
        for end in (self, self.other):
            if end is not None and end.whole:
                end.whole = False
                if end.session is not None:
                    end.session.ended()

    def pause_reading(self) -> None:
        """Let nothing in."""
        self.reading = False

    def resume_reading(self) -> None:
        """Let in what has arrived."""
        self.reading = True
        self.time.reactor.callLater(0, self.drain)

    def kinds(self) -> list[str]:
        """The types of the messages sent from here."""
        return [message["type"] for message in self.sent]


def cable(one: LinkedRelay, other: LinkedRelay, delay: float = 0.0, reconciles: bool = True) -> tuple[End, End]:
    """Link two relays; the end of each, in their order. Nothing has arrived yet."""
    near, far = End(one.time, delay), End(one.time, delay)
    near.other, far.other = far, near
    near.session = far.session = None
    other.join(far, one.name, one.boot_id, reconciles)
    one.join(near, other.name, other.boot_id, reconciles)
    return near, far
