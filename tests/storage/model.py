"""A store as plain lists and dictionaries, and a player that does the same to it and to a real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import Factory, define, evolve

from sdkrelay.domain.chain import BlockId, IndexedBlock
from sdkrelay.domain.notification import Entry, Notice, Topic
from sdkrelay.domain.wallet import Output, SealedWallet, Standing
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.ports import Stale, WalletChange
from tests.support.stores import ROOT, block, block_notice, output, payment_notice, sealed_wallet

ACTIONS = (
    "append",
    "append_many",
    "disconnect",
    "settle",
    "register",
    "unregister",
    "prune",
    "append_wrong",
    "disconnect_wrong",
    "settle_stale",
)
WALLETS = 3
LATE = 1 << 40


@define
class Model:
    """What a store holds."""

    blocks: list[IndexedBlock] = Factory(list)
    wallets: dict[str, SealedWallet] = Factory(dict)
    outputs: dict[str, dict[bytes, Output]] = Factory(dict)
    entries: list[tuple[int, str | None]] = Factory(list)
    last: int = 0
    oldest: int = 1

    @property
    def tip(self) -> BlockId:
        """The highest block, or what the first one will follow."""
        return self.blocks[-1].id if self.blocks else ROOT

    def change(self, changes: Sequence[WalletChange]) -> None:
        """Put outputs and move cursors of the wallets that are there."""
        for change in changes:
            if change.wallet_id in self.wallets:
                self.outputs[change.wallet_id].update({item.outpoint: item for item in change.outputs})
                self.wallets[change.wallet_id] = evolve(self.wallets[change.wallet_id], cursor=change.cursor)

    def tell(self, notices: Sequence[Notice]) -> list[int]:
        """Log the notices of whoever is there; their numbers."""
        told = [notice for notice in notices if notice.wallet_id is None or notice.wallet_id in self.wallets]
        numbers = list(range(self.last + 1, self.last + 1 + len(told)))
        self.entries += [(number, notice.wallet_id) for number, notice in zip(numbers, told, strict=True)]
        self.last += len(told)
        return numbers

    def expected(self) -> dict[str, Any]:
        """What a store that holds the same answers."""
        return {
            "rows": self.blocks,
            "tip": self.blocks[-1].id if self.blocks else None,
            "bounds": (self.blocks[0].height, self.blocks[-1].height) if self.blocks else None,
            "totals": (len(self.blocks), sum(item.count for item in self.blocks)),
            "wallets": list(self.wallets.values()),
            "outputs": [self.sorted_outputs(wallet_id) for wallet_id in self.wallets],
            "log": self.entries,
            "numbers": (self.oldest, self.last),
        }

    def sorted_outputs(self, wallet_id: str) -> list[Output]:
        """By height, those in no block last; Python's sort keeps the order of finding."""
        return sorted(self.outputs[wallet_id].values(), key=lambda item: item.block.height if item.block else LATE)


async def answers(store: DatabaseStore) -> dict[str, Any]:
    """What a store answers to everything that can be asked."""
    wallets = await store.wallets.wallets()
    names = frozenset(f"{number:032x}" for number in range(WALLETS))
    log = await store.log.read(0, frozenset(Topic), names, 10_000)
    return {
        "rows": await store.index.rows(0, LATE),
        "tip": await store.index.tip(),
        "bounds": await store.index.bounds(),
        "totals": await store.index.totals(),
        "wallets": wallets,
        "outputs": [await store.wallets.outputs(wallet.wallet_id) for wallet in wallets],
        "log": [(entry.number, entry.wallet_id) for entry in log],
        "numbers": (await store.log.oldest_number(), await store.log.last_number()),
    }


async def play(store: DatabaseStore, steps: Sequence[tuple[str, int]]) -> None:
    """Do each step to both; AssertionError at the first after which they differ."""
    model = Model()
    for action, number in steps:
        await DEEDS[action](store, model, number)
        found, expected = await answers(store), model.expected()
        assert found == expected, f"after {action} {number}: {found} is not {expected}"


def _numbers(entries: Sequence[Entry]) -> list[int]:
    return [entry.number for entry in entries]


def _wallet_id(number: int) -> str:
    return f"{number % WALLETS:032x}"


