"""How long the relay's reactor is ever held: while it syncs, scans, loads a mempool, and is attacked.

Run ``python -m bench.reactor`` (``--quick`` for less of everything). A relay runs in a process of its own with a probe in its
reactor (``bench/probe.py``); the node and all clients are this process. The figure is the longest time between two turns,
less what other programs took of the processor. ``--stacks`` also prints what the reactor was doing when it was late.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread

from bench.common import Report, is_quick, say
from bench.node import BenchNode, real_key, strangers
from sdkrelay.client import Closed, connect
from sdkrelay.crypto.silent import public_key
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.domain.chain import display
from tests.support.blocks import WrittenBlock, compact, double_sha256, random_block, undo_of
from tests.support.fake_bitcoind import START_TIME
from tests.support.simulated import Owner
from tests.support.websocket import UPGRADE, frame

GOAL = 0.050
WALLETS = 4


@define
class FullBlock:
    """A block of the same transactions as all the others, its bytes put together when asked for."""

    height: int
    prev_hash: bytes
    body: bytes
    undo: bytes
    time: int = field(init=False)
    header: bytes = field(init=False)
    hash: bytes = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.time = START_TIME + 600 * self.height
        stamp = self.time.to_bytes(4, "little") + bytes.fromhex("ffff7f20") + bytes(4)
        self.header = (0x20000000).to_bytes(4, "little") + self.prev_hash + bytes(32) + stamp
        self.hash = double_sha256(self.header)

    @property
    def raw(self) -> bytes:
        """The whole."""
        return self.header + self.body


def lengthen(node: BenchNode, full: int, small: int, full_at_the_end: int) -> None:
    """Give the node a chain of so many full blocks, small ones, and full ones again."""
    block = random_block(1, 2_500, 1_134, key_of=real_key)
    bodies = [(compact(1) + block.transactions[0].raw, undo_of(block.transactions[:1])), (block.raw[80:], block.undo)]
    for number in range(full + small + full_at_the_end):
        body, undo = bodies[not full <= number < full + small]
        tip = node.chain[-1]
        made: Any = FullBlock(tip.height + 1, tip.hash, body, undo)
        node.chain.append(made)
        node.known[display(made.hash)] = made


class ProbedRelay(RelayProcess):
    """A relay with the probe inside."""

    @property
    def findings(self) -> Path:
        """What the probe found, one line a phase."""
        return self.folder / "findings"

    def spawn(self) -> None:
        """Start it and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "bench.probe", str(self.findings)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--nodaemon", "--pidfile=", "sdkrelay", *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    async def phase(self) -> dict[str, Any]:
        """End a phase; what was found in it."""
        before = len(self._lines())
        assert self.pid is not None, "the relay is running"
        os.kill(self.pid, signal.SIGUSR1)
        while len(self._lines()) == before:
            await pause(0.1)
        found: dict[str, Any] = json.loads(self._lines()[-1])
        return found

    def _lines(self) -> list[str]:
        return self.findings.read_text().splitlines() if self.findings.exists() else []


async def pause(seconds: float) -> None:
    """Let time pass."""
    await deferLater(reactor, seconds, lambda: None)


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = 300.0) -> None:
    """Ask every fifth of a second."""
    start = time.perf_counter()
    while not await is_so():
        if time.perf_counter() - start > seconds:
            raise TimeoutError("the relay did not come that far")
        await pause(0.2)


@define(eq=False)
class Stage:
    """The node, the relay, and how much is done."""

    source: random.Random
    node: BenchNode
    relay: ProbedRelay
    quick: bool

    async def sync(self) -> None:
        """Initial sync: batches of full blocks, then one by one."""
        lengthen(self.node, *((40, 1_010, 10) if self.quick else (240, 1_060, 60)))
        await deferToThread(self.relay.start)
        await until(self._is_live)

    async def _is_live(self) -> bool:
        health = await deferToThread(self.relay.get, "/health")
        return bool(health["indexer"].get("height") == len(self.node.chain) - 1)

    async def scan(self) -> None:
        """Wallets are caught up over the whole chain, and one scans on request."""
        await gatherResults([Deferred.fromCoroutine(self._catch_up()) for _ in range(WALLETS)])

    async def _catch_up(self) -> None:
        owner, tip = Owner.make(self.source), len(self.node.chain) - 1
        connection = await connect(reactor, self.relay.ws_url, capabilities=["silent_payments"])
        keys = {"scan_private_key": owner.scan_secret.hex(), "spend_public_key": public_key(owner.spend_secret).hex()}
        await connection.request("register_wallet", **keys, birthday=0)
        while (await connection.next()).get("block") != tip:
            continue
        await connection.request("scan_request", from_block=0, to_block=tip, scan_keys=[keys])
        while (await connection.next())["type"] != "scan_response":
            continue
        connection.close()

    async def mempool(self) -> None:
        """Thousands of transactions come at once; then their block."""
        count = 500 if self.quick else 2_500
        transactions = strangers(self.source, count, taproot=True) + strangers(self.source, count, taproot=False)
        self.node.take(transactions)
        await until(self._has_all)
        block: WrittenBlock = await deferToThread(self.node.next_block, transactions)
        self.node.connect(block)
        await until(self._is_live)

    async def _has_all(self) -> bool:
        """Whether nothing was asked for a second."""
        before = len(self.node.questions)
        await pause(1.5)
        return len(self.node.questions) - before < 10

    async def hostile(self) -> None:
        """Everything bad at the same time, from several sockets, over and over."""
        rounds = 2 if self.quick else 8
        for _ in range(rounds):
            attacks = [Deferred.fromCoroutine(self._attack(payload)) for payload in payloads(self.source)]
            slow = [Deferred.fromCoroutine(self._slow_head()) for _ in range(20)]
            await gatherResults(attacks + slow)

    async def _attack(self, frames: list[bytes]) -> None:
        """Send frames on one socket until they are all sent or the relay closes."""
        attacker = await self._raw()
        attacker.say(UPGRADE + b"\r\n")
        await attacker.upgraded
        for each in frames:
            attacker.say(frame(each))
        attacker.say(frame(b"\x03\xe8", opcode=8))
        await attacker.ended

    async def _slow_head(self) -> None:
        """A head that comes a byte at a time."""
        attacker = await self._raw()
        for byte in UPGRADE[:20]:
            attacker.say(bytes([byte]))
            await pause(0.01)
        attacker.cut()

    async def _raw(self) -> Attacker:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.relay.ws_port)
        attacker: Attacker = await connectProtocol(endpoint, Attacker())
        return attacker


