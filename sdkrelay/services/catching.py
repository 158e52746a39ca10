"""Catching up: wallets that are behind the index are taken along it, stretch by stretch, beside the live work.

One stretch at a time is computed, in turn with the scans on request, so that every wallet that is behind makes progress and
a new block waits for a second at most.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve
from twisted.logger import Logger

from ..domain.chain import BlockHash, BlockId, IndexedBlock
from ..ports import Clock, IndexStore, Stale, Tasks, Unavailable
from .matching import Turns
from .stepping import Stepper, Stretch, read_stretch
from .watching import Progress, Step, Watch, Watched

log = Logger()

#: Seconds until a wallet whose block or database cannot be had is tried again.
PAUSE = 2.0


class CatchingUp:
    """Takes wallets that are behind to the tip; each has a task of its own while it is behind."""

    def __init__(
        self, index: IndexStore, watch: Watch, stepper: Stepper, turns: Turns, tasks: Tasks, clock: Clock
    ) -> None:
        self._index = index
        self._watch = watch
        self._stepper = stepper
        self._turns = turns
        self._tasks = tasks
        self._clock = clock

    def ensure(self, tip_height: int) -> None:
        """Start a task for every wallet that is behind and has none."""
        for watched in self._watch.all():
            if watched.wallet.cursor.height < tip_height and watched.catching is None:
                self.start(watched)

    def start(self, watched: Watched) -> None:
        """Take this wallet along from its cursor, at once."""
        if watched.catching is None:
            watched.catching = self._tasks.start("catching up a wallet", self._run(watched))

    async def stop(self) -> None:
        """End all tasks; wallets go on from their cursors next time."""
        for watched in self._watch.all():
            task = watched.catching
            if task is not None:
                task.cancel()
                await task.wait()

    async def _run(self, watched: Watched) -> None:
        await self._tasks.sleep(0)  # so that ``catching`` is set before it can be cleared
        started, first = self._clock.monotonic(), watched.wallet.cursor.height + 1
        try:
            more = True
            while more:
                more = await self._again(watched)
                await self._report(watched, first, self._clock.monotonic() - started, arrived=not more)
        finally:
            watched.catching = watched.progress = None

    async def _again(self, watched: Watched) -> bool:
        """One stretch, or the arrival; whether there may be more."""
        try:
            tip = await self._index.tip()
            if tip is None or watched.gone:
                return False
            if watched.wallet.cursor.height >= tip.height:
                return await self._arrive(watched, tip)
            return await self._stretch(watched, tip)
        except Stale:
            return True
        except Unavailable as reason:
            log.warn("wallet {id} waits at {height}: {reason}", **_place(watched), reason=str(reason))
            await self._tasks.sleep(PAUSE)
            return True

    async def _stretch(self, watched: Watched, tip: BlockId) -> bool:
        """The next stretch of the index, a few looked-into blocks at a time."""
        keys, cursor = watched.keys, watched.wallet.cursor

        async def prepare() -> Stretch:
            rows = await read_stretch(self._index, keys, cursor.height + 1, tip.height)
            return await self._stepper.prepare(keys, rows)

        stretch = await self._turns.take(prepare)
        if not stretch.rows or not watched.follows(stretch.rows[0]):
            return await self._anchor(watched)
        number = 0
        while number < len(stretch.rows) and watched.keys is keys and watched.follows(stretch.rows[number]):
            number = await self._advance(watched, stretch, number, tip)
        return True

    async def _advance(self, watched: Watched, stretch: Stretch, number: int, tip: BlockId) -> int:
        """From one block of the stretch as far as goes in one step; where the next step begins.

        Blocks are fetched and looked into without the wallet's lock; if its holdings changed meanwhile, once more with it,
        for the blocks are at hand then.
        """
        keys, version, draft = watched.keys, watched.holdings.version, watched.draft()
        done = await self._stepper.draft(draft, keys, stretch, tip.height, number)
        async with watched.lock:
            if watched.keys is not keys or not await self._fits(watched, stretch.rows[number:]):
                return len(stretch.rows)
            if watched.holdings.version != version:
                draft = watched.draft()
                done = await self._stepper.draft(draft, keys, stretch, tip.height, number)
            await self._watch.settle([Step(watched, draft, stretch.rows[done - 1].id)])
        return done

    async def _fits(self, watched: Watched, rows: Sequence[IndexedBlock]) -> bool:
        """Whether the rows are still indexed, and go on where the wallet is."""
        follows = not watched.gone and watched.follows(rows[0])
        return follows and await self._index.hash_at(rows[-1].height) == rows[-1].hash

    async def _arrive(self, watched: Watched, tip: BlockId) -> bool:
        """At the tip: drop what is on no indexed block, and bring the wallet to what the mempool holds."""
        keys = watched.keys
        if not watched.is_at(tip) and watched.wallet.cursor.hash:
            return await self._anchor(watched)
        await self._watch.scan_mempool(watched)
        strays = await self._strays(watched)
        async with watched.lock:
            if watched.gone:
                return False
            if watched.wallet.cursor.height < tip.height or watched.keys is not keys:
                return True
            await self._watch.settle([self._without(watched, strays)])
            await self._watch.refresh(watched)
        return False

    async def _anchor(self, watched: Watched) -> bool:
        """The index does not go on where the wallet is: it starts where the index does, or again at its birthday."""
        async with watched.lock:
            bounds, cursor = await self._index.bounds(), watched.wallet.cursor
            start = None
            if bounds is not None and cursor.height + 1 < bounds[0]:
                start = bounds[0] - 1
            elif cursor.hash and await self._index.hash_at(cursor.height) != cursor.hash:
                start = watched.wallet.birthday - 1
            if start is not None:
                log.warn("wallet {id} at {height} is not on the indexed chain: scanned again", **_place(watched))
                step = self._without(watched, await self._strays(watched))
                await self._watch.settle([evolve(step, cursor=BlockId(start, BlockHash(b"")))])
        await self._tasks.sleep(0.1)
        return True

    async def _strays(self, watched: Watched) -> list[BlockId]:
        """Blocks that outputs of the wallet are in, and that the index does not hold, the highest first."""
        blocks = sorted(watched.holdings.blocks(), reverse=True)
        return [block for block in blocks if await self._index.hash_at(block.height) != block.hash]

    def _without(self, watched: Watched, strays: list[BlockId]) -> Step:
        """A step that undoes these blocks for the wallet."""
        step = Step(watched, watched.draft())
        for block in strays:
            step.draft.disconnected(block, int(self._clock.now()))
        return step

    async def _report(self, watched: Watched, first: int, seconds: float, arrived: bool) -> None:
        """Say how far the wallet is, to whoever registered it; blocks indexed since it arrived are not what it waited for."""
        tip = await self._index.tip()
        if watched.progress is None or tip is None:
            return
        done = watched.wallet.cursor.height
        rate = (done - first + 1) / seconds if seconds > 0 else None
        remaining = (tip.height - done) / rate if rate else None
        target = done if arrived else max(tip.height, done)
        watched.progress(Progress(first, target, done, rate, 0.0 if arrived else remaining))


def _place(watched: Watched) -> dict[str, object]:
    return {"id": watched.wallet.wallet_id, "height": watched.wallet.cursor.height}
