"""One wallet's way through the chain: what a block, or a stretch of the index, changes for it.

Live blocks, catching up, and scans on request are all made of these steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from ..domain.chain import IndexedBlock, Transaction, Txid
from ..domain.payment import PREFIX, Draft, Match, Sighting
from ..domain.wallet import Keys
from ..ports import IndexStore
from .blocks import Blocks, BlockView
from .matching import PIECE, Matcher, piece_size

#: A stretch is read from the index in portions of this many blocks, until it has …
PORTION = 50
#: … this many tweaks (a little over a second of one processor) …
STRETCH_TWEAKS = 20_000
#: … or this many blocks.
STRETCH_BLOCKS = 2_000
#: So many blocks are looked into at a time; the rest of a stretch is another step.
LOOKED_INTO = 16


async def read_stretch(index: IndexStore, keys: Keys, first: int, last: int) -> list[IndexedBlock]:
    """The next blocks to take a wallet over, from ``first`` on and at most to ``last``; fewer where the index ends."""
    rows: list[IndexedBlock] = []
    most = STRETCH_TWEAKS * piece_size(keys) // PIECE
    while first <= last and len(rows) < STRETCH_BLOCKS and sum(row.count for row in rows) < most:
        portion = await index.rows(first, min(last, first + PORTION - 1))
        rows += portion
        if len(portion) < PORTION:
            break
        first += PORTION
    return rows


def draft_block(draft: Draft, view: BlockView, matches: Mapping[Txid, Sequence[Match]], tip_height: int) -> None:
    """Put into the draft what a block pays the wallet (``matches``), pays to its known keys, and spends of it."""
    sighting = Sighting(view.id, view.block.header.time, tip_height)
    for transaction in _paying(draft, view, matches):
        draft.found(transaction, matches.get(transaction.txid, ()), sighting)
    for outpoint in sorted(draft.own_outpoints(view.spends.keys())):
        draft.spent(view.spends[outpoint], sighting)


def _paying(draft: Draft, view: BlockView, matches: Mapping[Txid, Sequence[Match]]) -> list[Transaction]:
    """Transactions that match, or pay a known key or one that the matches make known, in block order."""
    fresh = {match.output.key[:PREFIX] for found in matches.values() for match in found}
    known = draft.own_prefixes(view.paying.keys()) | fresh
    txids = {transaction.txid for prefix in known for transaction in view.paying[prefix]} | matches.keys()
    if not txids:
        return []
    return [transaction for transaction in view.block.transactions if transaction.txid in txids]


@frozen
class Stretch:
    """Consecutive blocks of the index, with the rows of each that may pay the wallet, and the keys each touches."""

    rows: Sequence[IndexedBlock]
    hits: Sequence[Sequence[int]]
    prefixes: Sequence[frozenset[bytes]]


class Stepper:
    """Takes wallets over stretches of the index, looking into the blocks that concern them."""

    def __init__(self, matcher: Matcher, blocks: Blocks) -> None:
        self._matcher = matcher
        self._blocks = blocks

    async def prepare(self, keys: Keys, rows: Sequence[IndexedBlock]) -> Stretch:
        """The elliptic-curve work for a stretch."""
        hits = await self._matcher.rows(keys, rows)
        return Stretch(rows, hits, await self._matcher.prefixes(rows))

    async def spends_only(self, rows: Sequence[IndexedBlock]) -> Stretch:
        """A stretch in which nothing new is looked for."""
        return Stretch(rows, [()] * len(rows), await self._matcher.prefixes(rows))

    async def draft(self, draft: Draft, keys: Keys, stretch: Stretch, tip_height: int, first: int = 0) -> int:
        """Put into the draft what the stretch changes, from its block number ``first`` on; the number of the next block to do.

        That is the stretch's length, or less when many blocks had to be looked into. Unavailable if one cannot be had.
        """
        looked = 0
        for number in range(first, len(stretch.rows)):
            hits = stretch.hits[number]
            if hits or draft.touches(stretch.prefixes[number]):
                if looked == LOOKED_INTO:
                    return number
                looked += 1
                view = await self._blocks.get(stretch.rows[number].id)
                draft_block(draft, view, await self.match(keys, view, hits), tip_height)
        return len(stretch.rows)

    async def match(self, keys: Keys, view: BlockView, hits: Sequence[int]) -> dict[Txid, list[Match]]:
        """What the hit rows of a block pay the wallet, by txid."""
        pairs = [pair_at(view, row) for row in hits]
        found = await self._matcher.matches(keys, pairs)
        return {transaction.txid: matches for (_, transaction), matches in zip(pairs, found, strict=True) if matches}


def pair_at(view: BlockView, row: int) -> tuple[bytes, Transaction]:
    """The tweak and the transaction of an index row."""
    txid = Txid(view.row.txids[32 * row : 32 * row + 32])
    return view.row.tweaks[64 * row : 64 * row + 64], view.by_txid[txid]
