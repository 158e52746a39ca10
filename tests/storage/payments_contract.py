"""What services may expect of any store of expected payments, as a suite that each variant of it is put through."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from sdkrelay.domain.expected import Expected, PaymentStatus
from sdkrelay.domain.notification import Entry, Kind, Topic
from sdkrelay.domain.wallet import Standing
from sdkrelay.ports import WalletChange
from tests.storage.contract import TOKEN, StoreCase
from tests.support.stores import block_notice, chain, output, sealed_wallet

OWNER = sealed_wallet(1).wallet_id


def expected(number: int, **changes: Any) -> Expected:
    """A payment of the value of the output of this number, to the wallet's own address."""
    values: dict[str, Any] = {
        "payment_id": f"pay_{number}",
        "creator": "session:a",
        "recipient": "tsp1q1",
        "amount_sats": output(number).value,
        "metadata": '{"a":1}',
        "confirmations_required": 1,
        "txid": None,
        "digest": b"\x01" * 32,
        "created_at": 1_700_000_000,
        "created_height": 0,
        "expires_at": 1_700_000_100,
        "updated_at": 1_700_000_000,
        "wallet_id": OWNER,
    }
    return Expected(**{**values, **changes})


class PaymentContract(StoreCase):
    """Expected payments follow outputs and blocks in the same transactions."""

    async def watching(self: Any) -> Any:
        """A store with an index of one block and a wallet."""
        store = await self.opened()
        await store.index.append_blocks(chain(1))
        await store.wallets.register(sealed_wallet(1), TOKEN)
        return store

    def statuses(self, entries: list[Entry]) -> list[str]:
        """What is told of payments."""
        return [entry.body.decode().split('"status":"')[1].split('"')[0] for entry in entries]

    async def test_every_field_is_kept(self: Any) -> None:
        """A payment comes back as it was recorded, under the next number; its name has one meaning."""
        store = await self.watching()
        made, entries = await store.payments.create(expected(1, txid=b"\x07" * 32, label=4))
        self.assertEqual((made.number, made.created_height, entries), (1, 100, []))
        self.assertEqual(await store.payments.payment("pay_1"), made)
        again, _ = await store.payments.create(expected(1, amount_sats=9))
        self.assertEqual((again, await store.payments.payment("pay_2")), (made, None))

    async def test_follows_outputs(self: Any) -> None:
        """Detected, confirmed and orphaned with its output, each told once with a position, to wallet and creator."""
        store = await self.watching()
        await store.payments.create(expected(1))
        blocks = chain(2)
        mined = output(1, standing=Standing.CONFIRMED, block=blocks[1].id)
        found = await store.wallets.settle([WalletChange(OWNER, (output(1),))], [])
        same = await store.wallets.settle([WalletChange(OWNER, (output(1),))], [])
        await store.index.append_block(blocks[1], [block_notice(blocks[1].id)])
        deep = await store.wallets.settle([WalletChange(OWNER, (mined,))], [])
        orphaned = evolve(mined, standing=Standing.ORPHANED, block=None)
        gone = await store.wallets.settle([WalletChange(OWNER, (orphaned,))], [])
        told = [self.statuses(entries) for entries in (found, same, deep, gone)]
        self.assertEqual(told, [["detected"], [], ["confirmed"], ["orphaned"]])
        entry = found[0]
        self.assertEqual((entry.kind, entry.wallet_id, entry.creator), (Kind.PAYMENT_UPDATE, OWNER, "session:a"))

    async def test_confirmations_follow_the_tip(self: Any) -> None:
        """Two of them with the next block, not any more without it."""
        store = await self.watching()
        first, second = chain(2)
        await store.payments.create(expected(1, txid=output(1).outpoint[:32], confirmations_required=2))
        mined = output(1, standing=Standing.CONFIRMED, block=first.id)
        shallow = await store.wallets.settle([WalletChange(OWNER, (mined,))], [])
        up = await store.index.append_block(second, [])
        down = await store.index.disconnect_tip(second.id, [], [])
        self.assertEqual(
            [self.statuses(one) for one in (shallow, up, down)], [["detected"], ["confirmed"], ["detected"]]
        )

    async def test_is_read_by_wallet_and_by_creator(self: Any) -> None:
        """Once by whoever is both; not as something public."""
        store = await self.watching()
        await store.payments.create(expected(1))
        await store.wallets.settle([WalletChange(OWNER, (output(1),))], [])
        topics = frozenset({Topic.PAYMENTS})
        for names in ({OWNER}, {"session:a"}, {OWNER, "session:a"}, set(), {"session:b"}):
            read = await store.log.read(0, topics, frozenset(names), 10)
            self.assertEqual(len(read), 1 if names & {OWNER, "session:a"} else 0, names)

    async def test_expiry_is_told_to_the_creator_of_an_unwatched_recipient(self: Any) -> None:
        """And is not public either."""
        store = await self.opened()
        await store.payments.create(expected(1, wallet_id=None))
        self.assertEqual(await store.payments.review(), [])
        self.clock.time += 1000
        [entry] = await store.payments.review()
        self.assertEqual((self.statuses([entry]), await store.payments.review()), (["expired"], []))
        topics = frozenset({Topic.PAYMENTS})
        self.assertEqual(await store.log.read(0, topics, frozenset(), 10), [])
        self.assertEqual(await store.log.read(0, topics, frozenset({"session:a"}), 10), [entry])

    async def test_links_what_waits_for_a_wallet(self: Any) -> None:
        """With its label; what the wallet has received since the recording is found at once."""
        store = await self.watching()
        await store.payments.create(expected(1, wallet_id=None))
        self.assertEqual(await store.payments.unlinked(), ["tsp1q1"])
        await store.wallets.settle([WalletChange(OWNER, (output(1, label=3),))], [])
        self.assertEqual(self.statuses(await store.payments.link(OWNER, {"tsp1q1": 3})), ["detected"])
        self.assertEqual(
            (await store.payments.unlinked(), await store.payments.link("nobody", {"tsp1q1": 3})), ([], [])
        )

    async def test_a_forgotten_wallet_leaves_its_payments(self: Any) -> None:
        """As they were, linked to nothing."""
        store = await self.watching()
        await store.payments.create(expected(1))
        await store.wallets.settle([WalletChange(OWNER, (output(1),))], [])
        await store.wallets.unregister(OWNER)
        left = await store.payments.payment("pay_1")
        self.assertEqual((left.status, left.wallet_id), (PaymentStatus.DETECTED, None))

    async def test_pages_by_names(self: Any) -> None:
        """By number, each once; all of them where no names are given."""
        store = await self.watching()
        for number in range(1, 6):
            await store.payments.create(expected(number, creator=f"session:{'ab'[number % 2]}"))
        found = await store.payments.payments(1, 2, frozenset({OWNER, "session:b"}))
        rest = await store.payments.payments(0, 10, frozenset({"session:a"}))
        self.assertEqual(([item.number for item in found], [item.number for item in rest]), ([2, 3], [2, 4]))
        self.assertEqual(
            (len(await store.payments.payments(0, 10, None)), await store.payments.open_of("session:a")), (5, 2)
        )

    async def test_puts_as_given(self: Any) -> None:
        """State and all; an existing one stays."""
        store = await self.opened()
        given = expected(1, wallet_id=None, status=PaymentStatus.CONFIRMED, outpoint=b"\x05" * 36, received_sats=5)
        kept = await store.payments.put(given)
        self.assertEqual(kept, evolve(given, number=1))
        self.assertEqual(await store.payments.put(expected(1, amount_sats=1)), kept)
