"""The index: one packed row a block, appended and removed only at the tip, so that it always is one chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import fields
from sqlalchemy import Connection, bindparam, delete, func, insert, select

from ...domain.chain import BlockHash, BlockId, IndexedBlock
from ...domain.notification import Entry, Notice
from ...ports import WalletChange
from . import facts, log, payments
from .facts import Counter
from .runner import Runner
from .schema import block as blocks
from .wallets import Changes

NAMES = tuple(field.name for field in fields(IndexedBlock))

TIP = select(blocks.c.height, blocks.c.hash).order_by(blocks.c.height.desc()).limit(1)
HASH_AT = select(blocks.c.hash).where(blocks.c.height == bindparam("at"))
COUNT_AT = select(blocks.c.count).where(blocks.c.height == bindparam("at"))
DIGESTS = (
    select(blocks.c.height, blocks.c.hash, blocks.c.digest)
    .where(blocks.c.height.in_(bindparam("heights", expanding=True)))
    .order_by(blocks.c.height)
)
REMOVE = delete(blocks).where(blocks.c.height == bindparam("at"))
ROWS = (
    select(*(blocks.c[name] for name in NAMES))
    .where(blocks.c.height >= bindparam("first"), blocks.c.height <= bindparam("last"))
    .order_by(blocks.c.height)
)
BOUNDS = select(
    select(func.min(blocks.c.height)).scalar_subquery(),
    select(func.max(blocks.c.height)).scalar_subquery(),
)


class DatabaseIndex:
    """The ``IndexStore``."""

    def __init__(self, runner: Runner, changes: Changes, now: Callable[[], float]) -> None:
        self._runner = runner
        self._changes = changes
        self._now = now

    async def tip(self) -> BlockId | None:
        """The highest block indexed."""
        return await self._runner.read(_tip)

    async def hash_at(self, height: int) -> BlockHash | None:
        """The indexed block at a height, if there is one."""
        return await self._runner.read(lambda connection: _hash_at(connection, height))

    async def append_block(self, block: IndexedBlock, notices: Sequence[Notice]) -> list[Entry]:
        """Store the next block and what is told of it. ValueError unless it follows the tip."""
        at = int(self._now())

        def work(connection: Connection) -> list[Entry]:
            _append(connection, [block])
            entries = log.record(connection, self._changes.of_known(connection, notices), at)
            return entries + payments.risen(connection, at)

        return await self._runner.write(work)

    async def append_blocks(self, blocks: Sequence[IndexedBlock]) -> None:
        """Store consecutive blocks of the initial sync, all or none. ValueError unless each follows the one before."""
        if blocks:
            await self._runner.write(lambda connection: _append(connection, blocks))

    async def disconnect_tip(
        self, block: BlockId, changes: Sequence[WalletChange], notices: Sequence[Notice]
    ) -> list[Entry]:
        """Remove the highest block, change the wallets that had seen it, and log what is told. ValueError if it is not the tip."""
        at = int(self._now())

        def work(connection: Connection) -> list[Entry]:
            _remove(connection, block)
            self._changes.apply(connection, changes)
            entries = log.record(connection, self._changes.of_known(connection, notices), at)
            return entries + payments.follow(connection, changes, at) + payments.fallen(connection, at)

        return await self._runner.write(work)

    async def rows(self, first: int, last: int) -> list[IndexedBlock]:
        """The blocks ``first``…``last`` that are indexed, ascending: one chain, as it was at one moment."""
        span = {"first": first, "last": last}
        return await self._runner.read(
            lambda connection: [IndexedBlock(*row) for row in connection.execute(ROWS, span)]
        )

    async def bounds(self) -> tuple[int, int] | None:
        """The lowest and the highest height indexed."""
        return await self._runner.read(_bounds)

    async def totals(self) -> tuple[int, int]:
        """How many blocks and how many tweaks the index holds, kept as running totals."""
        return await self._runner.read(
            lambda connection: (facts.value(connection, Counter.BLOCKS), facts.value(connection, Counter.TWEAKS))
        )

    async def digests(self, heights: Sequence[int]) -> list[tuple[BlockId, bytes]]:
        """The blocks indexed at these heights, ascending, each with its digest; the packed columns are not read."""

        def work(connection: Connection) -> list[tuple[BlockId, bytes]]:
            rows = connection.execute(DIGESTS, {"heights": list(heights)})
            return [(BlockId(row[0], BlockHash(row[1])), row[2]) for row in rows]

        return await self._runner.read(work)


def _tip(connection: Connection) -> BlockId | None:
    row = connection.execute(TIP).one_or_none()
    return row and BlockId(row[0], BlockHash(row[1]))


def _hash_at(connection: Connection, height: int) -> BlockHash | None:
    found = connection.execute(HASH_AT, {"at": height}).scalar_one_or_none()
    return found and BlockHash(found)


def _bounds(connection: Connection) -> tuple[int, int] | None:
    lowest, highest = connection.execute(BOUNDS).one()
    return None if lowest is None else (lowest, highest)


def _append(connection: Connection, new: Sequence[IndexedBlock]) -> None:
    tip = _tip(connection)
    for item in new:
        if tip is not None and (item.height, item.prev_hash) != (tip.height + 1, tip.hash):
            raise ValueError(f"block {item.height} does not follow the block at {tip.height}")
        tip = item.id
    connection.execute(insert(blocks), [{name: getattr(item, name) for name in NAMES} for item in new])
    _count(connection, len(new), sum(item.count for item in new))


def _remove(connection: Connection, block: BlockId) -> None:
    if _tip(connection) != block:
        raise ValueError(f"block {block.height} is not the tip of the index")
    tweaks: int = connection.execute(COUNT_AT, {"at": block.height}).scalar_one()
    connection.execute(REMOVE, {"at": block.height})
    _count(connection, -1, -tweaks)


def forget_all(connection: Connection) -> tuple[int, int]:
    """Remove every row, and with them what the wallets were scanned against; how many blocks and tweaks those were."""
    gone = facts.value(connection, Counter.BLOCKS), facts.value(connection, Counter.TWEAKS)
    connection.execute(delete(blocks))
    facts.set_value(connection, Counter.BLOCKS, 0)
    facts.set_value(connection, Counter.TWEAKS, 0)
    return gone


def _count(connection: Connection, more_blocks: int, more_tweaks: int) -> None:
    facts.advance(connection, Counter.BLOCKS, more_blocks)
    facts.advance(connection, Counter.TWEAKS, more_tweaks)
