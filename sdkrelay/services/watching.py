"""The registered wallets, watched: every block and every mempool transaction is looked into for each of them.

A wallet whose cursor is the block before the one that just came is taken along at once; one that is further behind (a
new birthday, a restart, a failed write) catches up beside, by :mod:`.catching`. What a step changes is made durable with
its notices in one transaction, then told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import AsyncExitStack
from itertools import compress

from attrs import define, evolve, frozen

from ..domain.chain import BlockId, IndexedBlock, Txid
from ..domain.notification import Notice
from ..domain.payment import Draft, Holdings, Match, Sighting
from ..domain.wallet import Keys, Wallet
from ..ports import Clock, Lock, Store, Task, Tasks, WalletChange
from .blocks import BlockView
from .hub import Hub
from .matching import Matcher, select
from .mempool import Mempool, Seen
from .stepping import Stepper, draft_block

#: Wallets worked on before the reactor gets its turn.
SLICE = 50
#: Mempool transactions that one wallet is scanned against at a time.
SCANNED_TOGETHER = 1_000
#: Mempool transactions that are looked through before the reactor gets its turn.
LOOKED_THROUGH = 5_000


@frozen
class Progress:
    """How far a scan is: ``block`` is done, of ``from_block``…``to_block``; ``rate`` blocks a second, ``remaining`` seconds."""

    from_block: int
    to_block: int
    block: int
    rate: float | None
    remaining: float | None


@define(eq=False)
class Watched:
    """A wallet with what was found for it; whoever changes it holds ``lock``. ``gone`` once it was unregistered."""

    wallet: Wallet
    holdings: Holdings
    lock: Lock
    catching: Task | None = None
    progress: Callable[[Progress], None] | None = None
    gone: bool = False

    @property
    def keys(self) -> Keys:
        return self.wallet.keys

    def draft(self) -> Draft:
        """An empty draft for this wallet."""
        return Draft(self.holdings, self.wallet.wallet_id, self.wallet.address)

    def follows(self, row: IndexedBlock) -> bool:
        """Whether this block is the next one for the wallet."""
        cursor = self.wallet.cursor
        return cursor.height == row.height - 1 and cursor.hash in (b"", row.prev_hash)

    def is_at(self, block: BlockId) -> bool:
        """Whether everything up to this block was looked into for the wallet; a new one has no block's hash yet."""
        cursor = self.wallet.cursor
        return cursor.height == block.height and cursor.hash in (b"", block.hash)

    def loses(self, block: BlockId) -> bool:
        """Whether the wallet goes back with this block; a new one does, lest a payment in the block's successor be missed."""
        cursor = self.wallet.cursor
        return cursor == block or (not cursor.hash and cursor.height >= block.height)


@frozen
class Step:
    """A draft to settle for a wallet, and its new cursor if it moves."""

    watched: Watched
    draft: Draft
    cursor: BlockId | None = None

    @property
    def change(self) -> WalletChange:
        return WalletChange(self.watched.wallet.wallet_id, self.draft.outputs, self.cursor)

    def absorb(self) -> None:
        """The store has it: take it over."""
        self.watched.holdings.absorb(self.draft.outputs)
        if self.cursor is not None:
            self.watched.wallet = evolve(self.watched.wallet, cursor=self.cursor)


