"""What the relay needs of a bitcoind, asked of the fake one and of real ones: a fake that differs would prove nothing."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from sdkrelay.domain.chain import BlockHash, Network, Txid, display, from_display
from sdkrelay.domain.status import NodeState
from sdkrelay.io.bitcoind.node import BitcoinNode
from sdkrelay.io.bitcoind.process import Options, RegtestNode
from sdkrelay.messages.bitcoin.block import decode_block, decode_transaction
from sdkrelay.ports import Hint, MempoolAdded, MempoolUnknown, TipChanged
from tests.support.bitcoind import FixedEntropy, make_node, until
from tests.support.blocks import Written
from tests.support.fake_bitcoind import FakeBitcoind


class Driver(Protocol):
    """What a test does to a node, whichever it is. Hashes are in internal order."""

    url: str
    cookie: Path

    def mine(self, count: int) -> bytes:
        """That many blocks; the hash of the last."""

    def replace_tip(self) -> bytes:
        """Another block of the same height instead of the highest; its hash."""

    def pay(self) -> bytes:
        """A mempool transaction that spends a confirmed output; its txid."""

    def pay_from(self, txid: bytes) -> bytes:
        """One that spends the first output of another in the mempool."""


class FakeDriver:
    """The fake, served over TCP."""

    def __init__(self, test: TestCase) -> None:
        self.fake = FakeBitcoind()
        test.addCleanup(self.fake.close)
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.cookie = Path(folder.name) / ".cookie"
        self.cookie.write_bytes(self.fake.secret)
        self.url = self.fake.listen()
        self._coins: list[Written] = [self.fake.chain[0].transactions[0]]

    def mine(self, count: int) -> bytes:
        blocks = [self.fake.mine() for _ in range(count)]
        self._coins += [block.transactions[0] for block in blocks]
        return blocks[-1].hash

    def replace_tip(self) -> bytes:
        self.fake.disconnect()
        return self.fake.mine(b"other").hash

    def pay(self) -> bytes:
        return self.fake.pay(self._coins.pop(0)).txid

    def pay_from(self, txid: bytes) -> bytes:
        return self.fake.pay(self.fake.mempool[display(txid)]).txid


class RealDriver:
    """A bitcoind in regtest with a wallet."""

    def __init__(self, node: RegtestNode) -> None:
        self._node = node
        node.start()
        self.url, self.cookie = node.rpc_url, node.cookie_path
        node.call("createwallet", "test")
        self._address = node.call("getnewaddress", "", "bech32m")
        node.call("generatetoaddress", 101, self._address)

    def mine(self, count: int) -> bytes:
        return from_display(self._node.call("generatetoaddress", count, self._address)[-1])

    def replace_tip(self) -> bytes:
        self._node.call("invalidateblock", self._node.call("getbestblockhash"))
        # Another address: the same block again would be the invalid one.
        self._address = self._node.call("getnewaddress", "", "bech32m")
        return self.mine(1)

    def pay(self) -> bytes:
        return from_display(self._node.call("sendtoaddress", self._address, "0.5"))

    def pay_from(self, txid: bytes) -> bytes:
        value = self._node.call("gettransaction", display(txid), True, True)["decoded"]["vout"][0]["value"]
        given = [{"txid": display(txid), "vout": 0}], [{self._address: str(value - Decimal("0.001"))}]
        signed = self._node.call("signrawtransactionwithwallet", self._node.call("createrawtransaction", *given))
        return from_display(self._node.call("sendrawtransaction", signed["hex"]))


class NodeContract:
    """The suite; a subclass says which node."""

    def make_driver(self) -> Driver:
        raise NotImplementedError

    async def setUp(self: Any) -> None:
        self.driver = self.make_driver()
        self.hints: list[Hint] = []
        self.node = BitcoinNode(
            reactor,
            FixedEntropy(),
            self.driver.url,
            Network.REGTEST,
            cookie_path=self.driver.cookie,
            poll_interval=0.1,
            on_hint=self.hints.append,
        )
        self.node.startService()
        self.addCleanup(self.node.stopService)
        await until(lambda: self.node.condition().state is NodeState.CONNECTED, "connected")

    async def test_the_tip_is_the_best_block(self: Any) -> None:
        """Height and hash of the tip, found again by its height, and nothing above."""
        mined = self.driver.mine(2)
        tip = await self.node.tip()
        self.assertEqual(tip.hash, mined)
        self.assertEqual(await self.node.hash_at(tip.height), mined)
        self.assertIsNone(await self.node.hash_at(tip.height + 1))

    async def test_a_block_comes_with_what_it_spends(self: Any) -> None:
        """The bytes hash to what was asked for, and the undo data fits."""
        txid = self.driver.pay()
        mined = self.driver.mine(1)
        block = await self.node.block(BlockHash(mined))
        self.assertEqual(sha256(sha256(block.raw[:80]).digest()).digest(), mined)
        self.assertEqual(block.height, (await self.node.tip()).height)
        parsed = decode_block(block.raw, block.undo)
        self.assertIn(txid, [each.txid for each in parsed.transactions])
        self.assertIn(txid, [each.spender for each in parsed.spends])

    async def test_json_gives_the_same_bytes(self: Any) -> None:
        """A node without REST, or without spenttxouts, gives equal blocks."""
        self.driver.pay()
        for block_hash in (self.driver.mine(1), await self.node.hash_at(0)):
            first = await self.node.block(BlockHash(block_hash))
            self.node._rest.available = False
            self.assertEqual(await self.node.block(BlockHash(block_hash)), first)
            self.node._rest.available = True

    async def test_what_the_node_never_heard_of_is_none(self: Any) -> None:
        """Unknown blocks and transactions are no errors."""
        self.assertIsNone(await self.node.block(BlockHash(bytes(32))))
        self.assertIsNone(await self.node.block_details(BlockHash(bytes(32))))
        self.assertIsNone(await self.node.transaction(Txid(bytes(32))))

    async def test_a_block_that_left_the_chain_is_still_given(self: Any) -> None:
        """Undoing needs the old block after the tip has changed."""
        old = self.driver.mine(1)
        new = self.driver.replace_tip()
        tip = await self.node.tip()
        self.assertEqual(tip.hash, new)
        self.assertEqual((await self.node.block(BlockHash(old))).height, tip.height)

    async def test_a_mempool_transaction_comes_with_what_it_spends(self: Any) -> None:
        """Outputs of the chain are found although the mempool spends them."""
        txid = Txid(self.driver.pay())
        self.assertEqual(await self.node.mempool(), [txid])
        found = await self.node.transaction(txid)
        transaction, _ = decode_transaction(found.raw, found.prevouts)
        self.assertEqual(transaction.txid, txid)
        self.assertGreater(transaction.fee, 0)

    async def test_a_parent_in_the_mempool_is_found(self: Any) -> None:
        """Outputs of unconfirmed parents are found too."""
        parent = self.driver.pay()
        child = Txid(self.driver.pay_from(parent))
        found = await self.node.transaction(child)
        transaction, _ = decode_transaction(found.raw, found.prevouts)
        self.assertEqual(transaction.inputs[0].outpoint[:32], parent)

    async def test_a_transaction_that_was_mined_is_none(self: Any) -> None:
        """What has left the mempool is the block's business."""
        txid = Txid(self.driver.pay())
        self.driver.mine(1)
        self.assertIsNone(await self.node.transaction(txid))
        self.assertEqual(await self.node.mempool(), [])

    async def test_info_has_its_three_parts(self: Any) -> None:
        """Chain, network and mempool, as bitcoind names them."""
        info = await self.node.info()
        self.assertEqual(set(info), {"blockchain_info", "network_info", "mempool_info"})
        self.assertEqual(info["blockchain_info"]["chain"], "regtest")
        self.assertEqual((info["mempool_info"]["size"], info["mempool_info"]["loaded"]), (0, True))

    async def test_block_details_list_the_transactions(self: Any) -> None:
        """Verbosity 1: txids in display form."""
        txid = self.driver.pay()
        details = await self.node.block_details(BlockHash(self.driver.mine(1)))
        self.assertEqual(details["nTx"], 2)
        self.assertEqual(details["tx"][1], display(txid))

    async def test_a_time_becomes_a_height(self: Any) -> None:
        """The beginning of time is the first block, and the far future is after the last."""
        self.driver.mine(20)
        self.assertEqual(await self.node.height_at_time(0), 0)
        tip = await self.node.tip()
        self.assertEqual(await self.node.height_at_time(2**32), tip.height + 1)

    async def test_polling_finds_a_new_block(self: Any) -> None:
        """Without ZMQ a new tip is told within a poll."""
        await until(lambda: len(self.hints) >= 2, "the first hints")
        self.hints.clear()
        self.driver.mine(1)
        await until(lambda: TipChanged() in self.hints, "the tip's change")

    async def test_polling_finds_a_new_transaction(self: Any) -> None:
        """Without ZMQ the mempool is compared."""
        await until(lambda: self.hints.count(MempoolUnknown()) >= 2, "the first look at the mempool")
        txid = Txid(self.driver.pay())
        await until(lambda: MempoolAdded(txid) in self.hints, "the transaction")


class FakeNodeTests(NodeContract, TestCase):
    """The suite on the fake."""

    def make_driver(self) -> Driver:
        return FakeDriver(self)

    async def test_a_time_becomes_the_right_height(self) -> None:
        """The first block that can hold a transaction of a time is at most two hours of block time earlier."""
        self.driver.mine(100)
        block = self.driver.fake.chain[60]  # type: ignore[attr-defined]
        self.assertEqual(await self.node.height_at_time(block.time + 7200), 60)
        self.assertEqual(await self.node.height_at_time(block.time + 7200 + 1), 61)


class RealNodeWithRestTests(NodeContract, TestCase):
    """The suite on a real bitcoind with ``-rest``."""

    def make_driver(self) -> Driver:
        return RealDriver(make_node(self, Options(rest=True, zmq=False)))


class RealNodeWithoutRestTests(NodeContract, TestCase):
    """The suite on a real bitcoind without."""

    def make_driver(self) -> Driver:
        return RealDriver(make_node(self, Options(rest=False, zmq=False)))
