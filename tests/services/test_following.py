"""The main loop: what it keeps, when it compares, and what it says when it cannot go on."""

from __future__ import annotations

from attrs import evolve

from sdkrelay.domain.notification import Topic
from sdkrelay.domain.position import Position
from sdkrelay.domain.status import Live, Stalled
from sdkrelay.ports import MempoolAdded
from sdkrelay.services.following import MOST_HINTS, PRUNE_EVERY, Retention
from tests.services.test_wallets import WalletCase
from tests.support.simulated import payment
from tests.support.stores import now


class FollowingTests(WalletCase):
    """Following a node that is sometimes away."""

    def test_a_node_that_is_away_is_a_reason(self) -> None:
        """The indexer stalls with the node's own reason, since a time, and goes on by itself."""
        self.node.failing = 1.0
        self.wait(200)
        condition = self.relay.indexing.condition
        assert isinstance(condition, Stalled)
        self.assertIn("simulated", condition.why)

        self.node.failing = 0.0
        self.node.mine()
        self.wait(300)
        self.assertEqual(Live(5), self.relay.indexing.condition)

    def test_old_notifications_are_forgotten(self) -> None:
        """What is older than the retention goes; a position before it is known to have expired."""
        oldest = now(self.store.log.oldest_number())
        self.relay.following._retention = Retention(60, 1_000)
        for _ in range(4):
            self.time.advance(PRUNE_EVERY)
            self.wait(150)

        self.assertEqual([], now(self.store.log.read(0, frozenset(Topic), frozenset(), 100)))
        self.assertGreater(now(self.store.log.oldest_number()), oldest)

    def test_too_many_hints_are_replaced_by_a_comparison(self) -> None:
        """Beyond the bound hints are dropped, and nothing in the mempool is missed for it."""
        answer = self.relay.register(self.owner, self.listener)
        self.wait()
        paid = payment(self.source, self.owner)
        self.node.pool[paid.txid] = paid
        for number in range(MOST_HINTS + 1):
            self.relay.following.hint(MempoolAdded(number.to_bytes(32, "big")))
        self.wait(400)

        self.assertEqual(1, len(now(self.store.wallets.outputs(answer.wallet_id))))

    def test_needed_height(self) -> None:
        """The lowest block still needed is the next one, or the first that a wallet has yet to pass."""
        self.assertEqual(5, self.relay.following.needed_height(0))
        watched = self.relay.watch.get(self.relay.register(self.owner, self.listener).wallet_id)
        assert watched is not None
        watched.wallet = evolve(watched.wallet, cursor=watched.wallet.cursor._replace(height=1))

        self.assertEqual(2, self.relay.following.needed_height(0))

    def test_positions_are_read_back(self) -> None:
        """A position is its log's id and a number, whatever is in the id; anything else is none."""
        self.assertEqual(Position("a-b", 7), Position.parse("a-b-7"))
        for text in ("", "7", "a-", "-7", "a-7x", "a-" + "9" * 19, "a-٣"):
            self.assertRaises(ValueError, Position.parse, text)