class Watch:
    """All watched wallets, and the steps that concern them together."""

    def __init__(
        self, store: Store, hub: Hub, matcher: Matcher, stepper: Stepper, mempool: Mempool, tasks: Tasks, clock: Clock
    ) -> None:
        self._store = store
        self._hub = hub
        self._matcher = matcher
        self._stepper = stepper
        self._mempool = mempool
        self._tasks = tasks
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self.on_change: Callable[[Watched], None] = lambda watched: None

    def all(self) -> list[Watched]:
        """Every watched wallet, as registered."""
        return list(self._watched.values())

    def __len__(self) -> int:
        return len(self._watched)

    def get(self, wallet_id: str) -> Watched | None:
        """A watched wallet by its id."""
        return self._watched.get(wallet_id)

    async def add(self, wallet: Wallet) -> Watched:
        """Watch a wallet that the store holds, with what was found for it before."""
        holdings = Holdings(await self._store.wallets.outputs(wallet.wallet_id))
        watched = Watched(wallet, holdings, self._tasks.lock())
        self._watched[wallet.wallet_id] = watched
        self.on_change(watched)
        return watched

    def remove(self, watched: Watched) -> None:
        """Watch a wallet no more; its lock is held by the caller."""
        watched.gone = True
        self._watched.pop(watched.wallet.wallet_id, None)
        self._mempool.forget_wallet(watched.wallet.wallet_id)

    def change(self, watched: Watched, wallet: Wallet) -> None:
        """The wallet has other labels, birthday or cursor now; its lock is held by the caller."""
        if wallet.keys != watched.wallet.keys:
            self._mempool.forget_wallet(wallet.wallet_id)
        watched.wallet = wallet
        self.on_change(watched)

    async def settle(self, steps: Sequence[Step]) -> None:
        """Make steps durable together, take them over, and tell of them. Unavailable when the store cannot write.

        An output that changes while the mempool already spends it is spent with that.
        """
        for step in steps:
            self._spend_in_mempool(step.draft, {output.outpoint for output in step.draft.outputs})
        steps = [step for step in steps if not step.watched.gone and (step.cursor or step.draft.outputs)]
        if not steps:
            return
        notices = [notice for step in steps for notice in step.draft.notices]
        entries = await self._store.wallets.settle([step.change for step in steps], notices)
        for step in steps:
            step.absorb()
        await self._hub.publish(entries)

    async def connected(self, view: BlockView) -> None:
        """A block was indexed: take along every wallet that was at the block before it."""
        async with AsyncExitStack() as locks:
            locked = [watched for watched in self.all() if watched.follows(view.row)]
            for watched in locked:
                await locks.enter_async_context(watched.lock)
            following = [watched for watched in locked if watched.follows(view.row) and not watched.gone]
            matches = await self._match_block(following, view)
            steps = []
            for watched, found in zip(following, matches, strict=True):
                steps.append(Step(watched, watched.draft(), view.id))
                draft_block(steps[-1].draft, view, found, view.id.height)
            await self.settle(steps)

    async def disconnect(self, block: IndexedBlock, previous: BlockId, notice: Notice) -> None:
        """Undo the highest block of the index, for every wallet too, and tell of it."""
        now = int(self._clock.now())
        async with AsyncExitStack() as locks:
            steps = [
                Step(watched, watched.draft(), previous if watched.loses(block.id) else None)
                for watched in await self._locked(locks)
            ]
            for step in steps:
                step.draft.disconnected(block.id, now)
            steps = [step for step in steps if step.cursor or step.draft.outputs]
            notices = [notice, *(one for step in steps for one in step.draft.notices)]
            entries = await self._store.index.disconnect_tip(block.id, [step.change for step in steps], notices)
            for step in steps:
                step.absorb()
        await self._hub.publish(entries)

    async def seen(self, entries: Sequence[Seen]) -> None:
        """Transactions came into the mempool: scan every wallet against them and tell what they pay and spend."""
        await self._scan(self.all(), entries)
        async with AsyncExitStack() as locks:
            steps = [Step(watched, watched.draft()) for watched in await self._locked(locks)]
            for number, step in enumerate(steps):
                self._draft_mempool(step, entries)
                if number % SLICE == SLICE - 1:
                    await self._tasks.sleep(0)
            await self.settle(steps)

    async def scan_mempool(self, watched: Watched) -> None:
        """Scan a wallet against what the mempool holds, a piece at a time; needs no lock."""
        unscanned = self._mempool.unscanned(watched.wallet.wallet_id)
        for start in range(0, len(unscanned), SCANNED_TOGETHER):
            await self._scan([watched], unscanned[start : start + SCANNED_TOGETHER])

    async def refresh(self, watched: Watched) -> None:
        """Bring a wallet that has caught up, or was reorganised, to what the mempool holds; its lock is held by the caller."""
        step = Step(watched, watched.draft())
        entries = list(self._mempool.seen.values())
        for start in range(0, len(entries), LOOKED_THROUGH):
            self._draft_mempool(step, entries[start : start + LOOKED_THROUGH])
            await self._tasks.sleep(0)
        self._spend_in_mempool(step.draft, watched.holdings.outputs.keys())
        await self.settle([step])

    def doubtful(self, tip: BlockId) -> set[Txid]:
        """Transactions told as unconfirmed to wallets that are at the tip, and not in the (complete) view of the mempool."""
        live = [watched for watched in self._watched.values() if watched.is_at(tip)]
        told = {txid for watched in live for txid in watched.holdings.unconfirmed()}
        return told - self._mempool.seen.keys()

    async def evict(self, txid: Txid) -> None:
        """A transaction left the mempool for good: orphan what it paid, undo what it spent."""
        now = int(self._clock.now())
        for watched in list(self._watched.values()):
            if txid in watched.holdings.unconfirmed():
                async with watched.lock:
                    step = Step(watched, watched.draft())
                    step.draft.evicted(txid, now)
                    await self.settle([step])

    async def _scan(self, wallets: Sequence[Watched], entries: Sequence[Seen]) -> None:
        """Scan wallets against transactions; of a wallet whose keys changed meanwhile nothing is noted."""
        eligible = [entry for entry in entries if entry.tweak]
        pairs = [(entry.tweak, entry.transaction) for entry in eligible if entry.tweak]
        if not pairs or not wallets:
            return
        keys = [watched.keys for watched in wallets]
        found = await self._matcher.transactions(keys, pairs)
        valid = [watched.keys is one and not watched.gone for watched, one in zip(wallets, keys, strict=True)]
        for watched, matches in compress(zip(wallets, found, strict=True), valid):
            for row, matched in matches.items():
                eligible[row].matches[watched.wallet.wallet_id] = matched
        scanned = frozenset(watched.wallet.wallet_id for watched in compress(wallets, valid))
        shared: dict[frozenset[str], frozenset[str]] = {}
        for entry in eligible:
            entry.wallets = shared.setdefault(entry.wallets, entry.wallets | scanned)

    def _spend_in_mempool(self, draft: Draft, outpoints: Set[bytes]) -> None:
        for outpoint in sorted(outpoints & self._mempool.spends.keys()):
            draft.spent(self._mempool.spends[outpoint], Sighting(None, int(self._clock.now())))

    def _draft_mempool(self, step: Step, entries: Iterable[Seen]) -> None:
        wallet_id, draft = step.watched.wallet.wallet_id, step.draft
        for entry in entries:
            if wallet_id not in entry.matches and not draft.concerns(entry.prefixes, entry.outpoints):
                continue
            sighting = Sighting(None, entry.time)
            step.draft.found(entry.transaction, entry.matches.get(wallet_id, ()), sighting)
            for spend in entry.spends:
                step.draft.spent(spend, sighting)

    async def _match_block(self, wallets: Sequence[Watched], view: BlockView) -> list[dict[Txid, list[Match]]]:
        """What the block pays each wallet; rows scanned in the mempool are taken from there."""
        groups = self._groups(view)
        fresh = [self._fresh_groups(watched, groups) for watched in wallets]
        rows = {chosen: sorted(row for group in chosen for row in groups[group]) for chosen in set(fresh)}
        columns = {chosen: select(view.row, rows[chosen]) for chosen in rows}
        hits = await self._matcher.block([watched.keys for watched in wallets], [columns[chosen] for chosen in fresh])
        known = self._known_matches(view)
        return [
            await self._stepper.match(watched.keys, view, [rows[chosen][hit] for hit in found])
            | known.get(watched.wallet.wallet_id, {})
            for watched, chosen, found in zip(wallets, fresh, hits, strict=True)
        ]

    def _groups(self, view: BlockView) -> dict[frozenset[str], list[int]]:
        """The block's rows by the wallets that were scanned against them in the mempool."""
        groups: dict[frozenset[str], list[int]] = {}
        for row in range(view.row.count):
            entry = self._mempool.seen.get(Txid(view.row.txids[32 * row : 32 * row + 32]))
            groups.setdefault(entry.wallets if entry else frozenset(), []).append(row)
        return groups

    def _known_matches(self, view: BlockView) -> dict[str, dict[Txid, list[Match]]]:
        """What the mempool's scans found in this block, by wallet."""
        known: dict[str, dict[Txid, list[Match]]] = {}
        for txid in view.by_txid.keys() & self._mempool.seen.keys():
            for wallet_id, matches in self._mempool.seen[txid].matches.items():
                known.setdefault(wallet_id, {})[txid] = matches
        return known

    @staticmethod
    def _fresh_groups(watched: Watched, groups: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
        return tuple([group for group in groups if watched.wallet.wallet_id not in group])

    async def _locked(self, locks: AsyncExitStack) -> list[Watched]:
        """Every watched wallet, those added meanwhile too, locked until ``locks`` are given back."""
        locked: dict[int, Watched] = {}
        while fresh := [watched for watched in self.all() if id(watched) not in locked]:
            for watched in fresh:
                await locks.enter_async_context(watched.lock)
                locked[id(watched)] = watched
        return [watched for watched in locked.values() if not watched.gone]
