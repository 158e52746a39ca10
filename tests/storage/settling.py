"""What services may expect when the chain moves while they compute: a settlement that no longer fits it is refused whole."""

from __future__ import annotations

from typing import Any

from sdkrelay.domain.chain import BlockHash, BlockId
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.ports import Stale, WalletChange
from tests.support.stores import ROOT, block, block_notice, chain, output, sealed_wallet

from .contract import TOKEN, StoreCase


class SettlingContract(StoreCase):
    """What is settled for wallets fits the chain that is indexed."""

    async def prepared(self) -> DatabaseStore:
        """Two blocks, and two wallets at the first."""
        store = await self.opened()
        blocks = self.blocks = chain(2)
        await store.index.append_blocks(blocks)
        for number in (1, 2):
            await store.wallets.register(sealed_wallet(number, cursor=blocks[0].id), bytes([number]))
        return store

    async def test_refuses_places_that_are_not_indexed(self: Any) -> None:
        """Another hash, a height above the tip or below the start: Stale, whether of a cursor or of an output."""
        store = await self.prepared()
        other = block(self.blocks[0].id, branch="other").id
        for place in (other, BlockId(102, other.hash), ROOT):
            for change in (
                WalletChange(sealed_wallet(2).wallet_id, (), place),
                WalletChange(sealed_wallet(2).wallet_id, (output(2, block=place),)),
            ):
                await self.assertNothingSettled(store, change)

    async def assertNothingSettled(self: Any, store: DatabaseStore, stale: WalletChange) -> None:
        """Not even what fits, and writing is still well."""
        fits = WalletChange(sealed_wallet(1).wallet_id, (output(1),), self.blocks[1].id)
        said = await self.refused(Stale, store.wallets.settle([fits, stale], [block_notice(ROOT)]))
        self.assertIn("the index does not hold block", said)
        wallets = await store.wallets.wallets()
        self.assertEqual([wallet.cursor for wallet in wallets], [self.blocks[0].id] * 2)
        self.assertEqual([await store.wallets.outputs(wallet.wallet_id) for wallet in wallets], [[], []])
        self.assertEqual((await store.log.last_number(), store.condition()), (0, None))

    async def test_takes_places_that_are_indexed(self: Any) -> None:
        """The tip, a block before it, no block at all, and the cursor of a wallet that begins."""
        store = await self.prepared()
        first, second = (each.id for each in self.blocks)
        found = (output(1, block=first), output(2, block=second), output(3))
        begins = BlockId(7, BlockHash(b""))
        changes = [WalletChange(f"{1:032x}", found, second), WalletChange(f"{2:032x}", (), begins)]
        await store.wallets.settle(changes, [])
        self.assertEqual([wallet.cursor for wallet in await store.wallets.wallets()], [second, begins])
        self.assertEqual(await store.wallets.outputs(f"{1:032x}"), list(found))

    async def test_what_a_disconnected_block_held_is_stale(self: Any) -> None:
        """What was computed before the block went is refused after it, and taken when the block is back."""
        store = await self.prepared()
        change = WalletChange(sealed_wallet(1).wallet_id, (output(1, block=self.blocks[1].id),), self.blocks[1].id)
        await store.index.disconnect_tip(self.blocks[1].id, [], [])
        await self.refused(Stale, store.wallets.settle([change], []))
        await store.index.append_block(self.blocks[1], [])
        await store.wallets.settle([change], [])

    async def test_a_forgotten_wallet_is_no_reason(self: Any) -> None:
        """What does not fit and is of nobody keeps nobody waiting."""
        store = await self.prepared()
        stale = WalletChange(f"{3:032x}", (), ROOT)
        await store.wallets.settle([stale, WalletChange(f"{1:032x}", (output(1),))], [])
        self.assertEqual(await store.wallets.outputs(f"{1:032x}"), [output(1)])

    async def test_the_first_block_can_be_disconnected(self: Any) -> None:
        """A wallet goes back before the index then, which is no settlement."""
        store = await self.opened()
        only = block(ROOT)
        await store.index.append_block(only, [])
        await store.wallets.register(sealed_wallet(1, cursor=only.id), TOKEN)
        await store.index.disconnect_tip(only.id, [WalletChange(f"{1:032x}", (), ROOT)], [])
        self.assertEqual((await store.wallets.wallets())[0].cursor, ROOT)
