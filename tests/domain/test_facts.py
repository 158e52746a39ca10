"""What follows from facts about a payment: the same on every relay that has the same facts and the same chain."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.chain import BlockHash, display
from sdkrelay.domain.expected import Expected, PaymentStatus
from sdkrelay.domain.facts import Created, Described, Fact, Mined, Said, Seen, content_of, facts_of, standing
from sdkrelay.domain.record import Record, Sort
from tests.support.tasks import EPOCH

AT = int(EPOCH)
CREATED = Created(
    recipient="tsp1q", amount_sats=5_000, confirmations_required=3, txid=None, digest="d1" * 32, created_at=AT,
    expires_at=AT + 600, metadata={"order": 1},
)  # fmt: skip


def chain_hash(height: int, branch: int = 0) -> BlockHash:
    """The hash of a block of a branch."""
    return BlockHash(bytes([branch]) + height.to_bytes(31, "big"))


def seen(number: int = 1) -> Seen:
    """An output that pays it."""
    return Seen(outpoint=f"{number:072x}", received_sats=5_000)


def mined(height: int, branch: int = 0, number: int = 1) -> Mined:
    """The same output in a block."""
    block_hash = display(chain_hash(height, branch))
    return Mined(outpoint=f"{number:072x}", received_sats=5_000, block_height=height, block_hash=block_hash)


def fact(said: Said, time: int = 0, author: str = "user:anna") -> Fact:
    """Somebody says it at a time."""
    return Fact("payment-1", author, (time, sha256(author.encode() + content_of(said)).digest()), said)


def on_chain(facts: list[Fact], tip: int = 100, now: float = EPOCH) -> Expected:
    """The payment on branch 0, up to this height."""
    found = standing(facts, lambda height: chain_hash(height) if height <= tip else None, tip, now)
    if found is None:
        raise AssertionError("nobody created it")
    return found


class StandingTests(SynchronousTestCase):
    """Single cases."""

    def status(self, *said: Said, tip: int = 100, now: float = EPOCH) -> str:
        """How it stands when this was said after its creation."""
        return on_chain([fact(CREATED), *(fact(each, time) for time, each in enumerate(said, 1))], tip, now).status

    def test_it_follows_the_chain(self) -> None:
        """Pending, detected in the mempool and while not deep enough, confirmed."""
        self.assertEqual(self.status(), "pending")
        self.assertEqual(self.status(seen()), "detected")
        self.assertEqual(self.status(seen(), mined(99)), "detected")
        self.assertEqual(self.status(seen(), mined(98)), "confirmed")

    def test_a_reorganisation_takes_it_back(self) -> None:
        """Mined in a block off the best chain it is orphaned; mined again it is confirmed; a block that is not here yet waits."""
        self.assertEqual(self.status(seen(), mined(90, branch=1)), "orphaned")
        self.assertEqual(self.status(seen(), mined(90, branch=1), mined(91)), "confirmed")
        self.assertEqual(self.status(seen(), mined(105)), "detected")

    def test_it_expires_only_if_nothing_paid_it(self) -> None:
        """Whatever time it is."""
        late = EPOCH + 601
        self.assertEqual(self.status(now=late), "expired")
        self.assertEqual(self.status(seen(), now=late), "detected")

    def test_what_is_in_the_chain_counts_before_what_is_only_seen(self) -> None:
        """Whichever was heard of first."""
        found = on_chain([fact(CREATED), fact(seen(1), 1), fact(seen(2), 2), fact(mined(90, number=2), 3)])
        self.assertEqual((found.outpoint, found.status), (bytes.fromhex(f"{2:072x}"), PaymentStatus.CONFIRMED))

    def test_a_name_is_its_first_authors(self) -> None:
        """What others say under it does not count, nor what is said of a payment that nobody created."""
        facts = [fact(CREATED, 5), fact(CREATED, 9, "user:eve"), fact(mined(90), 10, "user:eve")]
        found = on_chain(facts)
        self.assertEqual((found.creator, found.status), ("user:anna", PaymentStatus.PENDING))
        self.assertEqual(standing([fact(seen())], lambda height: None, 0, EPOCH), None)

    def test_metadata_is_the_last_writers(self) -> None:
        """Nothing else is."""
        facts = [fact(CREATED), fact(Described(metadata={"order": 3}), 7), fact(Described(metadata={"order": 2}), 6)]
        found = on_chain(facts)
        self.assertEqual((found.metadata, found.amount_sats), ('{"order":3}', 5_000))

    def test_a_relay_says_what_it_knows(self) -> None:
        """From that, another one on the same chain concludes the same."""
        before = on_chain([fact(CREATED), fact(seen(), 1), fact(mined(90), 2)])
        again = on_chain([fact(said, time) for time, said in enumerate(facts_of(before, display))])
        self.assertEqual(again, before)

    def test_a_record_holds_a_fact_or_is_refused(self) -> None:
        """Another kind, another form, a field too many, a number out of bounds."""
        good = Record(Sort.PAYMENT, "origin", xonly(b"k" * 32), "user:anna", "payment-1", content_of(CREATED), 7, 600)
        self.assertEqual(Fact.of(good).said, CREATED)
        for content in (b"{}", b'{"fact":"paid"}', b'{"fact":"seen","outpoint":"00","received_sats":1}',
                        content_of(seen()).replace(b"5000", b"-1"), content_of(seen())[:-1] + b',"more":1}'):  # fmt: skip
            self.assertRaises(ValueError, Fact.of, evolve(good, content=content))
        self.assertRaises(ValueError, Fact.of, evolve(good, kind=Sort.MESSAGE))


SAYINGS: Any = st.one_of(
    st.just(CREATED),
    st.builds(seen, st.integers(1, 3)),
    st.builds(mined, st.integers(80, 110), st.integers(0, 1), st.integers(1, 3)),
    st.builds(lambda order: Described(metadata={"order": order}), st.integers(0, 5)),
)
FACTS: Any = st.lists(
    st.builds(fact, SAYINGS, st.integers(0, 20), st.sampled_from(["user:anna", "user:eve"])), max_size=12
)


class OrderTests(SynchronousTestCase):
    """Any facts at all."""

    @settings(max_examples=200, deadline=None)
    @given(FACTS, st.randoms(use_true_random=False), st.integers(75, 115))
    def test_neither_order_nor_repetition_matters(self, facts: list[Fact], random: Any, tip: int) -> None:
        """However they came, and however often."""
        mixed = facts + facts[: len(facts) // 2]
        random.shuffle(mixed)
        results = [
            standing(several, lambda height: chain_hash(height) if height <= tip else None, tip, EPOCH)
            for several in (facts, mixed)
        ]
        self.assertEqual(results[0], results[1])

    @settings(max_examples=100, deadline=None)
    @given(FACTS, st.integers(75, 115))
    def test_a_payment_in_the_best_chain_is_never_less_than_detected(self, facts: list[Fact], tip: int) -> None:
        """And one that is confirmed is in it, deep enough."""
        found = standing(facts, lambda height: chain_hash(height) if height <= tip else None, tip, EPOCH)
        if found is not None and found.status is PaymentStatus.CONFIRMED:
            assert found.block is not None
            self.assertEqual(found.block.hash, chain_hash(found.block.height))
            self.assertGreaterEqual(found.confirmations(tip), 3)
