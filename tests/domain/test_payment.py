"""What each step changes for a wallet, and that folding what is told gives what a fresh scan finds."""

from __future__ import annotations

from typing import Any

import msgspec
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import BlockHash, BlockId, Spend, TaprootOutput, Transaction, Txid, display
from sdkrelay.domain.notification import Kind, Notice, btc
from sdkrelay.domain.payment import Draft, Holdings, Match, Sighting, outpoint_of
from sdkrelay.domain.wallet import Standing

MEMPOOL = Sighting(None, 1_000)


def given_transaction(number: int, keys: list[bytes] | None = None) -> Transaction:
    outputs = tuple(TaprootOutput(vout, 5_000 + vout, key) for vout, key in enumerate(keys or [key_of(number)]))
    return Transaction(txid_of(number), (), outputs, 200, 150)


def txid_of(number: int) -> Txid:
    return Txid(number.to_bytes(32, "big"))


def key_of(number: int) -> bytes:
    return b"\x07" + number.to_bytes(31, "little")


def match_of(transaction: Transaction, vout: int = 0) -> Match:
    return Match(transaction.outputs[vout], 0, None, b"\x02" * 33, b"\x01" * 32, False)


def block_at(height: int, fork: int = 0) -> BlockId:
    return BlockId(height, BlockHash(bytes([fork]) * 16 + height.to_bytes(16, "big")))


def sighting_at(height: int, fork: int = 0) -> Sighting:
    return Sighting(block_at(height, fork), 2_000 + height, height)


class Life:
    """A wallet to which things happen, each in a draft of its own."""

    def __init__(self) -> None:
        self.holdings = Holdings()
        self.told: list[Notice] = []

    def step(self, action: Any, *arguments: Any) -> list[Kind]:
        draft = Draft(self.holdings, "w", "tsp1q")
        action(draft, *arguments)
        self.holdings.absorb(draft.outputs)
        self.told += draft.notices
        return [notice.kind for notice in draft.notices]

    def found(self, transaction: Transaction, sighting: Sighting) -> list[Kind]:
        return self.step(Draft.found, transaction, [match_of(transaction)], sighting)

    def spent(self, number: int, by: int, sighting: Sighting) -> list[Kind]:
        spend = Spend(outpoint_of(txid_of(number), 0), key_of(number), txid_of(by))
        return self.step(Draft.spent, spend, sighting)


