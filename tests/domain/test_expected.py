"""Which output fulfils which payment, and how payments stand with what was found."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Principal
from sdkrelay.domain.chain import BlockHash, BlockId, Txid
from sdkrelay.domain.expected import Expected, PaymentStatus, Receipt, at_tip, creator, creators, judge, update_notice
from sdkrelay.domain.wallet import Standing

HERE = BlockId(10, BlockHash(b"\x0a" * 32))


def expected(number: int = 1, **changes: Any) -> Expected:
    """A payment of 500 satoshi to a wallet's own address, recorded at height 9."""
    values: dict[str, Any] = {
        "payment_id": f"pay_{number}",
        "creator": "session:a",
        "recipient": "tsp1q",
        "amount_sats": 500,
        "metadata": "{}",
        "confirmations_required": 1,
        "txid": None,
        "digest": b"",
        "created_at": 0,
        "created_height": 9,
        "expires_at": 100,
        "updated_at": 0,
        "number": number,
        "baseline": 5,
        "wallet_id": "ab",
    }
    return Expected(**{**values, **changes})


def receipt(found: int = 6, **changes: Any) -> Receipt:
    """An output of 500 satoshi in the mempool."""
    outpoint = found.to_bytes(32, "little") + bytes(4)
    return evolve(Receipt(outpoint, 500, None, found, Standing.MEMPOOL, None), **changes)


def confirmed(found: int = 6, block: BlockId = HERE, **changes: Any) -> Receipt:
    """An output of 500 satoshi in a block."""
    return receipt(found, standing=Standing.CONFIRMED, block=block, **changes)


def judged(payment: Expected, *free: Receipt, tip: int = 10) -> Expected:
    """How one payment stands."""
    return next(iter(judge([payment], {}, free, tip)), payment)


class FittingTests(SynchronousTestCase):
    """What is for a payment and what is not."""

    def test_the_amount_must_be_the_one_expected(self) -> None:
        """Neither less nor more."""
        for value in (499, 501):
            self.assertEqual(judged(expected(), receipt(value=value)).status, PaymentStatus.PENDING)
        self.assertEqual(judged(expected(), receipt()).status, PaymentStatus.DETECTED)

    def test_the_label_must_be_the_recipients(self) -> None:
        """Another label of the wallet, or none, is another recipient."""
        self.assertEqual(judged(expected(label=3), receipt()).status, PaymentStatus.PENDING)
        self.assertEqual(judged(expected(label=3), receipt(label=3)).status, PaymentStatus.DETECTED)

    def test_what_was_there_before_is_not_for_it(self) -> None:
        """Neither an output found earlier nor one of an earlier block that a wallet catching up finds now."""
        earlier = BlockId(9, HERE.hash)
        for old in (receipt(5), confirmed(5), confirmed(7, earlier)):
            self.assertEqual(judged(expected(), old).status, PaymentStatus.PENDING)

    def test_a_named_transaction_is_enough(self) -> None:
        """Whatever it pays, and whenever it was found; the output of the amount expected comes first."""
        named = expected(txid=Txid(receipt(2).outpoint[:32]))
        other = receipt(2, value=7)
        self.assertEqual(judged(named, other).received_sats, 7)
        exact = receipt(3, outpoint=other.outpoint[:32] + b"\x01\0\0\0")
        self.assertEqual(judged(named, other, exact).received_sats, 500)
        self.assertEqual(judged(named, receipt(8)).status, PaymentStatus.PENDING)

    def test_every_output_fulfils_one_payment(self) -> None:
        """The one recorded first has the output found first."""
        first, second = judge([expected(2), expected(1)], {}, [receipt(6), receipt(7)], 10)
        self.assertEqual((first.number, first.outpoint), (1, receipt(6).outpoint))
        self.assertEqual((second.number, second.outpoint), (2, receipt(7).outpoint))

    def test_an_expired_payment_takes_nothing(self) -> None:
        """What comes too late is not for it."""
        late = expected(status=PaymentStatus.EXPIRED)
        self.assertEqual(judge([late], {}, [receipt()], 10), [])


