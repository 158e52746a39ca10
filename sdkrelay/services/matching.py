"""Finding a wallet's outputs: which rows of the index may pay it, and what in their transactions does.

Rows are cut into pieces so that all processors work on one scan, and so that a long scan lets other work in between.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

from attrs import frozen

from ..crypto.silent import Scanner, compress
from ..domain.chain import IndexedBlock, Transaction
from ..domain.payment import PREFIX, Match
from ..domain.wallet import Keys
from ..ports import Compute, Event, Tasks

T = TypeVar("T")

#: Rows in one piece of work: about an eighth of a second of one processor.
PIECE = 2_000


@frozen
class Columns:
    """Packed rows of the index, as :class:`~sdkrelay.domain.chain.IndexedBlock` has them."""

    tweaks: bytes
    counts: bytes
    prefixes: bytes

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.tweaks) // 64


def columns_of(transactions: Iterable[tuple[bytes, Transaction]]) -> Columns:
    """The rows of transactions given with their tweaks (64 bytes)."""
    pairs = list(transactions)
    return Columns(
        tweaks=b"".join([tweak for tweak, _ in pairs]),
        counts=b"".join([len(transaction.outputs).to_bytes(4, "little") for _, transaction in pairs]),
        prefixes=b"".join([output.key[:PREFIX] for _, transaction in pairs for output in transaction.outputs]),
    )


def join_rows(rows: Sequence[IndexedBlock]) -> Columns:
    """The rows of several blocks one after another."""
    return Columns(
        tweaks=b"".join([row.tweaks for row in rows]),
        counts=b"".join([row.counts for row in rows]),
        prefixes=b"".join([row.prefixes for row in rows]),
    )


def cut(columns: Columns, size: int) -> list[Columns]:
    """The same rows in pieces of at most ``size`` rows."""
    if columns.count <= size:
        return [columns]
    counts = struct.unpack(f"<{columns.count}I", columns.counts)
    pieces, place = [], 0
    for start in range(0, columns.count, size):
        end = place + PREFIX * sum(counts[start : start + size])
        tweaks, packed = (
            columns.tweaks[64 * start : 64 * (start + size)],
            columns.counts[4 * start : 4 * (start + size)],
        )
        pieces.append(Columns(tweaks, packed, columns.prefixes[place:end]))
        place = end
    return pieces


def select(block: IndexedBlock, rows: Sequence[int]) -> Columns:
    """Some rows of a block, given ascending."""
    if len(rows) == block.count:
        return join_rows([block])
    ends = [0, *accumulate(struct.unpack(f"<{block.count}I", block.counts))]
    return Columns(
        tweaks=b"".join([block.tweaks[64 * row : 64 * row + 64] for row in rows]),
        counts=b"".join([block.counts[4 * row : 4 * row + 4] for row in rows]),
        prefixes=b"".join([block.prefixes[PREFIX * ends[row] : PREFIX * ends[row + 1]] for row in rows]),
    )


def find_rows(keys: Keys, columns: Columns) -> list[int]:
    """The rows that may pay the wallet (an output has the first 8 bytes of one of its keys), ascending."""
    if not columns.count:
        return []
    scanner = Scanner(keys.scan_secret, keys.spend_key, keys.labels)
    return scanner.hits(columns.tweaks, columns.counts, columns.prefixes)


def match_transactions(keys: Keys, transactions: Sequence[tuple[bytes, Transaction]]) -> list[list[Match]]:
    """What each transaction, given with its tweak (64 bytes), pays the wallet: BIP352's scan in full."""
    scanner = Scanner(keys.scan_secret, keys.spend_key, keys.labels)
    return [_match(scanner, tweak, transaction) for tweak, transaction in transactions]


def _match(scanner: Scanner, tweak: bytes, transaction: Transaction) -> list[Match]:
    outputs = transaction.outputs
    compressed = compress(tweak)
    return [
        Match(outputs[found.index], found.k, found.label, compressed, found.output_tweak, found.ambiguous)
        for found in scanner.outputs(tweak, [output.key for output in outputs])
    ]


def find_and_match(
    keys: Keys, columns: Columns, transactions: Sequence[tuple[bytes, Transaction]]
) -> dict[int, list[Match]]:
    """Both at once, for transactions at hand: what the rows that pay the wallet pay it, by row."""
    rows = find_rows(keys, columns)
    matches = match_transactions(keys, [transactions[row] for row in rows])
    return {row: found for row, found in zip(rows, matches, strict=True) if found}


