"""How soon are 1,000 differences among 1,000,000 records found and fetched once a link is back, and what does an idle round cost?

Two relays in processes of their own, of which each lacks half of the differences; the second dials the first over a wire that is
cut at first. An idle round is a comparison of equal sets; its bytes are counted on the wire. ``--quick`` has 100,000 records,
``--stacks`` says by what the reactors were held.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from bench.common import Report, is_quick, say
from bench.mesh_kit import APART, Pair, copy, fill, keep, reached, show, signed
from bench.reactor import GOAL, pause
from sdkrelay.demo.relays import connected
from sdkrelay.demo.wire import Wire

FULL, QUICK, DIFFERENCES = 1_000_000, 100_000, 1_000
#: Seconds until all is fetched, and bytes of an idle round.
SECONDS, BYTES = 2.0, 1_000
ROUNDS = 3


def prepare(pair: Pair, count: int) -> int:
    """Let both have so many records, and each a part of the differences; how many that are in all."""
    source, begin = random.Random(1), int(time.time() * 1000) - count * APART - 60_000
    fill(pair.first, count, source, begin)
    copy(pair.first, pair.second)
    different = signed(DIFFERENCES, source, begin + 3, count // DIFFERENCES * APART)
    source.shuffle(different)
    keep(pair.first, different[::2])
    keep(pair.second, different[1::2])
    return count + DIFFERENCES


async def measure(reactor: Any, pair: Pair, wire: Wire, count: int, stacks: bool) -> None:
    """Mend the wire, and look how long it takes."""
    report = Report()
    pair.dial(wire.url)
    for relay in (pair.first, pair.second):
        began = time.perf_counter()
        await deferToThread(relay.start)
        say(f"a relay with {relay.written():,} records has started after {time.perf_counter() - began:.1f} s")
    await pair.stalls()
    wire.mend()
    while not wire.passages:
        await pause(0.002)
    began = time.perf_counter()
    for relay in (pair.first, pair.second):
        ended = await reached(relay.written, count)
    report.goal("differences fetched after", f"{ended - began:.2f} s", (ended - began) / SECONDS, 1.0)
    for name, found in zip(("who was dialled", "who dials"), await pair.stalls(), strict=True):
        held = show(name, found, stacks)
        report.goal(f"reactor held, {name}", f"{1000 * held:.1f} ms", held / GOAL, 1.0)
    carried = [await idle_round(pair, wire) for _ in range(ROUNDS)]
    report.goal("bytes of an idle round", f"{min(carried):,}", min(carried) / BYTES, 1.0)
    report.end()


async def idle_round(pair: Pair, wire: Wire) -> int:
    """Force a comparison; the bytes that have passed until it was over."""
    while not await connected(pair.first):
        await pause(0.1)
    await pause(1.0)
    before = wire.carried
    await deferToThread(pair.first.ask, "POST", "/sync/force", {"sync_types": ["ReconcileSync"]})
    await pause(1.0)
    return wire.carried - before


async def run(reactor: Any, count: int, stacks: bool) -> None:
    """Prepare, measure, clear."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair.made(Path(folder))
        began = time.perf_counter()
        total = prepare(pair, count)
        say(f"{total:,} records prepared in {time.perf_counter() - began:.1f} s")
        wire = Wire(reactor, pair.first.ws_port)
        wire.cut()
        try:
            await measure(reactor, pair, wire, total, stacks)
        finally:
            await pair.stop()
            await wire.close()


if __name__ == "__main__":
    with_stacks = "--stacks" in sys.argv
    sys.argv = [each for each in sys.argv if each != "--stacks"]
    records = QUICK if is_quick(__doc__) else FULL
    react(lambda reactor: Deferred.fromCoroutine(run(reactor, records, with_stacks)))
