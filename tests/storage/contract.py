"""What services may expect of any store, as suites that each variant of it is put through (``tests/conformance``)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from sdkrelay.domain.chain import BlockHash, BlockId
from sdkrelay.domain.notification import Topic
from sdkrelay.domain.wallet import Standing
from sdkrelay.io.storage import DatabaseStore, open_store
from sdkrelay.ports import IndexStore, LogStore, Store, Unavailable, WalletChange, WalletStore
from tests.support.stores import (
    ROOT,
    CountedEntropy,
    SetClock,
    block,
    block_notice,
    chain,
    output,
    payment_notice,
    sealed_wallet,
)

TOKEN = bytes(range(32))
ALL = frozenset({Topic.BLOCKS, Topic.PAYMENTS})
LATE = 1 << 40


class StoreCase:
    """Opens the store that the variant describes."""

    url: Any
    executors: Any
    addCleanup: Any

    async def opened(self) -> DatabaseStore:
        """A new store, closed at the end of the test."""
        self.clock = SetClock()
        store = await open_store(self.url(), self.executors(), self.clock, CountedEntropy())
        self.addCleanup(lambda: Deferred.fromCoroutine(store.close()))
        return store

    async def refused(self, error: type[Exception], work: Any) -> str:
        """The message of the error that awaiting ``work`` raises."""
        try:
            await work
        except error as refusal:
            return str(refusal)
        raise AssertionError(f"{error.__name__} was not raised")


class IndexContract(StoreCase):
    """The index is one chain."""

    async def test_begins_empty(self: Any) -> None:
        """A new index has no tip, no bounds, no rows, and totals of nothing."""
        index = (await self.opened()).index
        found = [
            await index.tip(),
            await index.hash_at(5),
            await index.bounds(),
            await index.totals(),
            await index.rows(0, LATE),
        ]
        self.assertEqual(found, [None, None, None, (0, 0), []])

    async def test_gives_back_what_was_appended(self: Any) -> None:
        """Rows come back equal, ascending, within the heights asked for."""
        index: IndexStore = (await self.opened()).index
        blocks = chain(5)
        await index.append_blocks(blocks)
        self.assertEqual(await index.rows(0, LATE), blocks)
        self.assertEqual(await index.rows(blocks[1].height, blocks[3].height), blocks[1:4])
        self.assertEqual(await index.tip(), blocks[-1].id)
        self.assertEqual(await index.hash_at(blocks[2].height), blocks[2].hash)
        self.assertEqual(await index.bounds(), (blocks[0].height, blocks[-1].height))
        self.assertEqual(await index.totals(), (5, 10))

    async def test_may_begin_at_any_height_and_be_empty_of_tweaks(self: Any) -> None:
        """The first block decides where the index begins; a block may have no eligible transaction."""
        index = (await self.opened()).index
        first = block(BlockId(-1, ROOT.hash), count=0)
        self.assertEqual(await index.append_block(first, []), [])
        self.assertEqual((await index.bounds(), await index.totals()), ((0, 0), (1, 0)))

    async def test_refuses_a_block_that_does_not_follow(self: Any) -> None:
        """Another height, another parent or a gap in a batch is a ValueError, and nothing of it is stored."""
        store = await self.opened()
        blocks = chain(4)
        await store.index.append_block(blocks[0], [])
        notice = block_notice(blocks[2].id)
        await self.refused(ValueError, store.index.append_block(blocks[2], [notice]))
        await self.refused(ValueError, store.index.append_block(blocks[0], [notice]))
        await self.refused(ValueError, store.index.append_block(block(BlockId(100, ROOT.hash)), [notice]))
        await self.refused(ValueError, store.index.append_blocks([blocks[1], blocks[3]]))
        self.assertEqual((await store.index.tip(), await store.log.last_number()), (blocks[0].id, 0))
        self.assertEqual(await store.index.totals(), (1, 2))

    async def test_append_tells_with_the_block(self: Any) -> None:
        """The notices of a block come back as numbered entries and are in the log."""
        store = await self.opened()
        new = block(ROOT)
        entries = await store.index.append_block(new, [block_notice(new.id), block_notice(ROOT)])
        self.assertEqual(
            [(entry.number, entry.topic, entry.at) for entry in entries],
            [(n, Topic.BLOCKS, 1_700_000_000) for n in (1, 2)],
        )
        self.assertIn(new.hash.hex().encode(), entries[0].body)
        self.assertEqual(await store.log.read(0, ALL, frozenset(), 9), entries)

    async def test_disconnects_the_tip_and_changes_wallets_at_once(self: Any) -> None:
        """The block goes, the wallet's output and cursor change, and it is told, in one step."""
        store = await self.opened()
        blocks = chain(2)
        await store.index.append_blocks(blocks)
        wallet = sealed_wallet(1, cursor=blocks[1].id)
        await store.wallets.register(wallet, TOKEN)
        orphan = output(1, standing=Standing.ORPHANED)
        change = WalletChange(wallet.wallet_id, (orphan,), blocks[0].id)
        entries = await store.index.disconnect_tip(blocks[1].id, [change], [block_notice(blocks[1].id)])
        self.assertEqual((await store.index.tip(), await store.index.totals()), (blocks[0].id, (1, 2)))
        self.assertEqual([kept.cursor for kept in await store.wallets.wallets()], [blocks[0].id])
        self.assertEqual(await store.wallets.outputs(wallet.wallet_id), [orphan])
        self.assertEqual([entry.number for entry in entries], [1])

    async def test_refuses_to_disconnect_another_block_than_the_tip(self: Any) -> None:
        """A ValueError, and neither wallets nor the log change."""
        store = await self.opened()
        blocks = chain(2)
        await store.index.append_blocks(blocks)
        await store.wallets.register(sealed_wallet(1), TOKEN)
        change = WalletChange(sealed_wallet(1).wallet_id, (output(1),))
        await self.refused(ValueError, store.index.disconnect_tip(blocks[0].id, [change], [block_notice(ROOT)]))
        await self.refused(ValueError, store.index.disconnect_tip(BlockId(101, ROOT.hash), [change], []))
        self.assertEqual((await store.index.tip(), await store.log.last_number()), (blocks[1].id, 0))
        self.assertEqual(await store.wallets.outputs(sealed_wallet(1).wallet_id), [])

    async def test_can_be_emptied_and_begin_elsewhere(self: Any) -> None:
        """With its only block gone the index is as new."""
        index = (await self.opened()).index
        new = block(ROOT)
        await index.append_block(new, [])
        await index.disconnect_tip(new.id, [], [])
        self.assertEqual((await index.tip(), await index.bounds(), await index.totals()), (None, None, (0, 0)))
        await index.append_block(block(BlockId(7, ROOT.hash)), [])

    async def test_refuses_whole_numbers_beyond_64_bits(self: Any) -> None:
        """A ValueError says so, and nothing is stored."""
        store = await self.opened()
        await store.wallets.register(sealed_wallet(1), TOKEN)
        change = WalletChange(sealed_wallet(1).wallet_id, (output(1, value=1 << 63),))
        self.assertIn("2^63-1", await self.refused(ValueError, store.wallets.settle([change], [block_notice(ROOT)])))
        self.assertEqual(await store.log.last_number(), 0)


