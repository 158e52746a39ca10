"""The relay's main loop: the chain first, then the wallets that are behind, then the mempool; again at every hint.

Hints from the node only say when to look. Whatever fails is shown, logged once, and tried again; nothing ends the loop
but its owner.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from attrs import frozen
from twisted.logger import Logger

from ..domain.chain import BlockId, Txid
from ..ports import (
    Cancelled,
    Chain,
    Clock,
    Hint,
    MempoolAdded,
    MempoolRemoved,
    MempoolUnknown,
    Store,
    Task,
    Tasks,
    Unavailable,
)
from .catching import CatchingUp
from .indexing import Indexing
from .mempool import TOGETHER, Mempool
from .watching import Watch

log = Logger()

#: Seconds between two looks without a hint.
LOOK_EVERY = 5.0
#: Seconds after which the whole mempool is compared again, hints or not.
COMPARE_EVERY = 600.0
#: More waiting hints than this are dropped; the whole mempool is compared instead.
MOST_HINTS = 20_000
#: Seconds between two clean-ups of the log.
PRUNE_EVERY = 3600.0


@frozen
class Retention:
    """How long notifications are kept for replay: seconds, and how many at most."""

    seconds: int
    entries: int


class Following:
    """Keeps index, wallets and mempool at what the node says."""

    def __init__(
        self,
        chain: Chain,
        store: Store,
        indexing: Indexing,
        watch: Watch,
        catching: CatchingUp,
        mempool: Mempool,
        retention: Retention,
        tasks: Tasks,
        clock: Clock,
    ) -> None:
        self._chain = chain
        self._store = store
        self._indexing = indexing
        self._watch = watch
        self._catching = catching
        self._mempool = mempool
        self._retention = retention
        self._tasks = tasks
        self._clock = clock
        self._hints: deque[MempoolAdded | MempoolRemoved] = deque()
        self._wake = tasks.event()
        self._task: Task | None = None
        self._compare_at = 0.0
        self._prune_at = 0.0

    def start(self) -> None:
        """Begin to follow."""
        self._task = self._tasks.start("following the chain", self._run())

    async def stop(self) -> None:
        """End after the step in hand; everything goes on from the store next time."""
        if self._task is not None:
            self._task.cancel()
            await self._task.wait()
        await self._catching.stop()

    def needed_height(self, start_height: int) -> int:
        """The lowest block that will still be asked for: the index's next, or one that a wallet has yet to pass."""
        height = self._indexing.height
        behind = [watched.wallet.cursor.height + 1 for watched in self._watch.all()]
        return min([start_height if height is None else height + 1, *behind])

    def hint(self, hint: Hint) -> None:
        """The node has news."""
        if isinstance(hint, MempoolAdded | MempoolRemoved):
            self._hints.append(hint)
        elif isinstance(hint, MempoolUnknown):
            self._lose_hints()
        if len(self._hints) > MOST_HINTS:
            self._lose_hints()
        self._wake.set()

    def _lose_hints(self) -> None:
        self._hints.clear()
        self._mempool.lost()

    async def _run(self) -> None:
        while True:
            try:
                await self._round()
            except Cancelled:
                raise
            except Unavailable as reason:
                self._fail(str(reason))
            except Exception:
                log.failure("a step of following the chain failed")
                self._fail("an internal error; see the log")
            await self._wake.wait(LOOK_EVERY)

    def _fail(self, why: str) -> None:
        """A round was broken off; hints that it had taken may be lost with it."""
        self._indexing.stalled(why)
        self._lose_hints()

    async def _round(self) -> None:
        await self._follow()
        await self._compare_mempool()
        while self._hints:
            await self._take_hints()
            await self._follow()
        await self._settle_doubts()
        await self._prune()

    async def _follow(self) -> None:
        """The index to the node's tip, and every wallet that is behind on its way."""
        more = True
        while more:
            more = await self._indexing.step()
            self._hints.extend(MempoolAdded(txid) for txid in (self._mempool.again() if more else ()))
            tip = await self._store.index.tip()
            if tip is not None:
                self._catching.ensure(tip.height)
        if self._indexing.reorganised:
            self._indexing.reorganised = False
            await self._refresh()

    async def _refresh(self) -> None:
        """After a reorganisation: what went back into the mempool is unconfirmed again."""
        for watched in self._watch.all():
            if watched.catching is None:
                await self._watch.scan_mempool(watched)
                async with watched.lock:
                    await self._watch.refresh(watched)

    async def _compare_mempool(self) -> None:
        if self._clock.monotonic() >= self._compare_at:
            self._mempool.lost()
        if self._mempool.complete:
            return
        losses = self._mempool.losses
        missing = await self._mempool.missing()
        for start in range(0, len(missing), TOGETHER):
            await self._see(missing[start : start + TOGETHER])
            await self._follow()
        self._mempool.complete = losses == self._mempool.losses
        self._compare_at = self._clock.monotonic() + COMPARE_EVERY

    async def _take_hints(self) -> None:
        """A bunch of hints, in order: a transaction that came and went is not fetched."""
        added: dict[Txid, None] = {}
        while self._hints and len(added) < TOGETHER:
            hint = self._hints.popleft()
            if isinstance(hint, MempoolAdded):
                added[hint.txid] = None
            else:
                added.pop(hint.txid, None)
                self._mempool.forget(hint.txid)
        await self._see(added)

    async def _see(self, txids: Iterable[Txid]) -> None:
        seen = await self._mempool.fetch(txids)
        try:
            if seen and len(self._watch):
                await self._watch.seen(seen)
        except Exception:
            for entry in seen:
                self._mempool.forget(entry.transaction.txid)
            raise

    async def _settle_doubts(self) -> None:
        """What was told as unconfirmed and is in the mempool no more was evicted, unless a block has just taken it."""
        tip = await self._store.index.tip()
        if not self._mempool.complete or tip is None:
            return
        for txid in self._watch.doubtful(tip):
            if await self._is_evicted(txid, tip):
                await self._watch.evict(txid)

    async def _is_evicted(self, txid: Txid, tip: BlockId) -> bool:
        before = await self._chain.tip()
        gone = await self._mempool.is_gone(txid)
        return gone and before == tip == await self._chain.tip()

    async def _prune(self) -> None:
        if self._clock.monotonic() < self._prune_at:
            return
        self._prune_at = self._clock.monotonic() + PRUNE_EVERY
        gone = await self._store.log.prune(int(self._clock.now()) - self._retention.seconds, self._retention.entries)
        if gone:
            log.info("forgot {count} notifications older than the retention", count=gone)
