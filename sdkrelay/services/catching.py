"""Catching up: wallets that are behind the index are taken along it, stretch by stretch, beside the live work.

One stretch at a time is computed, in turn with the scans on request, so that every wallet that is behind makes progress and
a new block waits for a second at most.
"""

from __future__ import annotations

from twisted.logger import Logger

from ..domain.chain import BlockHash, BlockId, IndexedBlock
from ..ports import Clock, IndexStore, Lock, Tasks, Unavailable
from .stepping import Stepper, Stretch, read_stretch
from .watching import Progress, Step, Watch, Watched

log = Logger()

#: Seconds until a wallet whose block or database cannot be had is tried again.
PAUSE = 2.0


class CatchingUp:
    """Takes wallets that are behind to the tip; each has a task of its own while it is behind."""

    def __init__(
        self, index: IndexStore, watch: Watch, stepper: Stepper, turn: Lock, tasks: Tasks, clock: Clock
    ) -> None:
        self._index = index
        self._watch = watch
        self._stepper = stepper
        self._tasks = tasks
        self._clock = clock
        self._turn = turn

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
                await self._report(watched, first, self._clock.monotonic() - started)
        finally:
            watched.catching = None

    async def _again(self, watched: Watched) -> bool:
        try:
            return await self._stretch(watched)
        except Unavailable as reason:
            log.warn("wallet {id} waits at {height}: {reason}", **_place(watched), reason=str(reason))
            await self._tasks.sleep(PAUSE)
            return True

    async def _stretch(self, watched: Watched) -> bool:
        """One stretch; whether there may be more."""
        tip, cursor, keys = await self._index.tip(), watched.wallet.cursor, watched.keys
        if tip is None or watched.gone:
            return False
        async with self._turn:
            rows = await read_stretch(self._index, cursor.height + 1, tip.height)
            stretch = await self._stepper.prepare(keys, rows)
        async with watched.lock:
            if watched.gone:
                return False
            if watched.wallet.cursor != cursor or watched.keys is not keys:
                return True
            if rows and not await self._fits(watched, rows):
                return await self._anchor(watched)
            return await self._settle(watched, stretch)

    async def _settle(self, watched: Watched, stretch: Stretch) -> bool:
        """Take the wallet over the stretch; at the tip, bring it to what the mempool holds. Its lock is held."""
        tip = await self._index.tip()
        if tip is None:
            return False
        if stretch.rows:
            draft = watched.draft()
            await self._stepper.draft(draft, watched.keys, stretch, tip.height)
            await self._watch.settle([Step(watched, draft, stretch.rows[-1].id)])
        if watched.wallet.cursor.height < tip.height:
            return True
        await self._watch.refresh(watched)
        return False

    async def _fits(self, watched: Watched, rows: list[IndexedBlock]) -> bool:
        """Whether the rows still are the index, and go on where the wallet is."""
        return watched.follows(rows[0]) and await self._index.hash_at(rows[-1].height) == rows[-1].hash

    async def _anchor(self, watched: Watched) -> bool:
        """The index changed under the wallet; one whose cursor is on no indexed block starts again at its birthday."""
        cursor = watched.wallet.cursor
        if cursor.hash and await self._index.hash_at(cursor.height) != cursor.hash:
            log.warn("wallet {id} at {height} is not on the indexed chain: scanned again", **_place(watched))
            start = BlockId(watched.wallet.birthday - 1, BlockHash(b""))
            await self._watch.settle([Step(watched, watched.draft(), start)])
        return True

    async def _report(self, watched: Watched, first: int, seconds: float) -> None:
        """Say how far the wallet is, to whoever registered it."""
        tip = await self._index.tip()
        if watched.progress is None or tip is None:
            return
        done = watched.wallet.cursor.height
        rate = (done - first + 1) / seconds if seconds > 0 else None
        remaining = (tip.height - done) / rate if rate else None
        watched.progress(Progress(first, max(tip.height, done), done, rate, remaining))


def _place(watched: Watched) -> dict[str, object]:
    return {"id": watched.wallet.wallet_id, "height": watched.wallet.cursor.height}
