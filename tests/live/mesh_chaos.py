"""Relays of a mesh are killed, stopped and cut off, again and again, at random moments under load; clients keep the list.

What a relay has acknowledged must be on every relay in the end, whatever became of that relay in between; all have the same
records, and of contents under one name the same one counts everywhere. ``python -m tests.live.mesh_chaos --kills 1000``.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from typing import Any

import msgspec
from attrs import define, field, frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.task import react

from sdkrelay.client import Closed, Connection, NotConnected, RelayError, TimedOut, connect
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.demo.relays import WiredMesh
from sdkrelay.io.bitcoind.process import RegtestNode
from tests.support.bitcoind import pause
from tests.support.live import Stage, aside

from .chaos import Broken, promise, tell

#: Clients of each relay, and names that all of them fight about.
CLIENTS, CONTESTED = 2, 40
#: Seconds after which the relays must agree once they are left alone.
SETTLED = 120.0
#: Refusals after which a client goes on a little later, or comes anew.
PASSING = frozenset({"UNAVAILABLE", "RATE_LIMITED", "LIMIT_EXCEEDED"})

#: A message by its name and its content.
Message = tuple[str, str]


@frozen
class Kept:
    """What a relay has: the ids of its records, the messages in them, and which record counts under each name."""

    ids: frozenset[bytes]
    messages: frozenset[Message]
    counting: dict[str, bytes]

    @classmethod
    def by(cls, relay: RelayProcess) -> Kept:
        """What is in a relay's database."""
        rows = _rows(relay, "SELECT record_id, message_id, content, number FROM record WHERE kind = 'message'")
        return cls(
            frozenset(row[0] for row in rows),
            frozenset((row[1], msgspec.json.decode(row[2])["text"]) for row in rows),
            {row[1]: row[0] for row in rows if row[3]},
        )


@define(eq=False)
class Author:
    """A client that leaves messages with one relay and comes again whenever it is thrown out."""

    relay: RelayProcess
    name: str
    source: random.Random
    acknowledged: set[Message] = field(factory=set)
    left: int = 0
    refused: int = 0
    running: bool = True

    async def run(self) -> None:
        """Leave messages until told to stop."""
        while self.running:
            try:
                connection = await connect(reactor, self.relay.ws_url, client_id=self.name)
            except (ConnectError, NotConnected, TimedOut):
                await pause(0.1)
                continue
            await self._leave_all(connection)
            connection.abort()

    async def _leave_all(self, connection: Connection) -> None:
        """Until the connection ends, an answer is late, or there is a refusal."""
        while self.running:
            try:
                await self._leave(connection)
            except (Closed, TimedOut):
                return
            except RelayError as refusal:
                if refusal.code not in PASSING:
                    raise
                self.refused += 1
                return
            await pause(self.source.uniform(0.0, 0.03))

    async def _leave(self, connection: Connection) -> None:
        """One message, under a name of its own or one that others use; it is on the list once it is acknowledged."""
        self.left += 1
        contested = self.source.random() < 0.1
        text = f"{self.name}-{self.left}"
        name = f"contested-{self.source.randrange(CONTESTED)}" if contested else text
        answer = await connection.request("sync_message", message_id=name, content={"text": text}, ttl=86_400)
        if answer["type"] == "sync_ack":
            self.acknowledged.add((name, text))


