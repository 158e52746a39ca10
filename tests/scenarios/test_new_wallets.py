"""A wallet that was just registered has seen no block: what befalls it before the next one must not be missed."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.notification import Kind, Topic
from sdkrelay.messages.native.subscription import Subscribe
from tests.support.simulated import Listener, Owner, SimulatedNode, SimulatedRelay, payment
from tests.support.stores import now, opened
from tests.support.tasks import DrivenTime


class NewWalletTests(SynchronousTestCase):
    """A wallet whose birthday is the next block."""

    def setUp(self) -> None:
        self.source, self.time = random.Random(7), DrivenTime()
        self.node = SimulatedNode(self.time, self.source)
        for _ in range(5):
            self.node.mine()
        self.relay = SimulatedRelay(self.node, now(opened()), self.time)
        self.relay.start()
        self.wait()
        self.listener = Listener(self.time)
        self.relay.run(self.relay.hub.subscribe(Subscribe(subscriptions=("payments",)), self.listener))
        owner = Owner.make(self.source)
        self.relay.register(owner, self.listener, birthday=5)
        self.paid = payment(self.source, owner)
        self.node.add(self.paid)
        self.wait()

    def wait(self) -> None:
        """Let everything settle."""
        for _ in range(400):
            self.time.advance(0.05)

    def kinds(self) -> list[Kind]:
        """What was told about payments."""
        self.wait()
        return [news.entry.kind for news in self.listener.heard if news.entry.topic is Topic.PAYMENTS]

    def test_an_eviction_before_the_first_block(self) -> None:
        """Is told at once."""
        self.node.remove(self.paid.txid)
        self.assertEqual(self.kinds(), [Kind.PAYMENT_DETECTED, Kind.PAYMENT_ORPHANED])

    def test_a_payment_in_the_block_that_replaces_the_tip(self) -> None:
        """Is confirmed, though that block is below the birthday."""
        for _ in range(2):
            self.node.undo()
        self.node.mine((self.paid,))
        for _ in range(2):
            self.node.mine()
        self.assertEqual(self.kinds(), [Kind.PAYMENT_DETECTED, Kind.PAYMENT_CONFIRMED])
