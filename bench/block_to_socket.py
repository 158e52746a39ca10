"""How long after a block its payments reach the sockets of 100 wallets, the block holding 1,100 tweaks.

Run ``python -m bench.block_to_socket`` (``--quick`` for fewer blocks). A relay runs in a process of its own, as twistd starts
it; the node (a fake one with ZMQ, whose answers cost little) and the wallets' clients are this process, so that one clock
tells the time from publishing the hint to reading the notification. Half of the blocks bring transactions that the mempool
had before: these have a bound in seconds. The other half bring only new ones, and all wallets must be scanned against all
of them: the reference is that scan alone, one thread's CPU time, divided by the processors.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from attrs import define, field
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread

from bench.common import Report, is_quick, quantile, say
from bench.node import BenchNode, strangers
from sdkrelay.client import Connection, connect
from sdkrelay.crypto.silent import Scanner, public_key
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.ports import RawBlock
from sdkrelay.services.blocks import view_block
from sdkrelay.services.matching import join_rows
from tests.support.blocks import Written, WrittenBlock
from tests.support.simulated import Owner, payment

WALLETS, TWEAKS, OTHERS = 100, 1_100, 1_400
#: The goals: seconds, and times the elliptic-curve time over the processors.
SEEN_GOAL, FRESH_GOAL = 1.0, 1.3
MINED, DETECTED, CONFIRMED = "block_mined", "payment_detected", "payment_confirmed"


@define(eq=False)
class Wallet:
    """A registered wallet, its client, and when it heard what; times are of ``perf_counter``."""

    owner: Owner
    connection: Connection
    heard: dict[str, float] = field(factory=dict)
    waiting: dict[str, Deferred[None]] = field(factory=dict)

    async def listen(self) -> None:
        """Note everything that comes, until the connection ends."""
        while True:
            message = await self.connection.next()
            kind = message.get("notification_type", "")
            self.heard[kind] = time.perf_counter()
            if kind in self.waiting:
                self.waiting.pop(kind).callback(None)

    def expect(self, kind: str) -> Deferred[None]:
        """Forget what was heard, and wait for the next of this kind."""
        self.heard.pop(kind, None)
        self.waiting[kind] = Deferred()
        return self.waiting[kind]


@define(eq=False)
class Stage:
    """The node, the relay, and the wallets."""

    source: random.Random
    node: BenchNode
    relay: RelayProcess
    wallets: list[Wallet] = field(factory=list)

    async def open(self) -> None:
        """Start the relay, register the wallets, let them catch up."""
        await deferToThread(self.relay.start)
        for _ in range(WALLETS):
            owner = Owner.make(self.source)
            connection = await connect(reactor, self.relay.ws_url, capabilities=["silent_payments"])
            await connection.request(
                "register_wallet",
                scan_private_key=owner.scan_secret.hex(),
                spend_public_key=public_key(owner.spend_secret).hex(),
                birthday=0,
            )
            wallet = Wallet(owner, connection)
            Deferred.fromCoroutine(wallet.listen()).addErrback(lambda _: None)
            self.wallets.append(wallet)
        await self.pause()

    async def pause(self, seconds: float = 2.0) -> None:
        """Let things settle."""
        await deferLater(reactor, seconds, lambda: None)

    def transactions(self) -> list[Written]:
        """What a block holds: one payment to each wallet, the rest to strangers, in random order."""
        made = strangers(self.source, OTHERS, taproot=False) + strangers(self.source, TWEAKS - WALLETS, taproot=True)
        made += [payment(self.source, wallet.owner) for wallet in self.wallets]
        self.source.shuffle(made)
        return made

    async def seen(self) -> list[float]:
        """Latencies of a block whose transactions were in the mempool."""
        transactions = self.transactions()
        detected = self.expect(DETECTED)
        self.node.take(transactions)
        await detected
        await self.pause()
        return await self.measured(self.node.next_block(transactions))

    async def measured(self, block: WrittenBlock) -> list[float]:
        """Seconds from the hint of this block to each wallet's confirmed payment."""
        mined, confirmed = self.expect(MINED), self.expect(CONFIRMED)
        start = time.perf_counter()
        self.node.connect(block)
        await mined
        await confirmed
        first = quantile([wallet.heard[MINED] - start for wallet in self.wallets], 0.99)
        say(f"    block_mined after {first:.3f} s (p99)")
        return [wallet.heard[CONFIRMED] - start for wallet in self.wallets]

    def expect(self, kind: str) -> Any:
        """When every wallet has heard the next of this kind."""
        return gatherResults([wallet.expect(kind) for wallet in self.wallets])

    def elliptic(self, block: WrittenBlock, part: int) -> float:
        """CPU seconds of scanning the block for every wallet with one thread; every ``part``th is scanned, and it is scaled."""
        columns = join_rows([view_block(RawBlock(block.height, block.raw, block.undo), {}).row])
        assert columns.count == TWEAKS
        chosen = self.wallets[::part]
        start = time.thread_time()
        for wallet in chosen:
            scanner = Scanner(wallet.owner.scan_secret, public_key(wallet.owner.spend_secret))
            assert scanner.hits(columns.tweaks, columns.counts, columns.prefixes)
        return (time.thread_time() - start) * len(self.wallets) / len(chosen)

    def cpu(self) -> float:
        """CPU seconds that the relay has used."""
        fields = Path(f"/proc/{self.relay.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(stage: Stage, blocks: int, part: int) -> None:
    """Both kinds of blocks in turn; print what they took."""
    cores = len(os.sched_getaffinity(0))
    seen: list[float] = []
    fresh: list[float] = []
    ratios, cpu_ratios = [], []
    for number in range(blocks):
        load = os.getloadavg()[0]
        say(f"  block {number + 1} of {blocks}, load {load:.1f}")
        seen += await stage.seen()
        block = stage.node.next_block(stage.transactions())
        reference = await deferToThread(stage.elliptic, block, part) / cores
        used = stage.cpu()
        latencies = await stage.measured(block)
        await stage.pause(0.5)
        fresh += latencies
        ratios.append(quantile(latencies, 0.99) / reference)
        cpu_ratios.append((stage.cpu() - used) / cores / reference)
        say(f"    elliptic curve {reference:.3f} s over {cores} processors, p99 {quantile(latencies, 0.99):.3f} s")
    tell("in the mempool before", seen)
    tell("in no mempool", fresh)
    report = Report()
    worst = quantile(seen, 0.99)
    report.goal("seen before, p99", f"{worst:.3f} s", worst / 1.0, SEEN_GOAL)
    report.goal("not seen before, p99", f"{quantile(fresh, 0.99):.3f} s", median(ratios), FRESH_GOAL)
    say(f"the relay's CPU time for such a block over the processors: ratio {median(cpu_ratios):.3f}")
    report.end()


def tell(what: str, latencies: list[float]) -> None:
    """Print the distribution."""
    shown = ", ".join(f"p{round(100 * part)} {quantile(latencies, part):.3f} s" for part in (0.5, 0.9, 0.99))
    say(f"{what}: {shown}, over {len(latencies)} notifications")


async def run(_reactor: Any, quick: bool) -> None:
    """Set the stage, measure, clear it."""
    with tempfile.TemporaryDirectory() as folder:
        node = BenchNode()
        node.serve(Path(folder))
        relay = RelayProcess(Path(folder) / "relay", node)  # type: ignore[arg-type]
        stage = Stage(random.Random(100), node, relay)
        try:
            await stage.open()
            await measure(stage, 2 if quick else 5, 5 if quick else 1)
        finally:
            await deferToThread(relay.stop)
            await node.close()


if __name__ == "__main__":
    quick = is_quick(__doc__)
    sys.setswitchinterval(0.001)
    react(lambda clock: Deferred.fromCoroutine(run(clock, quick)))
