"""Announcements and polls become hints: none is left out, and what may have been lost is a look at everything."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import Txid, display
from sdkrelay.io.bitcoind.follow import MANY, SILENCE, Follower
from sdkrelay.io.net.backoff import Backoff
from sdkrelay.messages.bitcoin.rpc import BlockchainInfo, MempoolInfo
from sdkrelay.ports import Hint, MempoolAdded, MempoolRemoved, MempoolUnknown, TipChanged

A, B, C = (bytes([number]) * 32 for number in (1, 2, 3))
EVERYTHING = [TipChanged(), MempoolUnknown()]


class MempoolRpc:
    """As much of the RPC as the follower asks: a mempool, and whether all of it is there."""

    def __init__(self) -> None:
        self.mempool: list[bytes] = []
        self.loaded = True
        self.asked: list[str] = []

    async def ask(self, kind: Any, method: str) -> MempoolInfo | list[str]:
        """The mempool's txids, or its state."""
        self.asked.append(method)
        if method == "getmempoolinfo":
            return MempoolInfo(self.loaded)
        assert method == "getrawmempool"
        return [display(txid) for txid in self.mempool]


class FollowerTests(SynchronousTestCase):
    """One publisher, and a clock that is set by hand."""

    def setUp(self) -> None:
        self.hints: list[Hint] = []
        self.clock = Clock()
        self.rpc = MempoolRpc()
        self.follower = Follower(self.clock, self.rpc, self.hints.append)  # type: ignore[arg-type]
        self.counters = {b"hashblock": 0, b"sequence": 0}

    def hear(self, topic: bytes, body: bytes, skip: int = 0) -> list[Hint]:
        """What a message leads to, ``skip`` others having been lost before it."""
        counter = self.counters[topic] + skip
        self.counters[topic] = counter + 1
        self.hints.clear()
        self.follower.heard("tcp://node", [topic, body, counter.to_bytes(4, "little")])
        return list(self.hints)

    def look(self, best: bytes = A) -> list[Hint]:
        """What a poll leads to."""
        self.hints.clear()
        info = BlockchainInfo("regtest", 1, 1, display(best))
        self.successResultOf(Deferred.fromCoroutine(self.follower.look(info)))
        return list(self.hints)

    def test_a_block_is_told_once(self) -> None:
        """Both topics announce it; A after B after A is three changes."""
        self.assertEqual(self.hear(b"sequence", A + b"C"), [TipChanged()])
        self.assertEqual(self.hear(b"hashblock", A), [])
        self.assertEqual(self.hear(b"hashblock", B), [TipChanged()])
        self.assertEqual(self.hear(b"hashblock", A), [TipChanged()])

    def test_a_block_again_after_it_was_disconnected(self) -> None:
        """The same hash is news then."""
        self.hear(b"sequence", A + b"C")
        self.assertEqual(self.hear(b"sequence", A + b"D"), [TipChanged()])
        self.assertEqual(self.hear(b"sequence", A + b"C"), [TipChanged()])

    def test_transactions(self) -> None:
        """By txid in internal order."""
        self.assertEqual(self.hear(b"sequence", A + b"A" + bytes(8)), [MempoolAdded(Txid(A))])
        self.assertEqual(self.hear(b"sequence", A + b"R" + bytes(8)), [MempoolRemoved(Txid(A))])

    def test_a_gap(self) -> None:
        """Everything is looked at, and the message counts too."""
        self.assertEqual(self.hear(b"sequence", A + b"A" + bytes(8), skip=2), [*EVERYTHING, MempoolAdded(Txid(A))])
        self.assertEqual(self.hear(b"sequence", B + b"A" + bytes(8)), [MempoolAdded(Txid(B))])

    def test_a_message_that_cannot_be_read(self) -> None:
        """It counts as lost when the next one comes."""
        self.hear(b"sequence", A + b"A" + bytes(8))
        self.assertEqual(self.hear(b"sequence", b"nonsense"), [])
        self.assertEqual(self.hear(b"sequence", A + b"R" + bytes(8))[:2], EVERYTHING)

    def test_a_new_connection(self) -> None:
        """What was sent in between is lost."""
        self.follower.joined("tcp://node")
        self.assertEqual(self.hints, EVERYTHING)

    def test_a_poll_with_another_tip(self) -> None:
        """Also at equal height."""
        self.look(A)
        self.assertNotIn(TipChanged(), self.look(A))
        self.assertIn(TipChanged(), self.look(B))

    def test_polled_transactions(self) -> None:
        """What came is told one by one; what went needs a look at the whole."""
        self.assertIn(MempoolUnknown(), self.look())
        self.rpc.mempool = [A, B]
        self.assertEqual(set(self.look()), {MempoolAdded(Txid(A)), MempoolAdded(Txid(B))})
        self.assertEqual(self.look(), [])
        self.rpc.mempool = [B, C]
        self.assertEqual(self.look(), [MempoolUnknown()])

    def test_very_many_polled_transactions(self) -> None:
        """They are told together."""
        self.look()
        self.rpc.mempool = [number.to_bytes(32, "big") for number in range(MANY + 1)]
        self.assertEqual(self.look(), [MempoolUnknown()])

    def test_the_mempool_is_polled_when_zmq_is_silent(self) -> None:
        """And not while it speaks."""
        self.look()
        self.hear(b"sequence", A + b"A" + bytes(8))
        self.rpc.mempool = [A]
        self.assertEqual(self.look(), [])
        self.clock.advance(SILENCE + 1)
        self.assertEqual(self.look(), [MempoolUnknown()])
        self.rpc.mempool = [A, B]
        self.assertEqual(self.look(), [MempoolAdded(Txid(B))])

    def test_a_mempool_that_is_loading_says_nothing(self) -> None:
        """Neither what is missing nor what comes is told; once it is loaded the whole is looked at, and told of as usual."""
        self.rpc.mempool = [A, B, C]
        self.look()
        self.rpc.loaded, self.rpc.mempool = False, []
        self.assertEqual(self.look(), [])
        self.rpc.mempool = [A]
        self.assertEqual(self.look(), [])
        self.rpc.loaded = True
        self.assertEqual(self.look(), [MempoolUnknown()])
        self.rpc.mempool = [A, B]
        self.assertEqual(self.look(), [MempoolAdded(Txid(B))])

    def test_a_loading_mempool_is_waited_for_beside_zmq(self) -> None:
        """Though nothing is polled then; it is asked for until it is loaded, and not again before the node was away."""
        for begin in (self.follower.start_over, lambda: self.follower.joined("tcp://node")):
            self.rpc.loaded = False
            begin()
            self.hear(b"sequence", A + b"A" + bytes(8))
            self.look()
            self.assertEqual(self.look(), [])
            self.rpc.loaded = True
            self.assertEqual(self.look(), [MempoolUnknown()])
            self.rpc.asked.clear()
            self.assertEqual((self.look(), self.rpc.asked), ([], []))


class Least:
    """Entropy that is all zeros."""

    def bytes(self, count: int) -> bytes:
        """No unpredictable byte at all."""
        return bytes(count)


class Most(Least):
    """Entropy that is all ones."""

    def bytes(self, count: int) -> bytes:
        """The highest there are."""
        return b"\xff" * count


class BackoffTests(SynchronousTestCase):
    """How long to wait before trying again."""

    def test_delays_double_up_to_a_bound(self) -> None:
        """And begin anew after a success."""
        backoff = Backoff(Least(), first=0.5, ceiling=3)
        self.assertEqual([backoff.delay() for _ in range(5)], [0.5, 1, 2, 3, 3])
        backoff.reset()
        self.assertEqual(backoff.delay(), 0.5)

    def test_chance_shortens_by_up_to_half(self) -> None:
        """So that many relays do not come back together."""
        delay = Backoff(Most(), first=8).delay()
        self.assertAlmostEqual(delay, 4, places=5)
        self.assertGreater(delay, 4)