class WalletContract(StoreCase):
    """Wallets, their tokens and their outputs."""

    async def test_keeps_wallets_by_creation(self: Any) -> None:
        """Wallets come back equal, in the order they were registered."""
        wallets: WalletStore = (await self.opened()).wallets
        registered = [sealed_wallet(number, created_at=9 - number) for number in (3, 1, 2)]
        for wallet in registered:
            await wallets.register(wallet, wallet.spend_key)
        self.assertEqual(await wallets.wallets(), registered)

    async def test_registering_again_replaces_and_adds_a_token(self: Any) -> None:
        """Labels, birthday, cursor and sealed secret are the new ones; creation and the first token stay."""
        wallets = (await self.opened()).wallets
        first = sealed_wallet(1)
        again = sealed_wallet(
            1, labels=(1, 5, 7), birthday=50, cursor=BlockId(49, ROOT.hash), sealed_scan_secret=b"new", created_at=9
        )
        await wallets.register(first, b"first")
        await wallets.register(again, b"second")
        kept = (await wallets.wallets())[0]
        self.assertEqual(
            kept, sealed_wallet(1, labels=(1, 5, 7), birthday=50, cursor=again.cursor, sealed_scan_secret=b"new")
        )
        self.assertEqual(
            [await wallets.wallet_of_token(token) for token in (b"first", b"second")], [first.wallet_id] * 2
        )

    async def test_a_token_is_of_one_wallet(self: Any) -> None:
        """An unknown token is of none; a token given again to its wallet is nothing new; another wallet cannot have it."""
        wallets = (await self.opened()).wallets
        await wallets.register(sealed_wallet(1), TOKEN)
        await wallets.register(sealed_wallet(1), TOKEN)
        await self.refused(ValueError, wallets.register(sealed_wallet(2), TOKEN))
        self.assertEqual(await wallets.wallet_of_token(TOKEN), sealed_wallet(1).wallet_id)
        self.assertIsNone(await wallets.wallet_of_token(b"unknown"))
        self.assertEqual(len(await wallets.wallets()), 1)

    async def test_the_newest_hundred_tokens_are_kept(self: Any) -> None:
        """The oldest goes for each one more; those of other wallets stay, and one given again does not count twice."""
        wallets = (await self.opened()).wallets
        await wallets.register(sealed_wallet(2), b"other")
        tokens = [bytes([255 - number]) for number in range(103)]
        for token in (*tokens, tokens[50]):
            await wallets.register(sealed_wallet(1), token)
        owners = [await wallets.wallet_of_token(token) for token in (b"other", *tokens)]
        self.assertEqual(owners, [sealed_wallet(2).wallet_id, *[None] * 3, *[sealed_wallet(1).wallet_id] * 100])

    async def test_unregistering_forgets_everything_of_the_wallet(self: Any) -> None:
        """Its keys, token, outputs and entries go; those of others, public entries and numbers given stay."""
        store = await self.opened()
        mine, other = sealed_wallet(1).wallet_id, sealed_wallet(2).wallet_id
        await store.wallets.register(sealed_wallet(1), b"mine")
        await store.wallets.register(sealed_wallet(2), b"other")
        changes = [WalletChange(mine, (output(1),)), WalletChange(other, (output(1),))]
        await store.wallets.settle(
            changes, [payment_notice(mine), payment_notice(other), block_notice(ROOT), payment_notice(mine)]
        )
        await store.wallets.unregister(mine)
        self.assertEqual([wallet.wallet_id for wallet in await store.wallets.wallets()], [other])
        self.assertIsNone(await store.wallets.wallet_of_token(b"mine"))
        self.assertEqual((await store.wallets.outputs(mine), await store.wallets.outputs(other)), ([], [output(1)]))
        told = await store.log.read(0, ALL, frozenset({mine, other}), 9)
        self.assertEqual([entry.number for entry in told], [2, 3])
        self.assertEqual((await store.log.last_number(), await store.log.oldest_number()), (4, 1))

    async def test_what_is_settled_for_a_forgotten_wallet_is_dropped(self: Any) -> None:
        """A wallet forgotten meanwhile does not come back, and the others get theirs."""
        store = await self.opened()
        gone, here = sealed_wallet(1).wallet_id, sealed_wallet(2).wallet_id
        await store.wallets.register(sealed_wallet(2), TOKEN)
        await store.wallets.unregister(gone)
        new = BlockId(ROOT.height, BlockHash(b""))
        changes = [WalletChange(gone, (output(1),), new), WalletChange(here, (output(2),), new)]
        entries = await store.wallets.settle(changes, [payment_notice(gone), payment_notice(here)])
        self.assertEqual([entry.wallet_id for entry in entries], [here])
        self.assertEqual((await store.wallets.outputs(gone), await store.wallets.outputs(here)), ([], [output(2)]))

    async def test_outputs_are_by_height_then_as_found(self: Any) -> None:
        """The mempool comes last; an output put again keeps its place among those of its height."""
        store = await self.opened()
        wallets, owner, blocks = store.wallets, sealed_wallet(1).wallet_id, chain(20)
        await store.index.append_blocks(blocks)
        await wallets.register(sealed_wallet(1), TOKEN)
        low, high = blocks[0].id, blocks[-1].id
        await wallets.settle(
            [WalletChange(owner, (output(1), output(2), output(3, block=high), output(4, block=low)))], []
        )
        await wallets.settle(
            [WalletChange(owner, (output(5, block=high), output(3, block=high, value=7), output(1, fee=9)))], []
        )
        expected = [
            output(4, block=low),
            output(3, block=high, value=7),
            output(5, block=high),
            output(1, fee=9),
            output(2),
        ]
        self.assertEqual(await wallets.outputs(owner), expected)

    async def test_every_field_of_an_output_is_kept(self: Any) -> None:
        """Labels, spends, reuse and blocks come back as they were, the cursor moves where one is given."""
        store = await self.opened()
        wallets, owner, place = store.wallets, sealed_wallet(1).wallet_id, block(ROOT).id
        await store.index.append_block(block(ROOT), [])
        await wallets.register(sealed_wallet(1), TOKEN)
        full = output(
            1,
            label=0,
            ambiguous=True,
            standing=Standing.CONFIRMED,
            block=place,
            spent_by=TOKEN,
            spent_in=place,
            reuse_of=TOKEN,
        )
        await wallets.settle([WalletChange(owner, (full,), place), WalletChange(owner, (), None)], [])
        self.assertEqual(await wallets.outputs(owner), [full])
        self.assertEqual((await wallets.wallets())[0].cursor, place)

    async def test_the_same_outpoint_may_be_found_for_two_wallets(self: Any) -> None:
        """Outputs are a wallet's own."""
        wallets = (await self.opened()).wallets
        owners = [sealed_wallet(1).wallet_id, sealed_wallet(2).wallet_id]
        for number in (1, 2):
            await wallets.register(sealed_wallet(number), bytes([number]))
        await wallets.settle([WalletChange(owner, (output(1, value=place),)) for place, owner in enumerate(owners)], [])
        self.assertEqual([(await wallets.outputs(owner))[0].value for owner in owners], [0, 1])


