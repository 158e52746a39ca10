"""A Nostr relay of real parts on a store in memory and driven time; its clients are lists of frames."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import repeat
from typing import Any, TypeVar, cast

from attrs import define, field, frozen

from sdkrelay.build.nostr import NostrParts
from sdkrelay.build.world import World
from sdkrelay.config.model import Config, Database, Limits
from sdkrelay.config.nostr import Nostr
from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.access import Approach
from sdkrelay.domain.nostr.event import Event, Tag
from sdkrelay.domain.nostr.signing import sign_event
from sdkrelay.ports import Lock, Task
from sdkrelay.services.nostr.conversation import Conversation

from .conversation import InlineCompute
from .stores import CountedEntropy, now
from .tasks import DrivenTime

URL = "wss://relay.example"
#: The relay's own public key.
OWN_KEY = "0f" * 32

T = TypeVar("T")


@frozen
class Person:
    """Somebody with a key."""

    secret: bytes

    @property
    def pubkey(self) -> str:
        """Public key, in hex."""
        return xonly(self.secret).hex()

    def event(self, kind: int = 1, content: str = "", tags: Sequence[Tag] = (), at: int = 1_700_000_000) -> Event:
        """A signed event."""
        return sign_event(self.secret, bytes(32), kind=kind, created_at=at, content=content, tags=tuple(tags))


ALICE, BOB, CAROL = (Person(bytes([number]) * 32) for number in (1, 2, 3))


@define(eq=False)
class Visitor:
    """A client; ``heard`` are the frames that came since it was last asked."""

    relay: NostrRelay
    address: str = "192.0.2.1"
    session_id: str = "visitor"
    frames: list[bytes] = field(factory=list)
    endings: list[Callable[[], None]] = field(factory=list)
    beside_tasks: list[Task] = field(factory=list)
    #: All that was ever said, as bytes.
    raw: list[bytes] = field(factory=list)
    full: bool = False
    challenges: list[str] = field(factory=list)
    conversation: Conversation = field(init=False)
    reading: Lock = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.reading = self.relay.time.tasks.lock()
        self.conversation = self.relay.parts.conversation(self)

    @property
    def approach(self) -> Approach:
        """How it came."""
        return Approach(self.address)

    def say(self, frames: Sequence[bytes]) -> None:
        """Keep what the relay says."""
        self.frames.extend(frames)
        self.raw.extend(frames)

    async def room(self) -> None:
        """There is always room, but while the test says that there is none."""
        while self.full:
            await self.relay.time.tasks.sleep(1)

    def beside(self, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        """Run it."""
        task = self.relay.time.tasks.start(name, coroutine)
        self.beside_tasks.append(task)
        return task

    def at_end(self, action: Callable[[], None]) -> None:
        """Remember it."""
        self.endings.append(action)

    def send(self, *parts: Any) -> list[Any]:
        """Send a frame of these parts (events and filters as they are); what is said until all is quiet."""
        return self.send_raw(json.dumps([_plain(part) for part in parts], ensure_ascii=False).encode())

    def send_raw(self, frame: bytes) -> list[Any]:
        """Send these bytes; what is said until all is quiet, but for the challenge."""
        self.relay.time.tasks.start("receiving", self._receive(frame))
        self.relay.time.settle(20)
        return self.heard()

    async def _receive(self, frame: bytes) -> None:
        """As a session does: one frame after the other."""
        async with self.reading:
            await self.conversation.receive(frame)

    def heard(self) -> list[Any]:
        """What came since, without the challenge."""
        frames, self.frames = [json.loads(frame) for frame in self.frames], []
        self.challenges += [frame[1] for frame in frames if frame[0] == "AUTH"]
        return [frame for frame in frames if frame[0] != "AUTH"]

    def prove(self, person: Person) -> list[Any]:
        """Prove a key; what is said of it."""
        self.send("CLOSE", "nothing")
        tags = (("relay", URL), ("challenge", self.challenges[0]))
        return self.send("AUTH", person.event(22242, tags=tags, at=int(self.relay.time.now())))

    def leave(self) -> None:
        """The connection is gone."""
        self.conversation.ended("client")
        for task in self.beside_tasks:
            task.cancel()
        self.relay.time.settle()


class SlowExecutor:
    """A thread of the store on driven time: each work takes two of the delays, one before it is done and one after."""

    def __init__(self, time: DrivenTime, delays: Callable[[], Iterator[float]]) -> None:
        self._time = time
        self._delays = delays
        self._turn = time.tasks.lock()

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    async def run(self, function: Callable[[], T]) -> T:
        """The result, in its time and order."""
        async with self._turn:
            await self._pass()
            try:
                return function()
            finally:
                await self._pass()

    async def _pass(self) -> None:
        seconds = next(self._delays())
        if seconds:
            await self._time.tasks.sleep(seconds)


class NostrRelay:
    """The parts, open; ``delays`` are what its store's works take."""

    def __init__(
        self,
        limits: Limits | None = None,
        time: DrivenTime | None = None,
        delays: Iterator[float] | None = None,
        **settings: Any,
    ) -> None:
        self.time = time or DrivenTime()
        config = self.config = Config(
            database=Database(url="sqlite://"), limits=limits or Limits(), nostr=Nostr(**{"url": URL, **settings})
        )
        world = World(
            cast(Any, self.time.reactor), self.time.tasks, cast(Any, self.time), cast(Any, CountedEntropy()),
            cast(Any, InlineCompute()), lambda name: SlowExecutor(self.time, lambda: self.delays),
        )  # fmt: skip
        self.world, self.delays = world, repeat(0.0)
        self.parts = NostrParts(config, world, OWN_KEY)
        now(self.parts.open())
        self.delays = delays or self.delays

    def visitor(self, address: str = "192.0.2.1") -> Visitor:
        """Another client."""
        return Visitor(self, address)

    def close(self) -> None:
        """End."""
        self.time.tasks.start("closing", self.parts.close())
        self.time.settle()


def _plain(part: Any) -> Any:
    return json.loads(part.encoded()) if isinstance(part, Event) else part
