"""How fast does an empty relay catch up with another, and how long is either's reactor ever held meanwhile?

Two relays in processes of their own, the second empty. Records are counted in its database: they are durable, verified, and in
the log. ``--quick`` has fewer, ``--stacks`` says by what the reactors were held.
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
from bench.mesh_kit import Pair, keep, reached, show, signed
from bench.reactor import GOAL

FULL, QUICK = 60_000, 15_000
#: Records a second.
RATE = 10_000


async def measure(pair: Pair, count: int, stacks: bool) -> None:
    """Let the second catch up."""
    report = Report()
    await deferToThread(pair.first.start)
    pair.dial(pair.first.ws_url)
    await deferToThread(pair.second.start)
    began = await reached(pair.second.written, 1)
    missing = count - pair.second.written()
    spent = [relay.seconds() for relay in (pair.first, pair.second)]
    ended = await reached(pair.second.written, count)
    spent = [relay.seconds() - before for relay, before in zip((pair.first, pair.second), spent, strict=True)]
    each = [f"{1e6 * seconds / missing:.0f} µs" for seconds in spent]
    say(
        f"{missing:,} records in {ended - began:.2f} s; CPU a record: {each[0]} where they were, {each[1]} where they came"
    )
    rate = missing / (ended - began)
    report.goal("records a second", f"{rate:,.0f}", rate / RATE, 1.0, at_least=True)
    for name, found in zip(("who gives", "who takes"), await pair.stalls(), strict=True):
        held = show(name, found, stacks)
        report.goal(f"reactor held, {name}", f"{1000 * held:.1f} ms", held / GOAL, 1.0)
    report.end()


async def run(_reactor: Any, count: int, stacks: bool) -> None:
    """Prepare, measure, clear."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair.made(Path(folder))
        keep(pair.first, signed(count, random.Random(1), int(time.time() * 1000) - count * 10))
        try:
            await measure(pair, count, stacks)
        finally:
            await pair.stop()


if __name__ == "__main__":
    with_stacks = "--stacks" in sys.argv
    sys.argv = [each for each in sys.argv if each != "--stacks"]
    records = QUICK if is_quick(__doc__) else FULL
    react(lambda clock: Deferred.fromCoroutine(run(clock, records, with_stacks)))
