"""Nostr relays joined in memory: one dials the other by a line that a test cuts, delays or lets lie."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from attrs import define, field

from sdkrelay.config.streaming import make_wanted
from sdkrelay.ports.remotes import RemoteHearer, RemoteWatch
from sdkrelay.services.nostr.exchange import Agreement, Exchange
from sdkrelay.services.nostr.remote import Tools
from sdkrelay.services.nostr.stream import Stream

from .conversation import InlineCompute
from .nostr_relay import CAROL, NostrRelay, Visitor
from .stores import CountedEntropy

THERE = "wss://relay.example"


@define(eq=False)
class Wire:
    """A connection to something that answers frames; ``sent`` are those of this side."""

    answer: Callable[[bytes, Callable[[bytes], None]], None]
    sent: list[Any] = field(factory=list)
    hearer: RemoteHearer | None = None
    closed: str | None = None
    paused: bool = False
    _kept: deque[bytes] = field(factory=deque)

    def attach(self, hearer: RemoteHearer) -> None:
        """Whoever hears."""
        self.hearer = hearer

    def send(self, frame: bytes) -> None:
        """Say something."""
        if self.closed is None:
            self.sent.append(json.loads(frame))
            self.answer(frame, self.hear)

    def hear(self, frame: bytes) -> None:
        """The other side says something."""
        if self.paused:
            self._kept.append(frame)
        elif self.hearer is not None and self.closed is None:
            self.hearer.receive(frame)

    def pause(self) -> None:
        """Read no more."""
        self.paused = True

    def resume(self) -> None:
        """Read on."""
        self.paused = False
        while self._kept and not self.paused:
            self.hear(self._kept.popleft())

    def hang_up(self, why: str) -> None:
        """Close."""
        self.cut(why)

    def cut(self, why: str = "cut") -> None:
        """The connection is gone."""
        if self.closed is None:
            self.closed = why
            if self.hearer is not None:
                self.hearer.ended(why)

    def verbs(self) -> list[str]:
        """What kinds of messages were sent."""
        return [frame[0] for frame in self.sent]


class Joined(Visitor):
    """A client of a relay whose frames go to a wire."""

    hear: Callable[[bytes], None]

    def say(self, frames: Any) -> None:
        """Hand on what the relay says."""
        for frame in frames:
            self.relay.time.reactor.callLater(0, self.hear, frame)


def to_relay(relay: NostrRelay) -> Callable[[], Wire]:
    """Makes wires to a relay in memory; each frame is read after those before it."""

    def connect() -> Wire:
        visitor = Joined(relay)
        order = relay.time.tasks.lock()

        async def receive(frame: bytes) -> None:
            async with order:
                await visitor.conversation.receive(frame)

        def answer(frame: bytes, hear: Callable[[bytes], None]) -> None:
            visitor.hear = hear
            relay.time.tasks.start("receiving", receive(frame))

        return Wire(answer)

    return connect


@define(eq=False)
class Line:
    """Dials when the test says so; it is dialler and line at once."""

    connect: Callable[[], Wire]
    watch: RemoteWatch | None = None
    greetings: int = 0
    wires: list[Wire] = field(factory=list)

    def line(self, url: str, watch: RemoteWatch) -> Line:
        """Dial at once."""
        self.watch = watch
        self.dial()
        return self

    def dial(self) -> Wire:
        """Make another connection."""
        assert self.watch is not None
        wire = self.connect()
        self.wires.append(wire)
        self.watch.opened(wire)
        return wire

    @property
    def wire(self) -> Wire:
        """The newest connection."""
        return self.wires[-1]

    def greeted(self) -> None:
        """The other side has answered."""
        self.greetings += 1

    def again(self) -> None:
        """Nothing waits here."""

    def stop(self) -> None:
        """Hang up."""
        for wire in self.wires:
            wire.cut("stopped")


def tools_of(relay: NostrRelay) -> Tools:
    """What a relay's conversations with others are held with; its identity key is Carol's."""
    return Tools(
        relay.time.tasks, cast(Any, relay.time), cast(Any, CountedEntropy()), cast(Any, InlineCompute()),
        relay.world.meter, CAROL.secret,
    )  # fmt: skip


def stream(relay: NostrRelay, direction: str = "both", wanted: str = "{}", url: str = THERE) -> Stream:
    """A stream of a relay."""
    agreement = Agreement("there", url, make_wanted(wanted), direction != "down", direction != "up")
    tools = tools_of(relay)
    exchange = Exchange(agreement, relay.parts.store, relay.parts.publisher, tools)
    return Stream(exchange, relay.parts.live, tools)


def ids(relay: NostrRelay) -> set[str]:
    """The ids of all events that anybody is shown."""
    visitor = relay.visitor()
    found = {frame[2]["id"] for frame in visitor.send("REQ", "all", {}) if frame[0] == "EVENT"}
    visitor.leave()
    return found