class PaymentTests(SynchronousTestCase):
    """One output's life, told step by step."""

    def setUp(self) -> None:
        self.life = Life()
        self.transaction = given_transaction(1)

    def test_mempool_then_block(self) -> None:
        """Detected in the mempool, then confirmed by its block, and detected only once."""
        self.assertEqual([Kind.PAYMENT_DETECTED], self.life.found(self.transaction, MEMPOOL))
        self.assertEqual([], self.life.found(self.transaction, MEMPOOL))
        self.assertEqual([Kind.PAYMENT_CONFIRMED], self.life.found(self.transaction, sighting_at(5)))
        self.assertEqual([], self.life.found(self.transaction, sighting_at(5)))

    def test_first_seen_in_a_block(self) -> None:
        """Detected and confirmed at once, with the block in both."""
        kinds = self.life.found(self.transaction, Sighting(block_at(5), 2_005, 7))

        self.assertEqual([Kind.PAYMENT_DETECTED, Kind.PAYMENT_CONFIRMED], kinds)
        self.assertEqual({3}, {notice.data.confirmations for notice in self.life.told})
        self.assertEqual({display(block_at(5).hash)}, {notice.data.block_hash for notice in self.life.told})

    def test_reorganised_and_confirmed_again(self) -> None:
        """A block that leaves orphans the payment; another block confirms it anew, without a second detection."""
        self.life.found(self.transaction, sighting_at(5))

        self.assertEqual([Kind.PAYMENT_ORPHANED], self.life.step(Draft.disconnected, block_at(5), 3_000))
        self.assertEqual(display(block_at(5).hash), self.life.told[-1].data.block_hash)
        self.assertEqual([], self.life.found(self.transaction, MEMPOOL))
        self.assertEqual([Kind.PAYMENT_CONFIRMED], self.life.found(self.transaction, sighting_at(5, fork=1)))

    def test_evicted(self) -> None:
        """A transaction that leaves the mempool without a block orphans what it paid."""
        self.life.found(self.transaction, MEMPOOL)

        self.assertEqual({txid_of(1)}, self.life.holdings.unconfirmed())
        self.assertEqual([Kind.PAYMENT_ORPHANED], self.life.step(Draft.evicted, txid_of(1), 3_000))
        self.assertEqual("evicted", self.life.told[-1].data.reason)
        self.assertEqual(set(), self.life.holdings.unconfirmed())

    def test_confirmed_is_not_evicted(self) -> None:
        """A confirmed payment does not leave when the mempool forgets its transaction."""
        self.life.found(self.transaction, sighting_at(5))

        self.assertEqual([], self.life.step(Draft.evicted, txid_of(1), 3_000))

    def test_spent_twice_told(self) -> None:
        """A spend is told from the mempool and again with its block, each once."""
        self.life.found(self.transaction, sighting_at(5))

        self.assertEqual([Kind.PAYMENT_SPENT], self.life.spent(1, 2, MEMPOOL))
        self.assertEqual([], self.life.spent(1, 2, MEMPOOL))
        self.assertEqual([Kind.PAYMENT_SPENT], self.life.spent(1, 2, sighting_at(6)))
        self.assertEqual([], self.life.spent(1, 2, sighting_at(6)))
        self.assertEqual([], self.life.spent(1, 3, MEMPOOL))

    def test_spend_undone(self) -> None:
        """A reorganised spend is told as undone, and the output counts again."""
        self.life.found(self.transaction, sighting_at(5))
        self.life.spent(1, 2, sighting_at(6))
        self.assertEqual((0, 0), self.life.holdings.balance())

        self.assertEqual([Kind.PAYMENT_UNSPENT], self.life.step(Draft.disconnected, block_at(6), 3_000))
        self.assertEqual((5_000, 1), self.life.holdings.balance())

    def test_replaced_spend(self) -> None:
        """The spend that a replacement evicts is undone, the replacement is told."""
        self.life.found(self.transaction, sighting_at(5))
        self.life.spent(1, 2, MEMPOOL)

        self.assertEqual([Kind.PAYMENT_UNSPENT], self.life.step(Draft.evicted, txid_of(2), 3_000))
        self.assertEqual([Kind.PAYMENT_SPENT], self.life.spent(1, 3, MEMPOOL))

    def test_paid_and_spent_in_one_block(self) -> None:
        """An output made and spent in the same block is orphaned and unspent together when the block leaves."""
        self.life.found(self.transaction, sighting_at(5))
        self.life.spent(1, 2, sighting_at(5))

        kinds = self.life.step(Draft.disconnected, block_at(5), 3_000)

        self.assertEqual([Kind.PAYMENT_UNSPENT, Kind.PAYMENT_ORPHANED], kinds)

    def test_reused_address(self) -> None:
        """Another transaction that pays a known key is told once, with the first txid, and is no payment of its own."""
        self.life.found(self.transaction, sighting_at(5))
        again = given_transaction(2, [key_of(9), key_of(1)])

        self.assertEqual([Kind.ADDRESS_REUSED], self.life.step(Draft.found, again, [], MEMPOOL))
        self.assertEqual([], self.life.step(Draft.found, again, [], sighting_at(6)))
        self.assertEqual(display(txid_of(1)), self.life.told[-1].data.first_txid)
        self.assertEqual((5_000, 1), self.life.holdings.balance())
        self.assertEqual([], self.life.step(Draft.disconnected, block_at(6), 3_000))

    def test_same_key_twice_in_one_transaction(self) -> None:
        """Twin outputs of one transaction are two payments, not a reuse."""
        twins = given_transaction(1, [key_of(1), key_of(1)])
        matches = [match_of(twins, 0), match_of(twins, 1)]

        kinds = self.life.step(Draft.found, twins, matches, MEMPOOL)

        self.assertEqual([Kind.PAYMENT_DETECTED] * 2, kinds)

    def test_foreign_spend(self) -> None:
        """Spends of others' outputs change nothing."""
        self.assertEqual([], self.life.spent(7, 8, MEMPOOL))

    def test_amounts(self) -> None:
        """Amounts are told as the shortest decimal of BTC."""
        self.assertEqual(
            ["0.001", "1", "0", "0.00000001", "21000000"],
            [btc(sats) for sats in (100_000, 100_000_000, 0, 1, 2_100_000_000_000_000)],
        )


