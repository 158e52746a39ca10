"""How fast blocks are stored and read, beside plain sqlite3 with the same rows, pages and durability.

Run ``python bench/store.py`` (``--quick`` for a few seconds). Small blocks have 2 eligible transactions, full ones 1,134 (about
137 kB); both sides get batches in turn, each batch one transaction in a new file. Wall clock: the disk counts.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from timing import side_by_side, verdict

from sdkrelay.domain.chain import IndexedBlock
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.io.storage.engine import PAGE_SIZE, PRAGMAS
from sdkrelay.io.storage.index import NAMES
from tests.support.stores import chain, now, opened

SMALL, FULL = 2, 1134


class Ours:
    """Blocks through the store."""

    def __init__(self, folder: Path, blocks: list[IndexedBlock], batch: int) -> None:
        self.store: DatabaseStore = now(opened(f"sqlite:///{folder}/ours.sqlite"))
        self.batches = _batches(blocks, batch)

    def __call__(self) -> None:
        """Store the next batch."""
        now(self.store.index.append_blocks(next(self.batches)))


class Plain:
    """The same blocks through sqlite3's executemany."""

    def __init__(self, folder: Path, blocks: list[IndexedBlock], batch: int) -> None:
        self.connection = sqlite3.connect(folder / "plain.sqlite", isolation_level=None)
        for pragma in (PAGE_SIZE, *PRAGMAS):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute(f"CREATE TABLE block (height INTEGER PRIMARY KEY, {','.join(NAMES[1:])})")
        self.insert = f"INSERT INTO block VALUES ({','.join('?' * len(NAMES))})"
        self.batches = _batches(blocks, batch)

    def __call__(self) -> None:
        """Store the next batch."""
        rows = [tuple(getattr(block, name) for name in NAMES) for block in next(self.batches)]
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(self.insert, rows)
        self.connection.execute("COMMIT")


def _batches(blocks: list[IndexedBlock], batch: int) -> Iterator[list[IndexedBlock]]:
    return iter([blocks[start : start + batch] for start in range(0, len(blocks), batch)])


def append(count: int, batch: int, rounds: int) -> tuple[float, float]:
    """Median seconds a block, ours and plain."""
    blocks = chain((rounds + 1) * batch, count=count)
    with tempfile.TemporaryDirectory() as folder:
        ours, plain = Ours(Path(folder), blocks, batch), Plain(Path(folder), blocks, batch)
        variants: dict[str, Callable[[], object]] = {"ours": ours, "plain": plain}
        spent = side_by_side(variants, rounds, time.perf_counter)
        now(ours.store.close())
        plain.connection.close()
    return spent["ours"] / batch, spent["plain"] / batch


def single(rounds: int) -> float:
    """Median seconds of storing one full block alone, acknowledged on the disk."""
    return append(FULL, 1, rounds)[0]


def read(blocks: int) -> tuple[float, float]:
    """Seconds a full block read back, and seconds of ``bounds`` and ``totals`` together."""
    with tempfile.TemporaryDirectory() as folder:
        store = now(opened(f"sqlite:///{folder}/read.sqlite"))
        now(store.index.append_blocks(chain(blocks, count=FULL)))
        now(store.index.bounds()), now(store.index.totals())
        start = time.perf_counter()
        rows = now(store.index.rows(0, 1 << 40))
        middle = time.perf_counter()
        now(store.index.bounds()), now(store.index.totals())
        end = time.perf_counter()
        now(store.close())
    return (middle - start) / len(rows), end - middle


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    rounds = 5 if parser.parse_args().quick else 15
    ours, plain = append(SMALL, 1000, rounds)
    verdict("small blocks stored in batches of 1,000, rows/s", 1 / ours, 5000)
    sys.stdout.write(f"  of the speed of plain sqlite3 executemany: {plain / ours:.2f}\n")
    ours, plain = append(FULL, 100, rounds)
    verdict("full blocks stored in batches of 100, ms each", ours * 1000, 2.0, at_least=False)
    sys.stdout.write(f"  of the speed of plain sqlite3 executemany: {plain / ours:.2f}\n")
    verdict("one full block stored alone, ms", single(rounds * 4) * 1000, 20.0, at_least=False)
    row, sums = read(200)
    verdict("full blocks read, ms each", row * 1000, 1.0, at_least=False)
    verdict("bounds and totals, ms", sums * 1000, 2.0, at_least=False)


if __name__ == "__main__":
    main()