def prefix_sets(rows: Sequence[IndexedBlock]) -> list[frozenset[bytes]]:
    """For each block, the first 8 bytes of every taproot key that it pays or spends."""
    return [_prefixes_in(row.prefixes + row.others + row.spent) for row in rows]


def _prefixes_in(packed: bytes) -> frozenset[bytes]:
    return frozenset([packed[start : start + PREFIX] for start in range(0, len(packed), PREFIX)])


class Matcher:
    """The elliptic-curve work of scanning, spread over the workers.

    Only a few pieces are handed to them at a time, so that other work comes in between, and little is done in vain when
    whoever asked is gone.
    """

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    async def rows(self, keys: Keys, rows: Sequence[IndexedBlock]) -> list[list[int]]:
        """For each block, its rows that may pay the wallet."""
        columns = join_rows(rows)
        if not columns.count:
            return [[] for _ in rows]
        size = max(1, min(piece_size(keys), -(-columns.count // self._compute.workers)))
        found = await self._all(find_rows, [(keys, piece) for piece in cut(columns, size)])
        hits = [number * size + row for number, piece in enumerate(found) for row in piece]
        return _by_block(rows, hits)

    async def block(self, keys: Sequence[Keys], columns: Sequence[Columns]) -> list[list[int]]:
        """For each of several wallets, which of its rows may pay it; every wallet is a piece of work."""
        return await self._all(find_rows, list(zip(keys, columns, strict=True)))

    async def matches(self, keys: Keys, transactions: Sequence[tuple[bytes, Transaction]]) -> list[list[Match]]:
        """What each transaction, given with its tweak, pays the wallet."""
        return await self._compute.run(match_transactions, keys, transactions) if transactions else []

    async def transactions(
        self, keys: Sequence[Keys], transactions: Sequence[tuple[bytes, Transaction]]
    ) -> list[dict[int, list[Match]]]:
        """For each wallet, what the transactions at hand pay it, by their index."""
        columns = columns_of(transactions)
        return await self._all(find_and_match, [(one, columns, transactions) for one in keys])

    async def prefixes(self, rows: Sequence[IndexedBlock]) -> list[frozenset[bytes]]:
        """For each block, the keys it pays or spends, see :func:`prefix_sets`."""
        return await self._compute.run(prefix_sets, rows)

    async def _all(self, function: Callable[..., T], pieces: Sequence[tuple[Any, ...]]) -> list[T]:
        """The function of each piece, in order, with as many under way as keep the workers busy."""
        ahead = 2 * self._compute.workers
        pending: deque[Awaitable[T]] = deque()
        done: list[T] = []
        for piece in pieces:
            if len(pending) == ahead:
                done.append(await pending.popleft())
            pending.append(self._compute.run(function, *piece))
        while pending:
            done.append(await pending.popleft())
        return done


def piece_size(keys: Keys) -> int:
    """How many rows are a piece of work for this wallet: each label costs about a thirtieth of a row more."""
    return max(1, PIECE * 30 // (30 + len(keys.labels)))


class Turns:
    """One stretch of heavy work at a time, in order of asking.

    Work begun goes on to its end even when nobody waits for it any more: so who asks and leaves, again and again, never
    has more than one stretch under way. Work not begun by then is not begun.
    """

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._lock = tasks.lock()

    async def take(self, work: Callable[[], Awaitable[T]]) -> T:
        """What the work returns or raises."""
        turn = _Turn(work, self._tasks.event())
        self._tasks.start("a turn of heavy work", self._run(turn))
        try:
            await turn.done.wait()
        finally:
            turn.wanted = False
        return turn.result()

    async def _run(self, turn: _Turn[T]) -> None:
        async with self._lock:
            await turn.run()


class _Turn(Generic[T]):
    """One stretch of work and its outcome."""

    def __init__(self, work: Callable[[], Awaitable[T]], done: Event) -> None:
        self._work = work
        self.done = done
        self.wanted = True
        self._outcome: list[T] = []
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Do it, if it is still wanted, and say that it is done."""
        if not self.wanted:
            return
        try:
            self._outcome.append(await self._work())
        except Exception as failure:
            self._failure = failure
        self.done.set()

    def result(self) -> T:
        """What came of it."""
        if self._failure is not None:
            raise self._failure
        return self._outcome[0]


def _by_block(rows: Sequence[IndexedBlock], hits: Sequence[int]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in rows]
    block, start = 0, 0
    for hit in hits:
        while hit >= start + rows[block].count:
            start += rows[block].count
            block += 1
        found[block].append(hit - start)
    return found
