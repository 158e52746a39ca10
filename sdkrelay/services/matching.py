"""Finding a wallet's outputs: which rows of the index may pay it, and what in their transactions does.

Rows are cut into pieces so that all processors work on one scan, and so that a long scan lets other work in between.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import accumulate

from attrs import frozen

from ..crypto.silent import Scanner, compress
from ..domain.chain import IndexedBlock, Transaction
from ..domain.payment import PREFIX, Match
from ..domain.wallet import Keys
from ..ports import Compute

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
    """The elliptic-curve work of scanning, spread over the workers."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    async def rows(self, keys: Keys, rows: Sequence[IndexedBlock]) -> list[list[int]]:
        """For each block, its rows that may pay the wallet."""
        columns = join_rows(rows)
        if not columns.count:
            return [[] for _ in rows]
        size = max(1, min(PIECE, -(-columns.count // self._compute.workers)))
        pending = [self._compute.run(find_rows, keys, piece) for piece in cut(columns, size)]
        hits = [number * size + row for number, piece in enumerate(pending) for row in await piece]
        return _by_block(rows, hits)

    async def block(self, keys: Sequence[Keys], columns: Sequence[Columns]) -> list[list[int]]:
        """For each of several wallets, which of its rows may pay it; every wallet is a piece of work."""
        pending = [
            self._compute.run(find_rows, one, rows) if rows.count else None
            for one, rows in zip(keys, columns, strict=True)
        ]
        return [await piece if piece else [] for piece in pending]

    async def matches(self, keys: Keys, transactions: Sequence[tuple[bytes, Transaction]]) -> list[list[Match]]:
        """What each transaction, given with its tweak, pays the wallet."""
        return await self._compute.run(match_transactions, keys, transactions) if transactions else []

    async def transactions(
        self, keys: Sequence[Keys], transactions: Sequence[tuple[bytes, Transaction]]
    ) -> list[dict[int, list[Match]]]:
        """For each wallet, what the transactions at hand pay it, by their index."""
        columns = columns_of(transactions)
        pending = [self._compute.run(find_and_match, one, columns, transactions) for one in keys]
        return [await piece for piece in pending]

    async def prefixes(self, rows: Sequence[IndexedBlock]) -> list[frozenset[bytes]]:
        """For each block, the keys it pays or spends, see :func:`prefix_sets`."""
        return await self._compute.run(prefix_sets, rows)


def _by_block(rows: Sequence[IndexedBlock], hits: Sequence[int]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in rows]
    block, start = 0, 0
    for hit in hits:
        while hit >= start + rows[block].count:
            start += rows[block].count
            block += 1
        found[block].append(hit - start)
    return found
