"""Payments expected at one relay, as another one has them: concluded from facts, on its own chain."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import IndexedBlock
from sdkrelay.domain.expected import Expected, PaymentStatus
from sdkrelay.domain.facts import Described, content_of
from sdkrelay.domain.record import Sort
from sdkrelay.services.mesh.payments import PaymentFacts
from tests.support.linked import LinkedRelay, cable
from tests.support.stores import block, block_notice, chain, now, sealed_wallet
from tests.support.tasks import EPOCH, DrivenTime

OUTPOINT = b"\x07" * 36


def expected(**more: object) -> Expected:
    """A payment that anna expects."""
    payment = Expected(
        payment_id="payment-1", creator="user:anna", recipient="tsp1q", amount_sats=5_000, metadata='{"order":1}',
        confirmations_required=2, txid=None, digest=b"\xd1" * 32, created_at=int(EPOCH), created_height=0,
        expires_at=int(EPOCH) + 600, updated_at=int(EPOCH),
    )  # fmt: skip
    return evolve(payment, **more)  # type: ignore[arg-type]


class PaymentCase(SynchronousTestCase):
    """Two linked relays on the same chain; the payment's wallet is registered with relay 1 only."""

    def setUp(self) -> None:
        """Both follow facts."""
        self.time = DrivenTime()
        self.one, self.other = LinkedRelay("relay-1", self.time), LinkedRelay("relay-2", self.time)
        self.blocks = chain(20)
        self.facts = {}
        for relay in (self.one, self.other):
            now(relay.store.index.append_blocks(self.blocks))
            facts = PaymentFacts(relay.store, relay.records, relay.base.hub, self.time.tasks, self.time)
            facts.start()
            self.addCleanup(lambda facts=facts: now(facts.stop()))
            self.facts[relay.name] = facts
        cable(self.one, self.other)
        now(self.one.store.wallets.register(sealed_wallet(1, wallet_id="wallet-1"), b"t" * 32))
        self.wait()

    def wait(self) -> None:
        """Let all settle."""
        for _ in range(5):
            self.time.advance(0.1)
            self.time.settle(30)

    def stands(self, **more: object) -> None:
        """So the payment stands at relay 1, as its wallet's outputs have it."""
        now(self.one.store.payments.put(expected(wallet_id="wallet-1", **more)))
        self.facts["relay-1"].look("payment-1")
        self.wait()

    def at(self, relay: LinkedRelay) -> Expected:
        """The payment as a relay has it."""
        found = now(relay.store.payments.payment("payment-1"))
        if found is None:
            raise AssertionError("it is not known there")
        return found

    def mine(self, *blocks: IndexedBlock) -> None:
        """Relay 2 indexes blocks, and tells of them."""
        for each in blocks:
            entries = now(self.other.store.index.append_block(each, [block_notice(each.id)]))
            now(self.other.base.hub.publish(entries))
        self.wait()


class FactTests(PaymentCase):
    """What travels, and what is made of it."""

    def test_a_payment_is_known_at_the_other_relay(self) -> None:
        """With what was asked for, and pending."""
        self.stands()
        there = self.at(self.other)
        self.assertEqual((there.creator, there.amount_sats, there.status), ("user:anna", 5_000, PaymentStatus.PENDING))
        self.assertEqual((there.wallet_id, there.metadata, there.digest), (None, '{"order":1}', b"\xd1" * 32))

    def test_it_stands_as_the_facts_and_the_own_chain_have_it(self) -> None:
        """Detected while it has one confirmation here, whatever it has there; confirmed with a block on top."""
        tip = self.blocks[-1].id
        self.stands(status=PaymentStatus.CONFIRMED, outpoint=OUTPOINT, received_sats=5_000, block=tip)
        there = self.at(self.other)
        self.assertEqual((there.status, there.outpoint, there.block), (PaymentStatus.DETECTED, OUTPOINT, tip))
        self.mine(block(tip))
        self.assertEqual(self.at(self.other).status, PaymentStatus.CONFIRMED)

    def test_a_block_that_is_not_in_the_own_chain_does_not_count(self) -> None:
        """The payment is orphaned until the chain has it."""
        elsewhere = block(self.blocks[-2].id, branch="another").id
        self.stands(status=PaymentStatus.DETECTED, outpoint=OUTPOINT, received_sats=5_000, block=elsewhere)
        self.assertEqual(self.at(self.other).status, PaymentStatus.ORPHANED)

    def test_metadata_is_the_last_writers(self) -> None:
        """On both sides."""
        self.stands()
        content = content_of(Described(metadata={"order": 2}))
        now(self.other.records.publish(Sort.PAYMENT, "user:anna", "payment-1", content, 600))
        self.facts["relay-2"].look("payment-1")
        self.wait()
        self.assertEqual(self.at(self.other).metadata, '{"order":2}')

    def test_facts_are_said_once(self) -> None:
        """However often a payment is looked at, and after a restart."""
        self.stands(status=PaymentStatus.DETECTED, outpoint=OUTPOINT, received_sats=5_000, block=self.blocks[-1].id)
        self.assertEqual(len(self.one.held), 3)
        for facts in self.facts.values():
            facts.look("payment-1")
        again = PaymentFacts(self.one.store, self.one.records, self.one.base.hub, self.time.tasks, self.time)
        again.start()
        self.addCleanup(lambda: now(again.stop()))
        self.wait()
        self.assertEqual((self.one.held, len(self.one.held)), (self.other.held, 3))

    def test_what_is_no_fact_is_no_harm(self) -> None:
        """A record about a payment that holds something else, or is about one that nobody created."""
        now(self.one.records.publish(Sort.PAYMENT, "user:anna", "payment-1", b'{"fact":"paid"}', 600))
        self.wait()
        self.assertEqual(now(self.other.store.payments.payment("payment-1")), None)
        self.stands()
        self.assertEqual(self.at(self.other).status, PaymentStatus.PENDING)
