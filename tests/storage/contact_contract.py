"""What telling may expect of any store of contacts, as a suite that each variant of it is put through."""

from __future__ import annotations

from typing import Any

from sdkrelay.domain.contact import Contact
from tests.storage.contract import StoreCase
from tests.support.stores import payment_notice, sealed_wallet

KEY, OTHER = "ab" * 32, "cd" * 32
FIRST, SECOND = "wss://first.example", "wss://second.example"


class ContactContract(StoreCase):
    """Where wallets' owners are told, and how far."""

    async def test_a_contact_begins_where_the_log_is(self: Any) -> None:
        """What was told before its registration is not its own."""
        store = await self.opened()
        wallet = sealed_wallet(1)
        await store.wallets.register(wallet, b"token")
        await store.wallets.settle([], [payment_notice(wallet.wallet_id)])
        kept = await store.contacts.put(wallet.wallet_id, KEY, (FIRST,))
        self.assertEqual(kept, Contact(wallet.wallet_id, KEY, (FIRST,), 1))
        self.assertEqual(await store.contacts.contacts(), [kept])

    async def test_how_far_each_relay_is_stays(self: Any) -> None:
        """Also when the contact changes; a number is replaced by a later one."""
        store = await self.opened()
        wallet = sealed_wallet(1)
        await store.wallets.register(wallet, b"token")
        await store.contacts.put(wallet.wallet_id, KEY, (FIRST,))
        await store.contacts.told(wallet.wallet_id, {FIRST: 3, SECOND: 4})
        await store.contacts.told(wallet.wallet_id, {FIRST: 5})
        await store.contacts.told(wallet.wallet_id, {})
        kept = await store.contacts.put(wallet.wallet_id, OTHER, ())
        self.assertEqual(kept, Contact(wallet.wallet_id, OTHER, (), 0, {FIRST: 5, SECOND: 4}))

    async def test_contacts_are_each_its_own(self: Any) -> None:
        """Of two wallets, with what each was told."""
        store = await self.opened()
        for number in (1, 2):
            await store.wallets.register(sealed_wallet(number), b"token %d" % number)
            await store.contacts.put(sealed_wallet(number).wallet_id, KEY, (FIRST,))
        await store.contacts.told(sealed_wallet(2).wallet_id, {FIRST: 7})
        told = {contact.wallet_id: contact.told for contact in await store.contacts.contacts()}
        self.assertEqual(told, {sealed_wallet(1).wallet_id: {}, sealed_wallet(2).wallet_id: {FIRST: 7}})

    async def test_all_of_it_goes_with_the_wallet(self: Any) -> None:
        """And none of it comes back."""
        store = await self.opened()
        wallet = sealed_wallet(1)
        await store.wallets.register(wallet, b"token")
        await store.contacts.put(wallet.wallet_id, KEY, (FIRST,))
        await store.contacts.told(wallet.wallet_id, {FIRST: 3})
        await store.wallets.unregister(wallet.wallet_id)
        await store.contacts.told(wallet.wallet_id, {FIRST: 4})
        self.assertIsNone(await store.contacts.put(wallet.wallet_id, KEY, ()))
        await store.wallets.register(wallet, b"token")
        self.assertEqual((await store.contacts.put(wallet.wallet_id, KEY, ())).told, {})