class LogContract(StoreCase):
    """The log gives every notice a number, once."""

    async def told(self, store: Store, *notices: Any) -> None:
        """Register both wallets and log the notices."""
        for number in (1, 2):
            await store.wallets.register(sealed_wallet(number), bytes([number]))
        await store.wallets.settle([], notices)

    async def test_begins_empty_with_a_name(self: Any) -> None:
        """A new log has a name of its own, number 0, and nothing missing."""
        log: LogStore = (await self.opened()).log
        self.assertEqual((await log.last_number(), await log.oldest_number(), await log.prune(LATE, 0)), (0, 1, 0))
        self.assertEqual(len(await log.log_id()), 16)
        self.assertNotIn("-", await log.log_id())

    async def test_tells_each_what_is_theirs(self: Any) -> None:
        """Public entries go by topic; payments only to those who name the wallet and ask for payments."""
        store = await self.opened()
        mine, other = (sealed_wallet(number).wallet_id for number in (1, 2))
        await self.told(store, block_notice(ROOT), payment_notice(mine), payment_notice(other), block_notice(ROOT))

        async def numbers(topics: set[Topic], *wallet_ids: str) -> list[int]:
            return [entry.number for entry in await store.log.read(0, frozenset(topics), frozenset(wallet_ids), 9)]

        self.assertEqual(await numbers({Topic.BLOCKS}, mine, other), [1, 4])
        self.assertEqual(await numbers({Topic.PAYMENTS}, mine), [2])
        self.assertEqual(await numbers({Topic.PAYMENTS}), [])
        self.assertEqual(await numbers({Topic.BLOCKS, Topic.PAYMENTS}, mine, other), [1, 2, 3, 4])
        self.assertEqual(await numbers(set(), mine), [])

    async def test_reads_in_pages(self: Any) -> None:
        """Reading on from the last number of each page gives every entry once, in order."""
        store = await self.opened()
        mine = sealed_wallet(1).wallet_id
        await self.told(store, *[block_notice(ROOT), payment_notice(mine, 1), payment_notice(mine, 2)] * 5)
        seen: list[int] = []
        while page := await store.log.read(seen[-1] if seen else 0, ALL, frozenset({mine}), 4):
            seen += [entry.number for entry in page]
        self.assertEqual(seen, list(range(1, 16)))

    async def test_reads_more_than_a_statement_can_name(self: Any) -> None:
        """Long pages and many wallets are no matter."""
        store = await self.opened()
        await self.told(store, *[block_notice(ROOT)] * 1234)
        strangers = frozenset(f"{number:032x}" for number in range(50, 90))
        self.assertEqual(len(await store.log.read(0, ALL, strangers, 5000)), 1234)

    async def test_prunes_by_age_and_by_number(self: Any) -> None:
        """What is older goes, and what exceeds the number to keep; positions say what is missing."""
        store = await self.opened()
        await self.told(store, *[block_notice(ROOT)] * 4)
        self.clock.time += 100
        await store.wallets.settle([], [block_notice(ROOT)] * 4)
        self.assertEqual(await store.log.prune(int(self.clock.time) - 50, keep=100), 4)
        self.assertEqual((await store.log.oldest_number(), await store.log.last_number()), (5, 8))
        self.assertEqual(await store.log.prune(0, keep=1), 3)
        self.assertEqual([entry.number for entry in await store.log.read(0, ALL, frozenset(), 9)], [8])

    async def test_numbers_are_never_given_twice(self: Any) -> None:
        """Not even when all entries are gone, by age or with their wallet."""
        store = await self.opened()
        mine = sealed_wallet(1).wallet_id
        await self.told(store, block_notice(ROOT), payment_notice(mine))
        await store.wallets.unregister(mine)
        await store.log.prune(LATE, keep=0)
        self.assertEqual(await store.log.last_number(), 2)
        self.assertEqual([entry.number for entry in await store.wallets.settle([], [block_notice(ROOT)])], [3])

    async def test_pruning_takes_no_more_than_there_is(self: Any) -> None:
        """Where a wallet's entries went with it, nothing is missing, and pruning does not say otherwise."""
        store = await self.opened()
        mine = sealed_wallet(1).wallet_id
        await self.told(store, block_notice(ROOT), payment_notice(mine), payment_notice(mine))
        await store.wallets.unregister(mine)
        counts = [await store.log.prune(LATE, keep=0), await store.log.prune(LATE, keep=0)]
        self.assertEqual((counts, await store.log.oldest_number(), await store.log.last_number()), ([1, 0], 2, 3))

    async def test_a_clock_gone_back_loses_nothing_fresh(self: Any) -> None:
        """Entries made before a moment of wrong time stay while they are fresh."""
        store = await self.opened()
        await self.told(store, block_notice(ROOT))
        right, self.clock.time = self.clock.time, 5
        await store.wallets.settle([], [block_notice(ROOT)])
        self.assertEqual(await store.log.prune(int(right) - 50, keep=9), 0)