def _changes(model: Model, number: int) -> list[WalletChange]:
    """One output, confirmed or not, for one or two wallets."""
    place = model.tip if number % 2 else None
    standing = Standing.CONFIRMED if place else Standing.MEMPOOL
    found = output(number % 7, value=number, standing=standing, block=place)
    return [WalletChange(_wallet_id(number + more), (found,), model.tip) for more in range(1 + number % 2)]


async def _append(store: DatabaseStore, model: Model, number: int) -> None:
    new = block(model.tip, number % 5, number)
    notices = [block_notice(new.id), payment_notice(_wallet_id(number))]
    entries = await store.index.append_block(new, notices)
    model.blocks.append(new)
    assert _numbers(entries) == model.tell(notices)


async def _append_many(store: DatabaseStore, model: Model, number: int) -> None:
    new: list[IndexedBlock] = []
    for step in range(number % 4):
        new.append(block(new[-1].id if new else model.tip, number % 3, step))
    await store.index.append_blocks(new)
    model.blocks += new


async def _disconnect(store: DatabaseStore, model: Model, number: int) -> None:
    if not model.blocks:
        return
    gone = model.blocks[-1].id
    changes, notices = _changes(model, number), [block_notice(gone)]
    entries = await store.index.disconnect_tip(gone, changes, notices)
    model.change(changes)
    model.blocks.pop()
    assert _numbers(entries) == model.tell(notices)


async def _settle(store: DatabaseStore, model: Model, number: int) -> None:
    changes = _changes(model, number)
    notices = [payment_notice(change.wallet_id) for change in changes]
    if not model.blocks and any(change.wallet_id in model.wallets for change in changes):
        await _refused(store.wallets.settle(changes, notices), Stale)
        return
    entries = await store.wallets.settle(changes, notices)
    model.change(changes)
    assert _numbers(entries) == model.tell(notices)


async def _register(store: DatabaseStore, model: Model, number: int) -> None:
    wallet = sealed_wallet(number % WALLETS, birthday=number, cursor=model.tip)
    await store.wallets.register(wallet, wallet.wallet_id.encode())
    model.wallets[wallet.wallet_id] = wallet
    model.outputs.setdefault(wallet.wallet_id, {})


async def _unregister(store: DatabaseStore, model: Model, number: int) -> None:
    gone = _wallet_id(number)
    await store.wallets.unregister(gone)
    model.wallets.pop(gone, None)
    model.outputs.pop(gone, None)
    model.entries = [entry for entry in model.entries if entry[1] != gone]


async def _prune(store: DatabaseStore, model: Model, number: int) -> None:
    keep = number % 10
    surplus = model.entries[: max(len(model.entries) - keep, 0)]
    assert await store.log.prune(0, keep) == len(surplus)
    model.entries = model.entries[len(surplus) :]
    if surplus:
        model.oldest = surplus[-1][0] + 1


async def _append_wrong(store: DatabaseStore, model: Model, number: int) -> None:
    if model.blocks:
        wrong = block(BlockId(model.tip.height + number % 2, ROOT.hash))
        await _refused(store.index.append_block(wrong, [block_notice(ROOT)]))


async def _disconnect_wrong(store: DatabaseStore, model: Model, number: int) -> None:
    wrong = BlockId(model.tip.height - number % 2, ROOT.hash if number % 2 else model.tip.hash)
    if wrong != model.tip or not model.blocks:
        await _refused(store.index.disconnect_tip(wrong, _changes(model, number), [block_notice(ROOT)]))


async def _settle_stale(store: DatabaseStore, model: Model, number: int) -> None:
    stale = [evolve(change, cursor=block(model.tip, 1, "stale").id) for change in _changes(model, number)]
    if any(change.wallet_id in model.wallets for change in stale):
        await _refused(store.wallets.settle(stale, [block_notice(ROOT)]), Stale)


async def _refused(step: Any, error: type[Exception] = ValueError) -> None:
    try:
        await step
    except error:
        return
    raise AssertionError("a wrong step was taken")


DEEDS: dict[str, Any] = {
    "append": _append,
    "append_many": _append_many,
    "disconnect": _disconnect,
    "settle": _settle,
    "register": _register,
    "unregister": _unregister,
    "prune": _prune,
    "append_wrong": _append_wrong,
    "disconnect_wrong": _disconnect_wrong,
    "settle_stale": _settle_stale,
}
