"""A real bitcoind killed and restarted under way, heard over ZMQ, on another network, and two that disagree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from sdkrelay.domain.chain import BlockHash, Network, Txid, from_display
from sdkrelay.domain.status import NodeState
from sdkrelay.io.bitcoind.node import BitcoinNode
from sdkrelay.io.bitcoind.process import CallFailed, NodeFailed, Options, RegtestNode
from sdkrelay.ports import Hint, MempoolAdded, MempoolRemoved, MempoolUnknown, TipChanged, Unavailable
from tests.support.bitcoind import FixedEntropy, command, make_node, pause, until


class LiveTestCase(TestCase):
    """A bitcoind with a wallet and 101 blocks, followed over ZMQ; polling is slow, so that only ZMQ can be quick."""

    timeout = 120

    async def setUp(self) -> None:
        self.bitcoind = make_node(self)
        self.bitcoind.start()
        self.bitcoind.call("createwallet", "test")
        self.address = self.bitcoind.call("getnewaddress", "", "bech32m")
        self.mine(101)
        self.hints: list[Hint] = []
        self.joined: list[str] = []
        self.node = self.follow()
        await self.connected()

    def follow(self, **settings: Any) -> BitcoinNode:
        """A started relay's view of the node."""
        node = BitcoinNode(
            reactor,
            FixedEntropy(),
            self.bitcoind.rpc_url,
            settings.pop("network", Network.REGTEST),
            cookie_path=self.bitcoind.cookie_path,
            zmq_urls=[self.bitcoind.zmq_url],
            on_hint=self.hints.append,
            **{"poll_interval": 60.0, **settings},
        )
        join = node._listener._joined
        node._listener._joined = lambda url: (self.joined.append(url), join(url))  # type: ignore[assignment]
        node.startService()
        self.addCleanup(node.stopService)
        return node

    async def connected(self) -> None:
        """Connected, and ZMQ too: both tell to look at everything."""
        await until(lambda: self.node.condition().state is NodeState.CONNECTED, "connected")
        await until(lambda: self.bitcoind.zmq_url in self.joined, "listening")
        await pause(0.3)
        self.hints.clear()

    def mine(self, count: int) -> bytes:
        """Blocks; the hash of the last."""
        return from_display(self.bitcoind.call("generatetoaddress", count, self.address)[-1])

    def pay(self) -> Txid:
        """A transaction in the mempool."""
        return Txid(from_display(self.bitcoind.call("sendtoaddress", self.address, "1")))


class ListeningTests(LiveTestCase):
    """What ZMQ tells, before any poll."""

    async def test_a_block(self) -> None:
        """One hint, though both topics announce it."""
        self.mine(1)
        await until(lambda: self.hints, "the first messages")
        await pause(0.2)
        self.hints.clear()
        mined = self.mine(1)
        await until(lambda: TipChanged() in self.hints, "the tip's change")
        self.assertEqual((await self.node.tip()).hash, mined)
        await pause(0.2)
        self.assertEqual(self.hints, [TipChanged()])

    async def test_a_transaction(self) -> None:
        """By its txid, in internal order."""
        self.mine(1)
        txid = self.pay()
        await until(lambda: MempoolAdded(txid) in self.hints, "the transaction")
        self.assertIsNotNone(await self.node.transaction(txid))

    async def test_a_replaced_transaction(self) -> None:
        """It leaves the mempool, and another comes."""
        self.mine(1)
        txid = self.pay()
        bumped = self.bitcoind.call("bumpfee", txid[::-1].hex())["txid"]
        await until(lambda: MempoolRemoved(txid) in self.hints, "the removal")
        await until(lambda: MempoolAdded(Txid(from_display(bumped))) in self.hints, "the replacement")
        self.assertIsNone(await self.node.transaction(txid))

    async def test_a_block_disconnected(self) -> None:
        """Also when no other block takes its place."""
        await until(lambda: not self.hints, "quiet")
        self.bitcoind.call("invalidateblock", self.bitcoind.call("getbestblockhash"))
        await until(lambda: TipChanged() in self.hints, "the tip's change")
        self.assertEqual((await self.node.tip()).height, 100)

    async def test_a_gap(self) -> None:
        """A counter that does not follow makes everything be compared."""
        self.node._follower._gaps.forget(self.bitcoind.zmq_url)
        self.mine(1)
        await until(lambda: MempoolUnknown() in self.hints, "the look at everything")
        self.assertIn(TipChanged(), self.hints)


