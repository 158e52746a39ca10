"""ZMQ sockets on the reactor: a real publisher of ours, heard in full, and never in one breath."""

from __future__ import annotations

from itertools import pairwise

import zmq
from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.trial.unittest import TestCase

from sdkrelay.io.bitcoind.process import free_port
from sdkrelay.io.bitcoind.zmq import BATCH, ZmqListener
from sdkrelay.messages.bitcoin.zmq import TOPICS
from tests.support.bitcoind import pause, until


class ListenerTests(TestCase):
    """One listener, and publishers that come and go."""

    def setUp(self) -> None:
        self.context = zmq.Context()
        self.addCleanup(self.context.term)
        self.url = f"tcp://127.0.0.1:{free_port()}"
        self.heard: list[tuple[bytes, ...]] = []
        self.joined: list[str] = []

    async def publish(self) -> zmq.Socket[bytes]:
        """A publisher at our address, once that is free: one before it is closed by a thread of its own."""
        socket = self.context.socket(zmq.XPUB)
        socket.linger = 0
        socket.sndhwm = 0
        self.addCleanup(socket.close)
        await until(lambda: is_bound(socket, self.url), "the address is free")
        return socket

    async def subscribed(self, publisher: zmq.Socket[bytes]) -> None:
        """Until the listener's subscriptions are there: what is sent before is lost."""
        for _ in TOPICS:
            await until(lambda: publisher.poll(0), "a subscription")
            publisher.recv()

    def listen(self, *urls: str) -> ZmqListener:
        """A started listener."""
        listener = ZmqListener(reactor, urls, lambda url, parts: self.heard.append(tuple(parts)), self.joined.append)
        listener.start()
        self.addCleanup(listener.stop)
        return listener

    async def test_our_topics_are_heard(self) -> None:
        """With all their parts, and no other topic."""
        publisher = await self.publish()
        self.listen(self.url)
        await until(lambda: self.joined == [self.url], "the connection")
        await self.subscribed(publisher)
        for topic in (b"rawtx", b"hashblock", b"sequence"):
            publisher.send_multipart([topic, b"body", b"\0\0\0\0"])
        await until(lambda: len(self.heard) == 2, "two messages")
        self.assertEqual([parts[0] for parts in self.heard], [b"hashblock", b"sequence"])
        self.assertEqual(len(self.heard[0]), 3)

    async def test_a_publisher_that_comes_back(self) -> None:
        """Each connection is told."""
        first = await self.publish()
        self.listen(self.url)
        await until(lambda: len(self.joined) == 1, "the first connection")
        first.close()
        await self.publish()
        await until(lambda: len(self.joined) == 2, "the second connection")

    async def test_a_flood_lets_others_have_their_turn(self) -> None:
        """Many messages are read in pieces, none of them lost."""
        publisher = await self.publish()
        self.listen(self.url)
        await until(lambda: self.joined, "the connection")
        await self.subscribed(publisher)
        turns: list[int] = []
        loop = LoopingCall(lambda: turns.append(len(self.heard)))
        loop.start(0)
        self.addCleanup(loop.stop)
        for number in range(20 * BATCH):
            publisher.send_multipart([b"sequence", b"", number.to_bytes(4, "little")])
            if number % BATCH == 0:
                await pause(0)
        await until(lambda: len(self.heard) == 20 * BATCH, "all messages")
        steps = [after - before for before, after in pairwise(turns)]
        self.assertLessEqual(max(steps), 2 * BATCH)

    async def test_a_url_that_is_none(self) -> None:
        """It is logged, the others are heard, and nothing ends."""
        await self.publish()
        self.listen("nonsense", self.url)
        await until(lambda: self.joined == [self.url], "the connection")

    def test_stopping_without_having_started(self) -> None:
        """And twice."""
        listener = ZmqListener(reactor, [self.url], lambda url, parts: None, self.joined.append)
        listener.stop()
        listener.start()
        listener.stop()
        listener.stop()


def is_bound(socket: zmq.Socket[bytes], url: str) -> bool:
    """Whether the socket has the address now; False while another one still has it."""
    try:
        socket.bind(url)
    except zmq.ZMQError as problem:
        if problem.errno != zmq.EADDRINUSE:
            raise
        return False
    return True
