"""What does it cost to find 1,000 differences among 1,000,000 records, and to compare equal sets?

The reference sends all ids in the same run: Python sets of the ids, made of the bytes that came, and their differences. CPU time
is that of both sides together, of the worst step that of one frame on one side.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable

from attrs import define, field
from common import Report, is_quick, say, spent

from sdkrelay.domain.reconcile import Items, ItemSet, Reconciler

#: Items in all, and how many of them one side lacks, half of them each.
FULL, QUICK, DIFFERENCES = 1_000_000, 100_000, 1_000
#: Milliseconds between two items, on average.
APART = 7
BEGIN = 1_700_000_000_000
ID_SIZE = 32

Pairs = list[tuple[int, bytes]]


@define
class Course:
    """What a reconciliation came to: bytes both ways, rounds, and the CPU seconds of each step."""

    bytes: int = 0
    rounds: int = 0
    have: int = 0
    need: int = 0
    steps: list[float] = field(factory=list)

    def step(self, run: Callable[[], None]) -> None:
        """Do one step, and note what it took."""
        self.steps.append(spent(run, time.thread_time))


def course(ours: Items, theirs: Items) -> Course:
    """Reconcile two sets as relays do."""
    asking, answering, seen = Reconciler(ours), Reconciler(theirs), Course()
    frame: bytes | None = asking.initiate()

    def respond() -> None:
        nonlocal frame
        seen.bytes += len(frame or b"")
        frame = answering.respond(frame or b"")
        seen.bytes += len(frame)

    def proceed() -> None:
        nonlocal frame
        frame, have, need = asking.proceed(frame or b"")
        seen.have, seen.need = seen.have + len(have), seen.need + len(need)

    while frame is not None:
        seen.step(respond)
        seen.step(proceed)
        seen.rounds += 1
    return seen


def whole(ours: bytes, theirs: bytes) -> tuple[int, int]:
    """The reference: each side makes sets of all ids, its own and those sent, and takes the difference."""
    ours_set, theirs_set = (
        {ids[place : place + ID_SIZE] for place in range(0, len(ids), ID_SIZE)} for ids in (ours, theirs)
    )
    return len(ours_set - theirs_set), len(theirs_set - ours_set)


def made(count: int) -> tuple[Pairs, Pairs]:
    """Two sets of so many items each, of which each lacks half of the differences."""
    source = random.Random(1)
    base = [(BEGIN + place * APART, source.randbytes(ID_SIZE)) for place in range(count)]
    other = [(BEGIN + source.randrange(count * APART), source.randbytes(ID_SIZE)) for _ in range(DIFFERENCES)]
    return base + other[::2], base + other[1::2]


def main() -> None:
    """Measure, and compare."""
    count = QUICK if is_quick(__doc__) else FULL
    pairs = made(count)
    report, sets = Report(), list[ItemSet]()
    building = spent(lambda: sets.append(ItemSet(pairs[0])), time.thread_time)
    sealing = spent(sets[0].seal, time.thread_time)
    ours, theirs = sets[0].seal(), Items.of(pairs[1])
    flat = [b"".join(name for _, name in each) for each in pairs]
    reference = spent(lambda: whole(*flat), time.thread_time)
    # What the bench itself holds, millions of tuples, is no relay's: the collector need not look at it in the middle of a step.
    gc.freeze()
    seen, idle = course(ours, theirs), course(ours, ours)
    say(f"{count:,} items: built in {building:.2f} s, sealed in {sealing * 1000:.1f} ms; {seen.rounds} rounds")
    say(f"reference: {len(flat[0]):,} bytes and {reference:.2f} s of CPU to send one side's ids and take differences")
    report.goal(
        "differences found", f"{seen.have + seen.need}", (seen.have + seen.need) / DIFFERENCES, 1, at_least=True
    )
    report.goal("bytes of all sent whole", f"{seen.bytes:,}", seen.bytes / len(flat[0]), 0.1 if count == FULL else 0.5)
    report.goal(
        "CPU of sets of all", f"{sum(seen.steps):.2f} s", sum(seen.steps) / reference, 1.5 if count == FULL else 15
    )
    report.goal("worst step", f"{max(seen.steps) * 1000:.1f} ms", max(seen.steps) / 0.050, 1)
    report.goal("bytes of equal sets", f"{idle.bytes}", idle.bytes / 1_000, 1)
    report.end()


if __name__ == "__main__":
    main()