@define
class Fold:
    """A client that only reads what it is told, as the documentation says: what it believes is confirmed, and spent."""

    confirmed: dict[str, str] = field(factory=dict)
    spent: set[str] = field(factory=set)

    def take(self, notice: Notice) -> None:
        data = msgspec.to_builtins(notice.data)
        place = f"{data['txid']}:{data['vout']}"
        match notice.kind:
            case Kind.PAYMENT_CONFIRMED:
                self.confirmed[place] = data["block_hash"]
            case Kind.PAYMENT_ORPHANED:
                self.confirmed.pop(place, None)
            case Kind.PAYMENT_SPENT:
                self.spent.add(place)
            case Kind.PAYMENT_UNSPENT:
                self.spent.discard(place)

    def unspent(self) -> dict[str, tuple[str, bool]]:
        return {place: (block, place in self.spent) for place, block in self.confirmed.items()}


PAYMENTS = 4
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["mine", "undo", "mempool", "evict"]), st.sets(st.integers(0, 2 * PAYMENTS - 1))),
    max_size=30,
)


class FoldTests(SynchronousTestCase):
    """Telling is complete: the fold of the notices is the state of a chain scanned afresh."""

    @settings(max_examples=300, deadline=None)
    @given(ACTIONS)
    def test_fold_equals_fresh_scan(self, actions: list[tuple[str, set[int]]]) -> None:
        """Through any plan of blocks, reorganisations and evictions, a client that folds knows what a fresh scan finds.

        Numbers below ``PAYMENTS`` are payments, the others spend the payment with the number less ``PAYMENTS``.
        """
        world = _World()
        for action, numbers in actions:
            getattr(world, action)(numbers)

        fold = Fold()
        for notice in world.life.told:
            fold.take(notice)
        self.assertEqual(world.fresh(), fold.unspent())
        detected = [notice.data.txid for notice in world.life.told if notice.kind is Kind.PAYMENT_DETECTED]
        self.assertEqual(len(set(detected)), len(detected))


class _World:
    """A chain, a mempool, and a wallet that follows them as the relay does."""

    def __init__(self) -> None:
        self.life = Life()
        self.chain: list[tuple[BlockId, set[int]]] = []
        self.pool: set[int] = set()
        self.forks = 0

    def mine(self, numbers: set[int]) -> None:
        taken = {number for _, block in self.chain for number in block}
        block = numbers - taken
        block = {number for number in block if number < PAYMENTS or number - PAYMENTS in taken | block}
        place = sighting_at(len(self.chain) + 1, self.forks)
        assert place.block is not None
        self.chain.append((place.block, block))
        self.pool -= block
        self._see(block, place)

    def undo(self, _numbers: set[int]) -> None:
        if self.chain:
            self.forks += 1
            block, numbers = self.chain.pop()
            self.life.step(Draft.disconnected, block, 9_000)
            self.mempool(numbers)

    def mempool(self, numbers: set[int]) -> None:
        taken = {number for _, block in self.chain for number in block}
        known = taken | self.pool | numbers
        fresh = {number for number in numbers - taken if number < PAYMENTS or number - PAYMENTS in known}
        self.pool |= fresh
        self._see(fresh, MEMPOOL)

    def evict(self, numbers: set[int]) -> None:
        gone = numbers & self.pool
        gone |= {number for number in self.pool if number - PAYMENTS in gone}
        self.pool -= gone
        for number in gone:
            self.life.step(Draft.evicted, txid_of(number), 9_000)

    def _see(self, numbers: set[int], place: Sighting) -> None:
        for number in sorted(numbers):
            if number < PAYMENTS:
                self.life.found(given_transaction(number), place)
            else:
                self.life.spent(number - PAYMENTS, number, place)

    def fresh(self) -> dict[str, tuple[str, bool]]:
        spent = {number - PAYMENTS for _, block in self.chain for number in block} | {n - PAYMENTS for n in self.pool}
        return {
            f"{display(txid_of(number))}:0": (display(block.hash), number in spent)
            for block, numbers in self.chain
            for number in numbers
            if number < PAYMENTS
        }


class HoldingsTests(SynchronousTestCase):
    """What is held answers the questions of a step."""

    def test_restored_holdings_are_equal(self) -> None:
        """Holdings made again from the stored outputs answer alike."""
        life = Life()
        life.found(given_transaction(1), MEMPOOL)
        life.found(given_transaction(2), sighting_at(3))
        life.spent(2, 9, MEMPOOL)

        again = Holdings(life.holdings.outputs.values())

        self.assertEqual(life.holdings.unconfirmed(), again.unconfirmed())
        self.assertEqual(life.holdings.prefixes, again.prefixes)
        self.assertEqual(life.holdings.balance(), again.balance())
        self.assertEqual(Standing.MEMPOOL, again.outputs[outpoint_of(txid_of(1), 0)].standing)
