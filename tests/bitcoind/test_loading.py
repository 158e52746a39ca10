"""A bitcoind that was just started answers before its mempool is whole: nothing may be concluded from what is missing."""

from __future__ import annotations

from sdkrelay.domain.chain import Txid
from sdkrelay.domain.status import NodeState
from sdkrelay.ports import Hint, MempoolAdded, MempoolRemoved, MempoolUnknown, Unavailable
from tests.support import fake_bitcoind as faults
from tests.support.bitcoind import pause, until

from .test_node import NodeTestCase

LOADING = "^bitcoind is still loading its mempool$"


class LoadingTests(NodeTestCase):
    """The fake with part of its mempool."""

    async def test_the_mempool_is_unavailable_until_it_is_whole(self) -> None:
        """The connection is well all the time."""
        paid = self.fake.pay(self.fake.chain[0].transactions[0])
        self.fake.loaded = False
        node = self.follow()
        await self.connected(node)
        with self.assertRaisesRegex(Unavailable, LOADING):
            await node.mempool()
        self.assertEqual(node.condition().state, NodeState.CONNECTED)
        self.fake.loaded = True
        self.assertEqual(await node.mempool(), [paid.txid])
        self.assertEqual([each.state for each in self.conditions], [NodeState.CONNECTED])

    async def test_a_transaction_that_is_there_is_given(self) -> None:
        """What was loaded already is no doubt there."""
        paid = self.fake.pay(self.fake.chain[0].transactions[0])
        self.fake.loaded = False
        node = self.follow()
        await self.connected(node)
        found = await node.transaction(Txid(paid.txid))
        self.assertEqual(found and found.raw, paid.raw)

    async def test_a_transaction_that_is_not_there_is_unavailable(self) -> None:
        """And None once the mempool is whole."""
        self.fake.loaded = False
        node = self.follow()
        await self.connected(node)
        with self.assertRaisesRegex(Unavailable, LOADING):
            await node.transaction(Txid(bytes(32)))
        self.fake.loaded = True
        self.assertIsNone(await node.transaction(Txid(bytes(32))))

    async def test_one_that_comes_while_it_is_asked_for_is_given(self) -> None:
        """Missing first, loaded next: it is looked for again."""
        self.fake.loaded = False
        node = self.follow(poll_interval=60.0)
        await self.connected(node)
        paid = self.fake.pay(self.fake.chain[0].transactions[0])
        late = self.fake.mempool.copy()
        self.fake.mempool.clear()
        ask = node._batcher.ask

        async def ask_and_load(method: str, *parameters: object) -> object:
            answer = await ask(method, *parameters)
            self.fake.loaded = True
            self.fake.mempool.update(late)
            return answer

        node._batcher.ask = ask_and_load  # type: ignore[method-assign, assignment]
        found = await node.transaction(Txid(paid.txid))
        self.assertEqual(found and found.raw, paid.raw)

    async def test_what_is_there_costs_no_question_more(self) -> None:
        """Only who is about to say that something is not there asks whether all is there."""
        paid = self.fake.pay(self.fake.chain[0].transactions[0])
        node = self.follow(poll_interval=60.0)
        await self.connected(node)
        await until(lambda: "getrawmempool" in self.fake.questions, "the first look at the mempool")
        self.fake.questions.clear()
        await node.transaction(Txid(paid.txid))
        self.assertNotIn("getmempoolinfo", self.fake.questions)

    async def test_after_a_restart_nothing_is_told_until_it_is_whole(self) -> None:
        """Then it is compared as a whole, once; polls in between neither miss nor find anything."""
        self.fake.pay(self.fake.chain[0].transactions[0])
        node = self.follow()
        await self.connected(node)
        self.fake.fault = faults.warming_up
        await until(lambda: node.condition().state is NodeState.CONNECTING, "away")
        whole, self.fake.mempool, self.fake.loaded = self.fake.mempool, {}, False
        self.hints.clear()
        self.fake.fault = None
        await self.connected(node)
        await pause(0.2)
        self.assertEqual(self.told(), [MempoolUnknown()])
        self.fake.mempool, self.fake.loaded = whole, True
        await until(lambda: len(self.told()) > 1, "the look at the whole")
        await pause(0.2)
        self.assertEqual(self.told(), [MempoolUnknown()] * 2)

    def told(self) -> list[Hint]:
        """What was told of the mempool."""
        return [hint for hint in self.hints if isinstance(hint, MempoolAdded | MempoolRemoved | MempoolUnknown)]