class WholeContract(StoreCase):
    """The store as one thing."""

    async def test_keeps_small_facts(self: Any) -> None:
        """A fact is None before it is set, and then the last one set."""
        store: Store = await self.opened()
        before = await store.meta("network")
        await store.set_meta("network", "signet")
        await store.set_meta("network", "régtest")
        self.assertEqual((before, await store.meta("network"), store.condition()), (None, "régtest", None))

    async def test_takes_calls_beside_each_other(self: Any) -> None:
        """Calls started together are done one after the other, each whole."""
        store = await self.opened()
        blocks = chain(20)
        calls = [Deferred.fromCoroutine(store.index.append_block(new, [block_notice(new.id)])) for new in blocks]
        entries = await gatherResults(calls)
        self.assertEqual([entry.number for [entry] in entries], list(range(1, 21)))
        self.assertEqual(await store.index.rows(0, LATE), blocks)

    async def test_refuses_after_close(self: Any) -> None:
        """Whatever is called on a closed store raises Unavailable."""
        store = await open_store(self.url(), self.executors(), SetClock(), CountedEntropy())
        await store.close()
        self.assertIn("not open", await self.refused(Unavailable, store.index.tip()))
        self.assertIn("not open", await self.refused(Unavailable, store.set_meta("a", "b")))
