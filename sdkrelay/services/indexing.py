"""Following the best chain: the index is brought to the node's tip block by block, through every reorganisation.

The node is the truth and is asked again at each step; a block is only appended to the one it builds on. A tip that is
not on the node's best chain is undone first, one block at a time, each in one transaction with what that tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from twisted.logger import Logger

from ..domain.chain import BlockId, IndexedBlock, display
from ..domain.notification import BlockData, DisconnectData, Kind, Notice, Topic
from ..domain.status import CatchingUp, IndexerCondition, Live, Stalled, Starting
from ..ports import Chain, Clock, IndexStore, Tasks
from .blocks import Blocks, BlockView
from .forks import Forks
from .hub import Hub
from .mempool import Mempool
from .watching import Watch

log = Logger()
T = TypeVar("T")

#: Further behind than this (a week of mainnet) blocks are indexed in batches and not told one by one.
BULK_DISTANCE = 1_000
#: Blocks in a batch: fetched beside each other, stored together.
BATCH = 24
#: Seconds between two lines of progress in the log.
REPORT_EVERY = 10.0


class Indexing:
    """Brings the index to the node's tip; ``condition`` says how far it is."""

    def __init__(
        self,
        chain: Chain,
        index: IndexStore,
        blocks: Blocks,
        watch: Watch,
        mempool: Mempool,
        hub: Hub,
        tasks: Tasks,
        clock: Clock,
        start_height: int,
    ) -> None:
        self._chain = chain
        self._index = index
        self._blocks = blocks
        self._watch = watch
        self._mempool = mempool
        self._hub = hub
        self._tasks = tasks
        self._clock = clock
        self._start_height = start_height
        self._pace = _Pace(clock)
        self.condition: IndexerCondition = Starting()
        self._forks = Forks(chain, index)
        self.reorganised = False
        self.height: int | None = None

    async def step(self) -> bool:
        """One step towards the node's tip; False when there. Unavailable when node or store cannot."""
        tip = await self._index.tip()
        self.height = None if tip is None else tip.height
        node = await self._chain.tip()
        if tip is not None and not await self._holds(tip, node):
            await self._forks.check(tip, node)
            await self._undo(tip)
            return True
        if tip == node or node.height < self._start_height:
            self._arrived(node)
            return False
        first = self._start_height if tip is None else tip.height + 1
        return await self._extend(tip, first, node)

    def stalled(self, why: str) -> None:
        """No progress is possible, and why; remembered from when it began."""
        if not isinstance(self.condition, Stalled) or self.condition.why != why:
            log.warn("indexing waits: {why}", why=why)
            self.condition = Stalled(self._clock.now(), why)

    def _arrived(self, node: BlockId) -> None:
        if not isinstance(self.condition, Live):
            log.info("the index is at the tip, height {height}", height=node.height)
        self.condition = Live(node.height)
        self._pace.reset()

    async def _holds(self, tip: BlockId, node: BlockId) -> bool:
        """Whether our tip is on the node's best chain."""
        return node == tip or (node.height >= tip.height and await self._chain.hash_at(tip.height) == tip.hash)

    async def _undo(self, tip: BlockId) -> None:
        rows = await self._index.rows(tip.height, tip.height)
        row = rows[0]
        previous = BlockId(row.height - 1, row.prev_hash)
        data = DisconnectData(
            block_height=row.height,
            block_hash=display(row.hash),
            previous_block_hash=display(row.prev_hash),
            timestamp=int(self._clock.now()),
        )
        await self._watch.disconnect(row, previous, Notice(Kind.BLOCK_DISCONNECTED, Topic.BLOCKS, data))
        self.reorganised = True
        log.info("block {hash} at height {height} left the best chain", hash=display(row.hash), height=row.height)

    async def _extend(self, tip: BlockId | None, first: int, node: BlockId) -> bool:
        self._pace.started(first)
        if node.height - first < BULK_DISTANCE:
            return await self._extend_by_one(tip, first, node)
        return await self._extend_by_batch(tip, first, node)

    async def _extend_by_one(self, tip: BlockId | None, height: int, node: BlockId) -> bool:
        block_hash = node.hash if height == node.height else await self._chain.hash_at(height)
        view = None if block_hash is None else await self._blocks.fetch(block_hash, self._mempool.tweaks)
        if view is None or (tip is not None and view.row.prev_hash != tip.hash):
            return True
        entries = await self._index.append_block(view.row, [mined(view)])
        self._blocks.keep(view)
        await self._hub.publish(entries)
        await self._watch.connected(view)
        self._mempool.confirmed(view.block)
        self._report(height, node.height)
        return True

    async def _extend_by_batch(self, tip: BlockId | None, first: int, node: BlockId) -> bool:
        rows = _linked(tip, await self._tasks.gather(*[self._row(height) for height in range(first, first + BATCH)]))
        if rows:
            await self._index.append_blocks(rows)
            self._report(rows[-1].height, node.height)
        return True

    async def _row(self, height: int) -> IndexedBlock | None:
        block_hash = await self._chain.hash_at(height)
        return None if block_hash is None else await self._blocks.row(block_hash)

    def _report(self, height: int, target: int) -> None:
        rate = self._pace.rate(height)
        remaining = (target - height) / rate if rate else None
        self.condition = CatchingUp(height, target, rate or 0.0, remaining) if height < target else Live(height)
        if self._pace.is_due():
            log.info(
                "indexed {height} of {target} ({percent:.1f} %), {rate:.0f} blocks a second, {left} left",
                height=height,
                target=target,
                percent=100.0 * height / max(target, 1),
                rate=rate or 0.0,
                left=_duration(remaining),
            )


class _Pace:
    """How fast blocks are indexed, since the index was last at the tip."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reported = clock.monotonic()
        self._start: tuple[float, int] | None = None

    def started(self, height: int) -> None:
        if self._start is None:
            self._start = (self._clock.monotonic(), height)

    def reset(self) -> None:
        self._start = None

    def rate(self, height: int) -> float | None:
        """Blocks a second up to this height, None while there is nothing to go by."""
        if self._start is None:
            return None
        seconds = self._clock.monotonic() - self._start[0]
        return (height - self._start[1] + 1) / seconds if seconds > 0 else None

    def is_due(self) -> bool:
        """Whether it is time for the next line of progress."""
        now = self._clock.monotonic()
        if now - self._reported < REPORT_EVERY:
            return False
        self._reported = now
        return True


def _linked(tip: BlockId | None, rows: Sequence[IndexedBlock | None]) -> list[IndexedBlock]:
    """The leading rows that build on the tip and on each other."""
    linked: list[IndexedBlock] = []
    previous = None if tip is None else tip.hash
    for row in rows:
        if row is None or (previous is not None and row.prev_hash != previous):
            break
        linked.append(row)
        previous = row.hash
    return linked


def mined(view: BlockView) -> Notice:
    header = view.block.header
    data = BlockData(
        block_height=view.row.height,
        block_hash=display(header.hash),
        transactions=view.block.transaction_count,
        size=view.block.size,
        timestamp=header.time,
        difficulty=header.difficulty,
        merkle_root=display(header.merkle_root),
        previous_block_hash=display(header.prev_hash),
        tweaks=view.row.count,
        tweaks_digest=view.row.digest.hex(),
    )
    return Notice(Kind.BLOCK_MINED, Topic.BLOCKS, data)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "unknown time"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
