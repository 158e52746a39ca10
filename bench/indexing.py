"""What indexing a full block costs, from raw bytes to the row stored, beside its elliptic-curve work alone.

Run ``python -m bench.indexing`` (``--quick`` for fewer rounds). The reference calls libsecp256k1 with everything prepared
and nothing wasted: each key parsed, several combined and their sum written, one multiplication, one point written. The
store is a SQLite file, fully synchronised. Medians of this thread's CPU time, measured in turn.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from attrs import evolve, frozen

from bench.blocks import ELIGIBLE, full_block
from bench.common import Report, is_quick, say, spent
from sdkrelay.crypto.inputs import input_hash, input_public_key
from sdkrelay.crypto.secp256k1 import (
    COMPRESSED,
    UNCOMPRESSED,
    add,
    context,
    ec_combine,
    ec_multiply,
    ec_parse,
    ec_serialize,
    ffi,
)
from sdkrelay.domain.chain import BlockHash, IndexedBlock, Transaction
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.io.world import tune_interpreter
from sdkrelay.messages.bitcoin.block import decode_block
from sdkrelay.ports import RawBlock
from sdkrelay.services.blocks import BlockView, view_block
from sdkrelay.services.indexing import mined
from tests.support.stores import digest, now, opened

GOAL = 1.4
Prepared = list[tuple[list[bytes], bytes]]


def prepare(transactions: tuple[Transaction, ...]) -> Prepared:
    """The keys of each transaction that has any, and the factor of its multiplication."""
    keys = [(each, [key for key in map(input_public_key, each.inputs) if key]) for each in transactions]
    return [(found, input_hash(min(one.outpoint for one in each.inputs), add(found))) for each, found in keys if found]


def elliptic(prepared: Prepared) -> Callable[[], None]:
    """A function that does the curve's part and nothing else."""
    slots = [ffi.new("secp256k1_pubkey *") for _ in range(max(len(keys) for keys, _ in prepared))]
    pointers, total = ffi.new("secp256k1_pubkey *[]", slots), ffi.new("secp256k1_pubkey *")
    output, size = ffi.new("unsigned char[65]"), ffi.new("size_t *", 65)

    def run() -> None:
        for keys, factor in prepared:
            for slot, key in zip(slots, keys, strict=False):
                ec_parse(context, slot, key, 33)
            point = slots[0]
            if len(keys) > 1:
                point = total
                ec_combine(context, total, pointers, len(keys))
                ec_serialize(context, output, size, total, COMPRESSED)
                size[0] = 65
            ec_multiply(context, point, factor)
            ec_serialize(context, output, size, point, UNCOMPRESSED)

    return run


class Indexer:
    """Indexes the same block again and again, each time as the next one of a chain."""

    def __init__(self, folder: Path, raw: RawBlock) -> None:
        self.store: DatabaseStore = now(opened(f"sqlite:///{folder}/index.sqlite"))
        self.raw = raw
        self.rows = self._rows()
        self.view: BlockView | None = None
        self.row: IndexedBlock | None = None

    def _rows(self) -> Iterator[IndexedBlock]:
        """The row of the view made last, put where the next block belongs."""
        previous, height = self.raw.raw[4:36], self.raw.height
        while True:
            assert self.view is not None
            this = digest(previous)
            yield evolve(self.view.row, height=height, hash=BlockHash(this), prev_hash=BlockHash(previous))
            previous, height = this, height + 1

    def parse(self) -> None:
        """The first step by itself."""
        decode_block(self.raw.raw, self.raw.undo)

    def make(self) -> None:
        """From raw bytes to the row, with the look-ups that wallets may need."""
        self.view = view_block(self.raw, {})

    def keep(self) -> None:
        """The row, and what is told of it, into the file."""
        assert self.view is not None
        assert self.row is not None
        now(self.store.index.append_block(self.row, [mined(self.view)]))

    def measure(self) -> Sample:
        """CPU seconds of each step."""
        parsing, making = (spent(step, time.thread_time) for step in (self.parse, self.make))
        self.row = next(self.rows)
        return Sample(parsing, making, spent(self.keep, time.thread_time))


@frozen
class Sample:
    """CPU seconds of one block: parsing it alone, parsing and making its row, storing it; the last two are all of it."""

    parsing: float
    making: float
    storing: float


def main() -> None:
    """Check that the reference does the block's work, measure, print."""
    tune_interpreter()
    rounds = 9 if is_quick(__doc__) else 61
    block = full_block()
    raw = RawBlock(block.height, block.raw, block.undo)
    prepared = prepare(decode_block(raw.raw, raw.undo).transactions)
    assert len(prepared) == ELIGIBLE == view_block(raw, {}).row.count
    curve = elliptic(prepared)
    with tempfile.TemporaryDirectory() as folder:
        indexer = Indexer(Path(folder), raw)
        turns = [(spent(curve, time.thread_time), indexer.measure()) for _ in range(rounds + 1)][1:]
        now(indexer.store.close())
    report(turns)


def report(turns: list[tuple[float, Sample]]) -> None:
    """Print the medians of the parts, and the whole beside the reference."""
    alone = median(each for each, _ in turns)
    parsing = median(sample.parsing for _, sample in turns)
    making = median(sample.making for _, sample in turns)
    storing = median(sample.storing for _, sample in turns)
    whole = median(sample.making + sample.storing for _, sample in turns)
    say(f"elliptic curve alone: {1000 * alone:.2f} ms for {ELIGIBLE} transactions")
    say(
        f"parsing {1000 * parsing:.2f} ms, tweaks and row {1000 * (making - parsing):.2f} ms, storing {1000 * storing:.2f} ms"
    )
    goals = Report()
    goals.goal("indexing a full block", f"{1000 * whole:.2f} ms", whole / alone, GOAL)
    goals.end()


if __name__ == "__main__":
    main()
