"""Blocks, fetched from the node and worked on away from the reactor: their index rows, and look-ups into them.

They are kept for a while, because the block just indexed is the one that wallets are about to look into.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Mapping, Sequence
from functools import cached_property
from typing import TypeVar

from attrs import frozen

from ..crypto.digest import block_digest
from ..crypto.silent import TweakComputer
from ..domain.chain import Block, BlockHash, BlockId, IndexedBlock, Spend, Transaction, Txid, display
from ..domain.payment import PREFIX
from ..messages.bitcoin import Malformed
from ..messages.bitcoin.block import decode_block
from ..ports import Cache, Chain, Compute, RawBlock, Unavailable

T = TypeVar("T")

#: No tweak that a transaction could have.
_UNKNOWN = b"unknown"

#: Bytes that a parsed block takes in memory for each byte of the block and of what it spends (measured on signet's 200000).
WEIGHT = 5


@frozen
class BlockView:
    """A block of the best chain, its index row, and the look-ups that a wallet's step needs, made when one does.

    ``size`` is about what it takes in memory, in bytes.
    """

    block: Block
    row: IndexedBlock
    size: int = 0

    @property
    def id(self) -> BlockId:
        """The block."""
        return self.row.id

    @cached_property
    def by_txid(self) -> Mapping[Txid, Transaction]:
        """The transactions that pay to taproot, by txid."""
        return {transaction.txid: transaction for transaction in self.block.transactions}

    @cached_property
    def paying(self) -> Mapping[bytes, Sequence[Transaction]]:
        """The transactions that pay a taproot key, by the key's first 8 bytes."""
        paying: dict[bytes, list[Transaction]] = {}
        for transaction in self.block.transactions:
            for output in transaction.outputs:
                paying.setdefault(output.key[:PREFIX], []).append(transaction)
        return paying

    @cached_property
    def spends(self) -> Mapping[bytes, Spend]:
        """The spends of taproot outputs, by outpoint."""
        return {spend.outpoint: spend for spend in self.block.spends}


def view_block(raw: RawBlock, known: Mapping[Txid, bytes | None]) -> BlockView:
    """Parse a block and index it; tweaks of transactions in ``known`` are taken from there. Malformed if it does not parse."""
    block = decode_block(raw.raw, raw.undo)
    size = WEIGHT * (len(raw.raw) + len(raw.undo))
    return BlockView(block, index_block(block, raw.height, known), size)


def index_row(raw: RawBlock) -> IndexedBlock:
    """The index row of a block, and nothing else kept of it. Malformed if it does not parse."""
    return index_block(decode_block(raw.raw, raw.undo), raw.height, {})


def index_block(block: Block, height: int, known: Mapping[Txid, bytes | None]) -> IndexedBlock:
    """The index row of a parsed block."""
    tweaks = _tweaks(block.transactions, known)
    eligible = [transaction for transaction, tweak in zip(block.transactions, tweaks, strict=True) if tweak]
    rest = [transaction for transaction, tweak in zip(block.transactions, tweaks, strict=True) if not tweak]
    packed = b"".join(filter(None, tweaks))
    return IndexedBlock(
        height=height,
        hash=block.header.hash,
        prev_hash=block.header.prev_hash,
        time=block.header.time,
        count=len(eligible),
        digest=block_digest(packed),
        txids=b"".join([transaction.txid for transaction in eligible]),
        tweaks=packed,
        counts=struct.pack(f"<{len(eligible)}I", *[len(transaction.outputs) for transaction in eligible]),
        prefixes=_prefixes(eligible),
        largest=struct.pack(f"<{len(eligible)}Q", *map(_largest, eligible)),
        others=_prefixes(rest),
        spent=b"".join([spend.key[:PREFIX] for spend in block.spends]),
    )


def _tweaks(transactions: Sequence[Transaction], known: Mapping[Txid, bytes | None]) -> list[bytes | None]:
    """Looked up once each, for ``known`` may change meanwhile in another thread."""
    computer = TweakComputer()
    looked_up = [known.get(transaction.txid, _UNKNOWN) for transaction in transactions]
    return [
        computer.tweak(transaction.inputs) if tweak is _UNKNOWN else tweak
        for transaction, tweak in zip(transactions, looked_up, strict=True)
    ]


def _prefixes(transactions: Sequence[Transaction]) -> bytes:
    return b"".join([output.key[:PREFIX] for transaction in transactions for output in transaction.outputs])


def _largest(transaction: Transaction) -> int:
    outputs = transaction.outputs
    return outputs[0].value if len(outputs) == 1 else max([output.value for output in outputs])


class Blocks:
    """The node's blocks, parsed and indexed on a worker, and kept in a cache; the last one is always at hand."""

    def __init__(self, chain: Chain, compute: Compute, cache: Cache) -> None:
        self._chain = chain
        self._compute = compute
        self._cache = cache
        self._last: BlockView | None = None

    async def fetch(self, block_hash: BlockHash, known: Mapping[Txid, bytes | None] | None = None) -> BlockView | None:
        """A block by its hash, None if the node has never heard of it; not kept. Unavailable when the node is away."""
        raw = await self._chain.block(block_hash)
        return None if raw is None else await self._parsed(block_hash, self._compute.run(view_block, raw, known or {}))

    async def row(self, block_hash: BlockHash) -> IndexedBlock | None:
        """Only the index row of a block, None if the node has never heard of it. Unavailable when the node is away.

        For the initial sync: thousands of parsed transactions that live on would make the garbage collector stop the world
        for a tenth of a second at a time (``bench/reactor.py``).
        """
        raw = await self._chain.block(block_hash)
        return None if raw is None else await self._parsed(block_hash, self._compute.run(index_row, raw))

    async def _parsed(self, block_hash: BlockHash, work: Awaitable[T]) -> T:
        """A block that does not parse is the node's trouble, and may be better after that was mended."""
        try:
            return await work
        except Malformed as error:
            why = f"block {display(block_hash)} does not parse: {error}; bitcoind may be damaged"
            raise Unavailable(why) from error

    def keep(self, view: BlockView) -> None:
        """Remember a block that is about to be looked into."""
        self._last = view
        self._cache.put(("view", view.row.hash), view, view.size)

    async def get(self, block: BlockId) -> BlockView:
        """A block that is in the index; Unavailable when the node cannot give it (away, or pruned)."""
        if self._last is not None and self._last.row.hash == block.hash:
            return self._last
        kept: BlockView | None = self._cache.get(("view", block.hash))
        view = kept or await self.fetch(block.hash)
        if view is None:
            raise Unavailable(f"the node no longer has block {display(block.hash)} at height {block.height}")
        if kept is None:
            self.keep(view)
        return view