@define(eq=False)
class Chaos:
    """One run: clients that never pause, beside whoever kills, stops and cuts."""

    mesh: WiredMesh
    seed: int
    say: Callable[[str], None]
    kills: int = 0
    wanted: int = 0
    stops: int = 0
    cuts: int = 0
    authors: list[Author] = field(factory=list)

    async def run(self, kills: int) -> None:
        """Kill so many times, let all settle, and check. Broken says which promise was not kept."""
        self.say(f"chaos in a mesh with seed {self.seed}: {kills} kills")
        self.wanted = kills
        await self.mesh.start()
        self.authors = [
            Author(relay, f"author-{place}-{number}", self._source(f"author-{place}-{number}"))
            for place, relay in enumerate(self.mesh.relays)
            for number in range(CLIENTS)
        ]
        load = [Deferred.fromCoroutine(author.run()) for author in self.authors]
        torments = [self._torment(place) for place in range(len(self.mesh.relays))]
        try:
            await together([*torments, self._cut()])
        finally:
            for author in self.authors:
                author.running = False
            for each in load:
                await each
        self.say(self._progress())
        await self._settle()
        await self._check()

    def _source(self, name: str) -> random.Random:
        return random.Random(f"{self.seed} {name}")

    def _progress(self) -> str:
        counts = {"left": 0, "acknowledged": 0, "refused": 0}
        for author in self.authors:
            counts["left"] += author.left
            counts["acknowledged"] += len(author.acknowledged)
            counts["refused"] += author.refused
        done = ", ".join(f"{count} {word}" for word, count in counts.items())
        return f"{self.kills} of {self.wanted} kills, {self.stops} stops, {self.cuts} cuts; messages: {done}"

    async def _torment(self, place: int) -> None:
        """Kill a relay, or let it stand still, at random moments."""
        source, relay = self._source(f"relay {place}"), self.mesh.relays[place]
        while self.kills < self.wanted:
            await pause(source.uniform(0.0, 1.5))
            if source.random() < 0.3:
                await self._stop(relay, source.choice([0.05, 0.5, 3.0]))
            elif self.kills < self.wanted:
                await self._kill(relay, source)

    async def _kill(self, relay: RelayProcess, source: random.Random) -> None:
        """Kill it; at times once more while it starts."""
        while True:
            self.kills += 1
            relay.kill()
            if self.kills % max(1, self.wanted // 20) == 0:
                self.say(self._progress())
            relay.spawn()
            if source.random() < 0.75 or self.kills >= self.wanted:
                break
            await pause(source.uniform(0.05, 1.5))
        await aside(relay.wait)

    async def _stop(self, relay: RelayProcess, longest: float) -> None:
        """Let it stand still, as a machine does that is short of memory, and go on."""
        assert relay.pid is not None, "a relay ends by our hand only"
        self.stops += 1
        os.kill(relay.pid, signal.SIGSTOP)
        await pause(longest)
        os.kill(relay.pid, signal.SIGCONT)

    async def _cut(self) -> None:
        """End what runs over a wire, or cut it for a while, at random moments."""
        source = self._source("wires")
        wires = list(self.mesh.wires.values())
        while self.kills < self.wanted:
            await pause(source.uniform(0.0, 1.0))
            wire = source.choice(wires)
            self.cuts += 1
            if source.random() < 0.5:
                wire.interrupt()
            else:
                wire.cut()
                await pause(source.uniform(0.1, 3.0))
                wire.mend()

    async def _settle(self) -> None:
        """Left alone, the relays link and come to the same."""
        self.mesh.heal()
        for _ in range(round(SETTLED / 0.5)):
            if await self.mesh.linked() and await aside(self._agree):
                return
            await pause(0.5)
        raise Broken(f"the relays do not agree: {[_count(relay) for relay in self.mesh.relays]} records")

    def _agree(self) -> bool:
        kept = {_count(relay) for relay in self.mesh.relays}
        return len(kept) == 1 and len({Kept.by(relay).ids for relay in self.mesh.relays}) == 1

    async def _check(self) -> None:
        """The same everywhere, and everything that was acknowledged."""
        kept = [await aside(Kept.by, relay) for relay in self.mesh.relays]
        acknowledged = {message for author in self.authors for message in author.acknowledged}
        for each in kept:
            lost = acknowledged - each.messages
            promise(not lost, f"everything acknowledged is kept, not all but {len(lost)}: {sorted(lost)[:5]}")
            promise(each.ids == kept[0].ids, "all have the same records")
            promise(each.counting == kept[0].counting, "the same message counts under each name everywhere")
            promise(each.counting.keys() == {name for name, _ in each.messages}, "one counts under each name")
        promise(bool(acknowledged), "something was acknowledged at all")
        self.say(f"all {len(acknowledged)} acknowledged messages are among the {len(kept[0].ids)} on each relay")


async def together(several: Sequence[Awaitable[None]]) -> None:
    """Run these beside each other; all have ended when this returns, and the first that failed is raised."""
    failures: list[Any] = []
    running = [Deferred.fromCoroutine(each) for each in several]  # type: ignore[arg-type]
    for each in running:
        each.addErrback(failures.append)
    for each in running:
        await each
    if failures:
        failures[0].raiseException()


def _count(relay: RelayProcess) -> int:
    [[count]] = _rows(relay, "SELECT count(*) FROM record WHERE kind = 'message'")
    return int(count)


def _rows(relay: RelayProcess, statement: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{relay.folder}/sdkrelay.sqlite?mode=ro", uri=True)) as database:
        return database.execute(statement).fetchall()


async def play(stage: Stage, node: RegtestNode, kills: int, seed: int, say: Callable[[str], None]) -> None:
    """A whole run. Broken says which promise was not kept, and the seed."""
    mesh = WiredMesh(stage.folder / f"chaos-{seed}", node, reactor)
    try:
        await Chaos(mesh, seed, say).run(kills)
    except Exception as failure:
        raise Broken(f"with seed {seed}: {failure}") from failure
    finally:
        await mesh.close()


def main(arguments: Sequence[str]) -> int:
    """Run it by hand; 0 if every promise was kept."""
    parser = argparse.ArgumentParser("python -m tests.live.mesh_chaos", description="Kill relays of a mesh.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="decides what is done; when exactly is the machine's")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    stage = Stage()
    try:
        node = stage.node()
        react(lambda reactor: Deferred.fromCoroutine(play(stage, node, options.kills, seed, tell)))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        stage.end()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
