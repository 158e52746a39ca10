"""``sdkrelay mesh-demo``: three relays that are one mesh, parted and healed before your eyes.

Messages are left on both sides of a cut, and are everywhere once it is mended. Like the other demonstration it has no private way
into a relay, and what it made is gone at the end unless its folder was named.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread

from ..client import ClientError, Closed, Connection, connect
from ..io.bitcoind.obtain import NotObtained, default_cache, find_bitcoind
from ..io.bitcoind.process import NodeFailed, RegtestNode
from .relay import RelayFailed, RelayProcess
from .relays import WiredMesh, connected

NAMES = "abc"
#: Seconds that something may take before the demonstration gives up, and between two looks.
PATIENCE, LOOK = 60.0, 0.05


class TooLate(Exception):
    """Something did not happen; the message says what."""


def main(arguments: Sequence[str]) -> int:
    """Run the demonstration; the exit status."""
    options = _options(arguments)
    try:
        with ExitStack() as endings:
            _run(options, endings)
    except (NotObtained, NodeFailed) as error:
        say(f"The demonstration cannot go on: {error}")
        return 1
    except KeyboardInterrupt:
        return 0
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 0
    return 0


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser("sdkrelay mesh-demo", description="Three relays that are one mesh, parted and healed.")
    parser.add_argument("--once", action="store_true", help="end after the first partition is healed")
    parser.add_argument("--folder", type=Path, help="keep the relays in this folder (else a temporary one)")
    parser.add_argument("--messages", type=int, default=20, help="left on each side of a cut (default 20)")
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS", help="a partition now and then")
    return parser.parse_args(arguments)


def _run(options: Namespace, endings: ExitStack) -> None:
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sdkrelay-mesh-"))
    if options.folder is None:
        endings.callback(shutil.rmtree, folder, ignore_errors=True)
    node = RegtestNode(find_bitcoind(default_cache(), say), folder / "bitcoind")
    say("Starting bitcoind on a private chain (regtest)")
    node.start()
    endings.callback(node.stop)
    react(lambda reactor: Deferred.fromCoroutine(_show(reactor, options, folder, node)))


@define
class Flag:
    """Whether Ctrl-C was pressed: what breaks off after it is no failure."""

    is_raised: bool = False

    def raise_it(self) -> None:
        """It was."""
        self.is_raised = True


async def _show(reactor: Any, options: Namespace, folder: Path, node: RegtestNode) -> None:
    mesh, stopping = WiredMesh(folder, node, reactor), Flag()
    reactor.addSystemEventTrigger("before", "shutdown", stopping.raise_it)
    try:
        await Demonstration(reactor, mesh, options.messages).run(options.once, options.every)
    except (RelayFailed, TooLate, ClientError) as error:
        if stopping.is_raised:
            return
        say(f"The demonstration cannot go on: {error}")
        raise SystemExit(1) from error
    finally:
        await mesh.close()


@define(eq=False)
class Witness:
    """Somebody who follows ``sync`` at one relay: the messages it was told, by their ids, with the time of each."""

    name: str
    connection: Connection
    clock: Any
    told: dict[str, float] = field(factory=dict)

    @classmethod
    async def come(cls, reactor: Any, name: str, relay: RelayProcess) -> Witness:
        """Somebody new, who listens from now on."""
        connection = await connect(reactor, relay.ws_url, client_id=f"{name}'s client")
        await connection.request("subscribe", subscriptions=["sync"])
        witness = cls(name, connection, reactor)
        Deferred.fromCoroutine(witness._listen()).addErrback(lambda why: why.trap(Closed))
        return witness

    async def leave(self, message_id: str, text: str) -> None:
        """Leave a message with the relay; it is on its disk when this returns."""
        await self.connection.request("sync_message", message_id=message_id, content={"text": text}, ttl=3600)

    async def _listen(self) -> None:
        while True:
            message = await self.connection.next()
            if message.get("notification_type") == "sync_message":
                self.told.setdefault(message["data"]["message_id"], self.clock.seconds())


@define(eq=False)
class Demonstration:
    """What is shown, step by step; ``count`` messages are left on each side of a cut."""

    reactor: Any
    mesh: WiredMesh
    count: int
    witnesses: list[Witness] = field(factory=list)
    left: int = 0

    async def run(self, once: bool, every: float) -> None:
        """All of it, and again every so many seconds unless ``once``."""
        await self._begin()
        await self._spread()
        await self._part_and_heal(0)
        await self._figures()
        if once:
            return
        self._tell_urls(every)
        for turn in range(1, sys.maxsize):
            await deferLater(self.reactor, every, lambda: None)
            await self._part_and_heal(turn % len(NAMES))

    async def _begin(self) -> None:
        say("Starting three relays, each with a database of its own, and a token that they share")
        await self.mesh.start()
        for name, relay in zip(NAMES, self.mesh.relays, strict=True):
            say(f"  {name}: WebSocket {relay.ws_url}, HTTP {relay.http_url}, log {relay.log_path}")
            self.witnesses.append(await Witness.come(self.reactor, name, relay))
        spent = await self._until(self.mesh.linked, "all relays are linked")
        say(f"Each is linked with both others, {spent:.1f} s later")

    async def _spread(self) -> None:
        """One message, and who is told."""
        say("\nSomebody leaves a message with a")
        began = self.reactor.seconds()
        await self._leave(self.witnesses[0], 1)
        say(f"  acknowledged after {_milliseconds(self.reactor.seconds() - began)}: it is on a's disk")
        await self._everywhere()
        for witness in self.witnesses:
            [when] = witness.told.values()
            say(f"  {witness.name}'s client is told after {_milliseconds(when - began)}")

    async def _part_and_heal(self, alone: int) -> None:
        others = [place for place in range(len(NAMES)) if place != alone]
        words = " and ".join(NAMES[place] for place in others)
        say(f"\nCutting {NAMES[alone]} off from {words}")
        self.mesh.part(alone)
        await self._until(lambda: self._is_alone(alone), "the cut is noticed")
        for place in (alone, others[0]):
            await self._leave(self.witnesses[place], self.count)
            say(f"  {self.count} messages are left with {NAMES[place]}")
        side = self.left - self.count
        await self._until(lambda: self._have(others, side), f"{words} have what was left with either")
        say(f"  now {self._told()}")
        say("Mending")
        self.mesh.heal()
        spent = await self._everywhere()
        say(f"  all have everything {spent:.1f} s later: {self._told()}")
        await self._until(self.mesh.linked, "all relays are linked")

    async def _is_alone(self, place: int) -> bool:
        return not await connected(self.mesh.relays[place])

    async def _have(self, places: Sequence[int], count: int) -> bool:
        return all(len(self.witnesses[place].told) >= count for place in places)

    async def _leave(self, witness: Witness, count: int) -> None:
        for _ in range(count):
            self.left += 1
            await witness.leave(f"message-{self.left}", f"left with {witness.name}")

    async def _everywhere(self) -> float:
        """Wait until every client was told everything; the seconds it took."""
        return await self._until(
            lambda: self._have(range(len(self.witnesses)), self.left), "every client is told everything"
        )

    def _told(self) -> str:
        return ", ".join(f"{one.name}'s client knows {len(one.told)} of {self.left}" for one in self.witnesses)

    async def _until(self, is_so: Callable[[], Awaitable[bool]], what: str) -> float:
        """Wait for something; the seconds it took. TooLate when it does not come."""
        began = self.reactor.seconds()
        while not await is_so():
            if self.reactor.seconds() - began > PATIENCE:
                raise TooLate(f"after {PATIENCE:g} s it is not so that {what}")
            await deferLater(self.reactor, LOOK, lambda: None)
        spent: float = self.reactor.seconds() - began
        return spent

    async def _figures(self) -> None:
        """What the relays say of it over HTTP."""
        say()
        for name, relay in zip(NAMES, self.mesh.relays, strict=True):
            status = await deferToThread(relay.get, "/sync/status")
            figures = status["statistics"]
            say(f"{name}: /sync/status {figures['total_syncs']} exchanges, {figures['failed_syncs']} failed")
            for one in await connected(relay):
                asked = one["metrics"]["sync_requests"]
                say(f"   /relays {one['relay_id']} {one['status']}, {one['latency']} ms, {asked} requests")

    def _tell_urls(self, every: float) -> None:
        url = self.mesh.relays[0].http_url
        say(f"\nThe relays go on, with a partition every {every:g} seconds. Ctrl-C ends them all. Try:")
        for path in ("relays", "sync/status", "sync/history"):
            say(f"  curl {url}/{path}")


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
