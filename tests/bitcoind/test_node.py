"""A bitcoind that is away, starting, wrong or hostile: each is a condition with its reason, and none is the end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import LoopingCall
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from sdkrelay.domain.chain import Network
from sdkrelay.domain.status import NodeCondition, NodeState
from sdkrelay.io.bitcoind.http import MAX_WAITING, NodeHttp
from sdkrelay.io.bitcoind.node import BitcoinNode
from sdkrelay.io.bitcoind.pool import PoolLimits
from sdkrelay.io.bitcoind.process import free_port
from sdkrelay.ports import Hint, MempoolUnknown, TipChanged, Unavailable
from tests.support import fake_bitcoind as faults
from tests.support.bitcoind import FixedEntropy, pause, until
from tests.support.fake_bitcoind import FakeBitcoind

SECRET = b"__cookie__:4f9a1c0de5ec7e7"


class NodeTestCase(TestCase):
    """A fake node, its cookie, and a relay's view of it with short times."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cookie = Path(folder.name) / ".cookie"
        self.fake = FakeBitcoind()
        self.addCleanup(self.fake.close)
        self.hints: list[Hint] = []
        self.conditions: list[NodeCondition] = []
        self.write_cookie(SECRET)

    def write_cookie(self, secret: bytes) -> None:
        """What bitcoind does at its start."""
        self.fake.secret = secret
        self.cookie.write_bytes(secret)

    def follow(self, url: str | None = None, **settings: Any) -> BitcoinNode:
        """A started node on the fake."""
        settings = {"cookie_path": self.cookie, "timeout": 30.0, "poll_interval": 0.05, **settings}
        node = BitcoinNode(
            reactor,
            FixedEntropy(),
            url or self.fake.listen(),
            Network.REGTEST,
            on_hint=self.hints.append,
            on_condition=self.conditions.append,
            **settings,
        )
        node.startService()
        self.addCleanup(node.stopService)
        return node

    async def connected(self, node: BitcoinNode) -> None:
        """Until all is well."""
        await until(lambda: node.condition().state is NodeState.CONNECTED, f"connected: {node.condition()}")


class FaultTests(NodeTestCase):
    """Each fault has its state and its words, and passes by itself."""

    async def assertSeen(self, fault: Any, state: NodeState, *words: str, **settings: Any) -> None:
        """The fault is seen from connected, named, refused to callers, and over when it is over."""
        node = self.follow(**settings)
        await self.connected(node)
        self.fake.fault = fault
        await until(lambda: node.condition().state is state, f"{state}, not {node.condition()}")
        for word in words:
            self.assertIn(word, node.condition().reason or "")
        with self.assertRaises(Unavailable) as caught:
            await node.tip()
        self.assertEqual(str(caught.exception), node.condition().reason)
        self.hints.clear()
        self.fake.fault = None
        await self.connected(node)
        self.assertEqual(self.hints[:2], [TipChanged(), MempoolUnknown()])

    async def test_warming_up(self) -> None:
        """bitcoind's own words say what it is doing."""
        await self.assertSeen(faults.warming_up, NodeState.CONNECTING, "starting", "Loading block index")

    async def test_busy(self) -> None:
        """A full work queue."""
        fault = faults.status(503, b"Work queue depth exceeded")
        await self.assertSeen(fault, NodeState.CONNECTING, "Work queue depth exceeded")

    async def test_forbidden(self) -> None:
        """A host that is not in rpcallowip."""
        await self.assertSeen(faults.status(403), NodeState.DISCONNECTED, "rpcallowip")

    async def test_no_answer(self) -> None:
        """A node that accepts and is silent."""
        await self.assertSeen(faults.hang, NodeState.DISCONNECTED, "did not answer within 0.3 seconds", timeout=0.3)

    async def test_no_end_of_an_answer(self) -> None:
        """The time limit covers the body."""
        words = "did not answer within 0.3 seconds"
        await self.assertSeen(faults.hang_in_body, NodeState.DISCONNECTED, words, timeout=0.3)

    async def test_half_an_answer(self) -> None:
        """A node that goes down while it answers."""
        await self.assertSeen(faults.half_a_body, NodeState.DISCONNECTED, "closed the connection")

    async def test_a_huge_answer(self) -> None:
        """A terabyte is refused when it is announced."""
        await self.assertSeen(faults.huge, NodeState.DISCONNECTED, "this is not bitcoind")

    async def test_garbage(self) -> None:
        """Bytes that are no JSON, or other JSON."""
        for content in (b"\xff\xfe", b"<html>", b"{}", b"[]", b"null", b"[" * 100_000, b'{"id":7,"result":1}'):
            self.fake.fault = faults.body(content)
            node = self.follow(url=self.fake.listen())
            await until(lambda node=node: node.condition().state is NodeState.DISCONNECTED, repr(content[:9]))
            self.assertIn("does not answer like bitcoind", node.condition().reason or "")
            await node.stopService()
            await self.fake.close()

    async def test_another_server(self) -> None:
        """A web server at the configured port."""
        fault = faults.status(404, b"<html>Not Found</html>")
        await self.assertSeen(fault, NodeState.DISCONNECTED, "does not answer like bitcoind (HTTP 404)")


