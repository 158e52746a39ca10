"""What may be undone for a node, and what may not."""

from __future__ import annotations

from sdkrelay.domain.chain import BlockId
from sdkrelay.domain.status import Live, Stalled
from tests.services.test_wallets import WalletCase
from tests.support.simulated import payment
from tests.support.stores import now, opened


class ForkTests(WalletCase):
    """A relay with fifty blocks, and a node that changes its mind."""

    def setUp(self) -> None:
        super().setUp()
        for _ in range(45):
            self.node.mine()
        self.wait(300)
        self.held = self.tip()

    def tip(self) -> BlockId | None:
        return now(self.store.index.tip())

    def undo(self, count: int) -> None:
        for _ in range(count):
            self.node.undo()

    def assertStalled(self, word: str) -> None:
        condition = self.relay.indexing.condition
        assert isinstance(condition, Stalled), condition
        self.assertIn(word, condition.why)
        self.assertEqual(self.held, self.tip())

    def test_a_node_that_loads_its_chain_again_is_waited_for(self) -> None:
        """Nothing is undone while the node is behind and loading, wherever it stands; then all goes on."""
        blocks = self.node.chain[3:]
        self.undo(len(blocks))
        self.node.loading = True
        self.wait(300)
        self.assertStalled("loading")

        self.node.chain.extend(blocks)
        self.node.loading = False
        self.node.mine()
        self.wait(300)
        self.assertEqual(Live(50), self.relay.indexing.condition)

    def test_another_chain_is_not_followed(self) -> None:
        """A node without any block of ours, shorter or longer, changes nothing; the way out is named."""
        for length in (10, 60):
            self.undo(len(self.node.chain))
            for _ in range(length):
                self.node.mine()
            self.wait(400)
            self.assertStalled("reindex")

    def test_a_fork_that_is_too_deep_is_not_followed(self) -> None:
        """Beyond the deepest reorganisation an operator is asked; up to it, it is followed."""
        self.relay.indexing._forks.deepest = 20
        self.undo(25)
        for _ in range(26):
            self.node.mine()
        self.wait(400)
        self.assertStalled("reindex")

    def test_deep_forks_are_followed(self) -> None:
        """Forks of many depths are followed, whatever stride meets the common block."""
        for depth in (1, 2, 3, 7, 20, 31, 48):
            self.undo(depth)
            for _ in range(depth + 1):
                self.node.mine()
            self.wait(600)
            self.assertEqual(self.node.chain[-1].hash, self.tip().hash, depth)

    def test_young_index_on_a_common_block(self) -> None:
        """An index whose every block was replaced is made again, if it built on a block of the node's."""
        self.relay.kill()
        self.wait()
        self.START = 40
        self.store = now(opened())
        self.relay = self.given_relay()
        self.wait(300)
        for depth, followed in ((10, True), (15, False)):
            self.undo(depth)
            for _ in range(depth + 1):
                self.node.mine()
            self.wait(600)
            self.assertEqual(followed, self.tip().hash == self.node.chain[-1].hash, depth)

    def test_default_birthday_outlives_a_reorganisation(self) -> None:
        """A wallet registered while the index is behind is told of a payment in the block that replaces the node's tip."""
        self.relay.kill()
        self.wait()
        self.relay = self.given_relay()
        request = self.owner.registration()
        fresh = type(request)(scan_private_key=request.scan_private_key, spend_public_key=request.spend_public_key)
        self.node.mine()
        answer = self.relay.run(self.relay.wallets.register(fresh, self.listener))
        self.undo(1)
        self.node.mine((payment(self.source, self.owner),))
        self.node.mine()
        self.wait(300)

        self.assertEqual(1, len(now(self.store.wallets.outputs(answer.wallet_id))))