class Attacker(Protocol):
    """A socket that says anything, and looks at nothing but the first answer."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.upgraded: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        if not self.upgraded.called:
            self.upgraded.callback(None)

    def say(self, data: bytes) -> None:
        """Send."""
        assert self.transport is not None
        self.transport.write(data)

    def cut(self) -> None:
        """Be gone."""
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Any = None) -> None:
        if not self.ended.called:
            self.ended.callback(None)


def payloads(source: random.Random) -> Iterator[list[bytes]]:
    """Frames for several sockets, each with its own kind of evil."""
    million = 999_000
    greeting = b'{"type":"handshake","version":"1.0.0"}'
    for opened in ([], [greeting]):
        yield [*opened, *[b"[" * 10_000] * 9]
        yield [*opened, *[b'{"type":' + b"[" * 10_000 + b"]" * 10_000 + b"}"] * 9]
        yield [*opened, *[b"[" * million] * 9]
        yield [*opened, *[b'{"type":"ping","x":' + b"[" * (million // 2) + b"]" * (million // 2) + b"}"] * 9]
        yield [*opened, *[b'{"type":"ping","client_id":"' + b"a" * million + b'"}'] * 9]
        yield [*opened, *[b'{"type":"ping","x":"' + "é".encode() * (million // 2) + b'"}'] * 9]
        yield [*opened, *[b'{"type":"ping","x":[' + b"1," * (million // 2) + b"1]}"] * 30]
        yield [*opened, *[b'{"type":"ping","x":[' + b"1.5e300," * (million // 8) + b"1]}"] * 30]
        yield [*opened, *[b'{"type":"ping",' + b",".join(b'"%d":1' % each for each in range(80_000)) + b"}"] * 30]
        yield [*opened, *[b'{"type":"ping","x":[' + b"{}," * 9_990 + b"{}]}"] * 30]
        yield [*opened, *[source.randbytes(million)] * 2]
        yield [*opened, *[b'{"type":"subscribe","subscriptions":[' + b'"a",' * 200_000 + b'"a"]}'] * 9]
        yield [*opened, *[b"{}"] * 2_000]
        yield [*opened, *[b'{"type":"ping"}'] * 5_000]
        yield [*opened, *[b'{"type":"nothing"}'] * 5_000]


async def measure(stage: Stage, stacks: bool) -> None:
    """All phases, each with its figure."""
    report = Report()
    for name in ("sync", "scan", "mempool", "hostile"):
        start = time.perf_counter()
        await getattr(stage, name)()
        await pause(0.5)
        found = await stage.relay.phase()
        seconds = time.perf_counter() - start
        say(f"{name}: {seconds:.1f} s, {found['turns']} turns, load {os.getloadavg()[0]:.1f}, ")
        say(f"    by the wall: worst {1000 * found['worst']:.1f} ms, 99.9 % within {1000 * found['usual']:.1f} ms, ")
        say(f"    {found['late']} turns over 50 ms, {found['late_own']} without what other programs took")
        say(f"    longest garbage collection {1000 * found['collection']:.1f} ms")
        if stacks:
            for stack, count in found["stacks"]:
                say(f"      {count:5} {stack}")
            say(f"      worst {found['worst_stack']}")
        report.goal(f"reactor held during {name}", f"{1000 * found['own']:.1f} ms", found["own"] / GOAL, 1.0)
    report.end()


async def run(_reactor: Any, quick: bool, stacks: bool) -> None:
    """Set the stage, measure, clear it."""
    with tempfile.TemporaryDirectory() as folder:
        node = BenchNode()
        node.serve(Path(folder))
        relay = ProbedRelay(Path(folder) / "relay", node)  # type: ignore[arg-type]
        try:
            await measure(Stage(random.Random(50), node, relay, quick), stacks)
        except Closed as closed:
            say(f"the relay closed a connection: {closed}")
            raise
        finally:
            await deferToThread(relay.stop)
            say(relay.log_path.read_text(errors="replace")[-3000:]) if "--log" in sys.argv else None
            await node.close()


if __name__ == "__main__":
    with_stacks = "--stacks" in sys.argv
    sys.argv = [each for each in sys.argv if each != "--stacks"]
    quick = is_quick(__doc__)
    react(lambda clock: Deferred.fromCoroutine(run(clock, quick, with_stacks)))