class RestartTests(LiveTestCase):
    """The node dies and comes back."""

    async def test_killed_and_started_again(self) -> None:
        """Both are seen, nothing ends, a new cookie is read, and ZMQ is heard again."""
        mined = self.mine(1)
        self.bitcoind.call("gettxoutsetinfo")
        self.bitcoind.stop()
        with self.assertRaises(Unavailable):
            await self.node.tip()
        await until(lambda: self.node.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.joined.clear()
        self.bitcoind.start()
        await self.connected()
        self.assertEqual((await self.node.tip()).hash, mined)
        self.mine(1)
        await until(lambda: TipChanged() in self.hints, "the next block")

    async def test_killed_without_warning(self) -> None:
        """A question under way is answered with why, and asked again later succeeds."""
        self.bitcoind.kill()
        with self.assertRaises(Unavailable):
            await self.node.mempool()
        self.bitcoind.start()
        await until(lambda: self.node.condition().state is NodeState.CONNECTED, "connected")
        await until(lambda: self.bitcoind.call("getmempoolinfo")["loaded"], "the mempool")
        self.assertEqual(await self.node.mempool(), [])

    async def test_a_changed_cookie_alone(self) -> None:
        """A restart between two questions is not even noticed by who asks."""
        self.bitcoind.stop()
        self.bitcoind.start()
        tip = None
        for _ in range(100):
            try:
                tip = await self.node.tip()
                break
            except Unavailable:
                await pause(0.1)
        self.assertIsNotNone(tip)

    async def test_another_network(self) -> None:
        """A relay for signet does not touch a regtest node."""
        other = self.follow(network=Network.SIGNET)
        await until(lambda: other.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.assertIn("network 'regtest'", other.condition().reason or "")
        with self.assertRaises(Unavailable):
            await other.tip()


class PathTests(LiveTestCase):
    """REST and JSON."""

    async def test_both_paths_give_equal_bytes(self) -> None:
        """For blocks with many kinds of transactions, and the first."""
        for kind in ("legacy", "p2sh-segwit", "bech32", "bech32m"):
            self.bitcoind.call("sendtoaddress", self.bitcoind.call("getnewaddress", "", kind), "1")
            self.mine(1)
        for height in (0, 1, 102, 103, 104, 105):
            block_hash = await self.node.hash_at(height)
            by_rest = await self.node.block(BlockHash(block_hash or b""))
            self.assertTrue(self.node._rest.available)
            self.node._rest.available = False
            self.assertEqual(await self.node.block(BlockHash(block_hash or b"")), by_rest)
            self.node._rest.available = True


class ProcessTests(TestCase):
    """The node that we start ourselves."""

    def test_it_ends_with_its_parent(self) -> None:
        """Even when the parent is killed."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = (
            "import sys; from pathlib import Path\n"
            "from sdkrelay.io.bitcoind.process import RegtestNode\n"
            "node = RegtestNode(sys.argv[2:], Path(sys.argv[1])); node.start()\n"
            "print(node.pid, flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, folder.name, *command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
        ) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.readline())
            os.kill(parent.pid, signal.SIGKILL)
        return until(lambda: _is_dead(pid), "the end")  # type: ignore[return-value]

    def test_what_does_not_start_says_why(self) -> None:
        """The end of bitcoind's own words."""
        node = make_node(self, Options(extra=("-nonsense=1",)))
        error = self.assertRaises(NodeFailed, node.start)
        self.assertIn("nonsense", str(error))

    def test_a_refused_call_has_its_code(self) -> None:
        """And the node can be stopped twice."""
        node = make_node(self)
        node.start()
        self.assertEqual(self.assertRaises(CallFailed, node.call, "getblockhash", 5).code, -8)
        node.stop()
        node.stop()
        self.assertIsNone(node.pid)

    def test_two_nodes_are_joined(self) -> None:
        """One connects to the other and has its chain."""
        first = make_node(self)
        first.start()
        first.call("createwallet", "test")
        first.call("generatetoaddress", 3, first.call("getnewaddress"))
        second = make_node(self, Options(connect=(f"127.0.0.1:{first.p2p_port}",)))
        second.start()
        return until(lambda: _height(second) == 3, "three blocks")  # type: ignore[return-value]


def _height(node: RegtestNode) -> int:
    height: int = node.call("getblockcount")
    return height


def _is_dead(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