class AwayTests(NodeTestCase):
    """Nothing listens, or not yet, or not any more."""

    async def test_refused(self) -> None:
        """A closed port, then a node that comes up there."""
        port = free_port()
        node = self.follow(f"http://127.0.0.1:{port}", timeout=5.0)
        await until(lambda: node.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.assertIn(f"nothing listens at http://127.0.0.1:{port}", node.condition().reason or "")
        self.fake.listen(port)
        await self.connected(node)

    async def test_a_condition_is_told_once(self) -> None:
        """However often it is tried, a change is told and logged once."""
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        asked: list[Request] = []
        self.fake.fault = lambda request: asked.append(request) or faults.warming_up(request)
        node = self.follow()
        node._backoff._first = node._backoff._ceiling = node._backoff._next = 0.02
        await until(lambda: len(asked) > 5, "several attempts")
        self.assertEqual([each.state for each in self.conditions], [NodeState.CONNECTING])
        self.assertEqual(len([each for each in events if "bitcoind: " in str(each.get("log_format"))]), 1)

    async def test_callers_are_refused_before_the_first_answer(self) -> None:
        """Nobody waits on a node that was not asked yet."""
        node = self.follow()
        self.assertEqual(node.condition().state, NodeState.CONNECTING)
        with self.assertRaises(Unavailable):
            await node.mempool()

    async def test_stopping_while_a_question_hangs(self) -> None:
        """The service stops at once and leaves nothing behind."""
        self.fake.fault = faults.hang
        node = self.follow(timeout=60)
        await pause(0.1)
        await node.stopService()


class CredentialTests(NodeTestCase):
    """Cookie and password; which was used is told, its secret never."""

    async def test_a_changed_cookie_is_read_again(self) -> None:
        """bitcoind writes another at each start: no condition but connected is ever seen."""
        node = self.follow()
        await self.connected(node)
        self.write_cookie(b"__cookie__:another")
        await node.tip()
        self.assertEqual([each.state for each in self.conditions], [NodeState.CONNECTED])

    async def test_a_wrong_cookie_names_the_file(self) -> None:
        """The operator learns which file was read."""
        self.cookie.write_bytes(b"__cookie__:wrong")
        node = self.follow()
        await until(lambda: node.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.assertIn(f"refused the cookie read from {self.cookie}", node.condition().reason or "")

    async def test_a_missing_cookie_names_the_file(self) -> None:
        """And again when there is none."""
        self.cookie.unlink()
        node = self.follow()
        await until(lambda: node.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.assertIn(f"the cookie file {self.cookie} cannot be read", node.condition().reason or "")
        self.write_cookie(SECRET)
        await self.connected(node)

    async def test_a_password(self) -> None:
        """A user of rpcauth needs no cookie."""
        self.fake.secret = b"alice:pass:word"
        node = self.follow(cookie_path=None, user="alice", password="pass:word")
        await self.connected(node)

    async def test_a_wrong_password(self) -> None:
        """The user is named, the password is not."""
        node = self.follow(cookie_path=None, user="alice", password="hunter2")
        await until(lambda: node.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.assertIn("refused the user 'alice'", node.condition().reason or "")
        self.assertNotIn("hunter2", repr(node.condition()))

    async def test_the_secret_is_never_shown(self) -> None:
        """Through every fault neither log, condition nor error holds the cookie."""
        events: list[str] = []
        observe = lambda event: events.append(repr(event))  # noqa: E731
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        node = self.follow()
        for fault in (faults.warming_up, faults.status(401), faults.half_a_body, faults.body(b"[]"), None):
            self.fake.fault = fault
            await pause(0.1)
        shown = "".join(events) + repr(self.conditions) + repr(vars(node))
        for secret in (SECRET.decode(), SECRET.decode().partition(":")[2]):
            self.assertNotIn(secret, shown)


class FitnessTests(NodeTestCase):
    """A node that answers and is still not the right one."""

    async def test_another_network(self) -> None:
        """Nothing is asked of a node on another chain."""
        self.fake.network = "signet"
        node = self.follow()
        await until(lambda: node.condition().state is NodeState.DISCONNECTED, "disconnected")
        self.assertIn("network 'signet', the relay is configured for 'regtest'", node.condition().reason or "")

    async def test_another_network_after_a_restart(self) -> None:
        """It is not taken for a reorganisation, even when asked before the next poll."""
        node = self.follow(poll_interval=60.0)
        await self.connected(node)
        self.fake.network = "test"
        with self.assertRaises(Unavailable):
            await node.tip()
        await until(lambda: node.condition().state is NodeState.DISCONNECTED, "disconnected")

    async def test_pruned_too_far(self) -> None:
        """The node is connected, and the reason says which blocks are missing."""
        self.fake.pruned_below = 7
        node = self.follow(needed_height=lambda: 3)
        await self.connected(node)
        self.assertIn("pruned the blocks below 7, but those from 3 on are needed", node.condition().reason or "")

    async def test_pruned_far_enough(self) -> None:
        """A pruned node is as good as any when what is gone is not needed."""
        self.fake.pruned_below = 7
        node = self.follow(needed_height=lambda: 7)
        await self.connected(node)
        self.assertIsNone(node.condition().reason)

    async def test_a_pruned_block_is_unavailable(self) -> None:
        """Not unknown: nothing may be skipped."""
        self.fake.rest = False
        node = self.follow()
        await self.connected(node)
        self.fake.pruned_below = 7
        with self.assertRaisesRegex(Unavailable, "has pruned it"):
            await node.block(self.fake.chain[0].hash)

    async def test_initial_download(self) -> None:
        """The node is used as far as it is."""
        self.fake.downloading = True
        node = self.follow()
        await self.connected(node)
        self.assertIn("still downloading", node.condition().reason or "")
        self.assertEqual((await node.tip()).height, 0)

    async def test_another_block_than_asked_for(self) -> None:
        """What the node gives is checked against the hash."""
        node = self.follow()
        await self.connected(node)
        asked, other = self.fake.mine(), self.fake.mine()
        self.fake.known[asked.hash[::-1].hex()] = other
        with self.assertRaisesRegex(Unavailable, "another block"):
            await node.block(asked.hash)


class EconomyTests(NodeTestCase):
    """What must not be asked again and again."""

    async def test_rest_is_asked_for_once(self) -> None:
        """A node without it is asked for JSON only, until it was away."""
        self.fake.rest = False
        node = self.follow()
        await self.connected(node)
        block = self.fake.mine()
        await node.block(block.hash)
        self.assertFalse(node._rest.available)
        self.fake.fault = faults.warming_up
        await until(lambda: node.condition().state is NodeState.CONNECTING, "away")
        self.fake.fault = None
        await self.connected(node)
        self.assertTrue(node._rest.available)

    async def test_many_transactions_cost_few_requests(self) -> None:
        """Questions of one turn share a request."""
        node = self.follow(poll_interval=60.0)
        await self.connected(node)
        parents = [self.fake.mine().transactions[0] for _ in range(40)]
        paid = [self.fake.pay(parent) for parent in parents]
        posted: list[object] = []
        send = node._rpc._post
        node._rpc._post = lambda *given: posted.append(given) or send(*given)  # type: ignore[method-assign, func-returns-value]
        waiting = [node.transaction(each.txid) for each in paid]
        found = await gatherResults([Deferred.fromCoroutine(each) for each in waiting])
        self.assertEqual([each.raw for each in found if each], [each.raw for each in paid])
        self.assertLessEqual(len(posted), 4)


class LimitTests(NodeTestCase):
    """The bounds of one exchange."""

    async def test_a_body_without_end(self) -> None:
        """Chunks that never stop are cut off at the limit, not at the end of memory."""
        self.fake.fault = endless
        http = NodeHttp(reactor, self.fake.listen(), timeout=10.0)
        self.addCleanup(http.close)
        with self.assertRaisesRegex(Unavailable, "more than 1000 bytes"):
            await http.exchange("POST", "/", Headers(), b"", 1000)

    async def test_exchanges_are_bounded(self) -> None:
        """So many at a time; the others wait, and too many are refused."""
        self.fake.fault = faults.hang
        http = NodeHttp(reactor, self.fake.listen(), PoolLimits(most=2, patience=60.0), timeout=60.0)
        self.addCleanup(http.close)
        waiting = [
            Deferred.fromCoroutine(http.exchange("GET", "/", Headers(), None, 9)) for _ in range(MAX_WAITING + 2)
        ]
        for each in waiting:
            each.addErrback(lambda failure: failure.trap(CancelledError))
            self.addCleanup(each.cancel)
        with self.assertRaisesRegex(Unavailable, "too many questions"):
            await http.exchange("GET", "/", Headers(), None, 9)


def endless(request: Request) -> Deferred[None]:
    """Writes for as long as somebody listens."""

    def write() -> None:
        request.write(b"x" * 500)

    loop = LoopingCall(write)
    request.notifyFinish().addErrback(lambda _: loop.stop())
    loop.start(0.01)
    return Deferred()