class StandingTests(SynchronousTestCase):
    """The state that follows from where the output stands."""

    def test_confirmations_are_counted(self) -> None:
        """Confirmed by the block that makes them enough, not before, and not any more without it."""
        payment = judged(expected(confirmations_required=3), confirmed(), tip=11)
        self.assertEqual((payment.status, payment.confirmations(11)), (PaymentStatus.DETECTED, 2))
        self.assertEqual(at_tip(payment, 12).status, PaymentStatus.CONFIRMED)
        self.assertEqual(at_tip(at_tip(payment, 12), 11).status, PaymentStatus.DETECTED)

    def test_orphaned_and_back(self) -> None:
        """The same output again is the same payment; its block fields are gone meanwhile."""
        paid = judged(expected(), confirmed())
        gone = receipt(standing=Standing.ORPHANED)
        [orphaned] = judge([paid], {gone.outpoint: gone}, [], 9)
        self.assertEqual((orphaned.status, orphaned.block), (PaymentStatus.ORPHANED, None))
        [back] = judge([orphaned], {gone.outpoint: confirmed()}, [], 10)
        self.assertEqual(back, paid)

    def test_another_output_takes_the_place_of_an_orphaned_one(self) -> None:
        """As when the payer replaced the transaction."""
        gone = receipt(standing=Standing.ORPHANED)
        [paid] = judge([judged(expected(), receipt())], {gone.outpoint: gone}, [receipt(7)], 10)
        self.assertEqual((paid.status, paid.outpoint), (PaymentStatus.DETECTED, receipt(7).outpoint))

    def test_what_it_has_and_nobody_shows_stays_as_it_is(self) -> None:
        """A wallet that is registered again finds its outputs again later."""
        self.assertEqual(judge([judged(expected(), confirmed())], {}, [], 10), [])

    def test_what_is_told(self) -> None:
        """The whole state, for its creator and the wallet."""
        notice = update_notice(judged(expected(), confirmed()), 12)
        self.assertEqual((notice.wallet_id, notice.creator), ("ab", "session:a"))
        data: Any = notice.data
        self.assertEqual(
            (data.status, data.block_height, data.confirmations, data.amount), ("confirmed", 10, 3, "0.000005")
        )


class CreatorTests(SynchronousTestCase):
    """Under which name somebody records."""

    def test_users_are_known_and_loopback_is_nobody(self) -> None:
        """A user's sessions see each other's payments; whoever sits at the machine is one session only."""
        alice, local = Principal("alice", frozenset()), Principal("loopback", frozenset())
        self.assertEqual(creator(alice, "s1"), "user:alice")
        self.assertEqual(creators(alice, "s1"), {"user:alice", "session:s1"})
        self.assertEqual((creator(None, "s1"), creator(local, "s1")), ("session:s1", "session:s1"))


OUTPUTS = st.lists(st.tuples(st.sampled_from(Standing), st.sampled_from([400, 500])), max_size=6)
AMOUNTS = st.lists(st.sampled_from([400, 500]), max_size=6)


class RandomTests(SynchronousTestCase):
    """Whatever happens to outputs, in whatever order it is looked at."""

    @settings(deadline=None, max_examples=200)
    @given(AMOUNTS, st.lists(OUTPUTS, min_size=1, max_size=5))
    def test_as_many_stand_as_can(self, amounts: list[int], rounds: list[list[tuple[Standing, int]]]) -> None:
        """No output has two payments, and none that stands is left over while a payment of its amount looks for one."""
        payments = {number: expected(number, amount_sats=amount) for number, amount in enumerate(amounts, 1)}
        for outputs in rounds:
            receipts = {item.outpoint: item for item in map(_output, range(len(outputs)), outputs)}
            self._judge(payments, receipts)
            self._check(payments, receipts)

    def _judge(self, payments: dict[int, Expected], receipts: dict[bytes, Receipt]) -> None:
        has = {payment.outpoint for payment in payments.values()}
        free = [item for item in receipts.values() if item.stands and item.outpoint not in has]
        payments.update({item.number: item for item in judge(payments.values(), receipts, free, 10)})
        self.assertEqual(judge(payments.values(), receipts, [], 10), [])

    def _check(self, payments: dict[int, Expected], receipts: dict[bytes, Receipt]) -> None:
        has = [payment.outpoint for payment in payments.values() if payment.outpoint]
        self.assertEqual(len(set(has)), len(has))
        looking = {one.amount_sats for one in payments.values() if one.status in ("pending", "orphaned")}
        left = {item.value for item in receipts.values() if item.stands and item.outpoint not in has}
        self.assertEqual(looking & left, set())


def _output(place: int, drawn: tuple[Standing, int]) -> Receipt:
    standing, value = drawn
    block = HERE if standing is Standing.CONFIRMED else None
    return receipt(100 * value + place, value=value, standing=standing, block=block)
