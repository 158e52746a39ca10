"""Whether what the index holds may be undone for what the node says: a reorganisation, or another chain altogether?

An index is hours of work and holds what wallets were told. A node that was given a new data folder, that loads its chain
again, or that follows another chain of the same name must not make it go away.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..domain.chain import BlockId
from ..ports import Chain, IndexStore, Unavailable

#: The deepest reorganisation (a week of mainnet) that is followed without asking an operator.
DEEPEST = 1_000
#: The longest stride in which a common block is looked for.
STRIDE = 100


class Forks:
    """Looks for a block that node and index have in common; the last one found is remembered."""

    def __init__(self, chain: Chain, index: IndexStore, deepest: int = DEEPEST) -> None:
        self.deepest = deepest
        self._chain = chain
        self._index = index
        self._common: BlockId | None = None

    async def check(self, tip: BlockId, node: BlockId) -> None:
        """Return if the index may be undone from its tip towards the node's chain; Unavailable, with what to do, if not."""
        if node.height < tip.height and await self._is_loading():
            raise Unavailable(f"bitcoind is loading the chain: at height {node.height}, the index is at {tip.height}")
        if self._common is None or not await self._is_common(self._common):
            self._common = await self._search(tip, node)

    async def _search(self, tip: BlockId, node: BlockId) -> BlockId | None:
        bounds = await self._index.bounds()
        lowest = bounds[0] if bounds else tip.height
        for height in _downwards(min(tip.height, node.height), max(lowest, tip.height - self.deepest)):
            ours = await self._index.hash_at(height)
            if ours is not None and await self._is_common(BlockId(height, ours)):
                return BlockId(height, ours)
        if tip.height - lowest < self.deepest and await self._builds_on_common(lowest):
            return None
        raise Unavailable(
            f"bitcoind (height {node.height}) and the index (height {tip.height}) have none of the last {self.deepest} blocks in"
            " common: if this is the right node, stop the relay and run `sdkrelay reindex`"
        )

    async def _is_common(self, block: BlockId) -> bool:
        ours = await self._index.hash_at(block.height)
        return ours == block.hash == await self._chain.hash_at(block.height)

    async def _builds_on_common(self, lowest: int) -> bool:
        """Whether the whole index, young as it is, builds on a block of the node's."""
        first = await self._index.rows(lowest, lowest)
        return lowest > 0 and await self._chain.hash_at(lowest - 1) == first[0].prev_hash

    async def _is_loading(self) -> bool:
        info = await self._chain.info()
        return bool(info["blockchain_info"]["initialblockdownload"])


def _downwards(top: int, floor: int) -> Iterator[int]:
    """Heights from the top down in growing strides, the floor in any case."""
    stride = 1
    while top > floor:
        yield top
        top, stride = top - stride, min(2 * stride, STRIDE)
    yield floor
