"""The doors on real sockets of this machine: a few whole stories that transports in memory cannot tell."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits, WebSocketService
from sdkrelay.io.world import ReactorTasks, SystemClock, SystemEntropy, running_reactor
from sdkrelay.session.dialects import Native
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Surroundings
from tests.support.conversation import Relay
from tests.support.stores import ROOT, block_notice, now
from tests.support.websocket import CLOSE, TEXT, UPGRADE, Frames, frame


class RawClient(Protocol):
    """A socket that speaks WebSocket by hand; ``next`` is the next frame, ``gone`` fires when the connection is lost."""

    transport: Any

    def __init__(self) -> None:
        self.frames = Frames()
        self.waiting: list[Deferred[tuple[int, bytes]]] = []
        self.come: list[tuple[int, bytes]] = []
        self.gone: Deferred[None] = Deferred()
        self.upgraded: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(UPGRADE + b"\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.come += self.frames.feed(data)
        if self.frames.head and not self.upgraded.called:
            self.upgraded.callback(None)
        while self.waiting and self.come:
            self.waiting.pop(0).callback(self.come.pop(0))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.gone.callback(None)

    def say(self, kind: str, **fields: Any) -> None:
        """Send a native message."""
        self.transport.write(frame(json.dumps({"type": kind, **fields}).encode()))

    def next(self) -> Deferred[tuple[int, bytes]]:
        """The next frame."""
        waiting: Deferred[tuple[int, bytes]] = Deferred()
        self.waiting.append(waiting)
        self.dataReceived(b"")
        return waiting


class LoopbackTests(TestCase):
    """A port on the real reactor."""

    timeout = 30

    async def setUp(self) -> None:
        """Listen on a free port of the loopback interface."""
        reactor = running_reactor()
        self.relay = Relay()
        tasks, clock = ReactorTasks(reactor), SystemClock()
        self.relay.hub._tasks = tasks
        around = Surroundings(
            Native(self.relay.catalog), self.relay.dispatch, tasks, clock, Patience(backlog_bytes=300_000)
        )
        self.factory = RelayFactory(around, WebSocketLimits(message_bytes=100_000), SystemEntropy(), reactor)
        self.service = WebSocketService(self.factory, reactor)
        self.service.startService()
        self.guard = guarded(WebSocketDoor(self.factory), HttpLimits(), reactor)
        self.listening = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self.guard)
        self.clients: list[RawClient] = []

    async def tearDown(self) -> None:
        """Leave nothing in the reactor."""
        self.service.stopService()
        for client in self.clients:
            client.transport.abortConnection()
            await client.gone
        for protocol in tuple(self.factory.open):
            protocol.transport.abortConnection()
        await self.listening.stopListening()
        while self.guard.connections:
            await self.relay.hub._tasks.sleep(0.01)

    async def client(self) -> RawClient:
        """A client after the WebSocket handshake."""
        endpoint = TCP4ClientEndpoint(running_reactor(), "127.0.0.1", self.listening.getHost().port)
        client: RawClient = await connectProtocol(endpoint, RawClient())
        self.clients.append(client)
        await client.upgraded
        return client

    async def test_a_conversation(self) -> None:
        """Handshake, a subscription, news, and goodbye when the relay stops."""
        client = await self.client()
        client.say("handshake", capabilities=["notifications"])
        opcode, accepted = await client.next()
        self.assertEqual((opcode, json.loads(accepted)["status"]), (TEXT, "accepted"))
        await self.relay.hub.publish(now(self.relay.store.wallets.settle([], [block_notice(ROOT)])))
        _, news = await client.next()
        self.assertEqual(json.loads(news)["notification_type"], "block_disconnected")
        self.service.stopService()
        opcode, payload = await client.next()
        self.assertEqual((opcode, int.from_bytes(payload[:2], "big")), (CLOSE, 1001))

    async def test_a_message_that_is_too_large_is_answered(self) -> None:
        """The error and 1009 arrive although the client was still sending."""
        client = await self.client()
        client.transport.write(frame(b"x" * 3_000_000))
        _, error = await client.next()
        opcode, payload = await client.next()
        self.assertEqual(json.loads(error)["error_code"], "TOO_LARGE")
        self.assertEqual((opcode, int.from_bytes(payload[:2], "big")), (CLOSE, 1009))

    async def test_a_slow_reader_is_cut_and_the_others_do_not_notice(self) -> None:
        """The one that stops reading is gone with 1008 after its backlog; the other one hears everything."""
        slow, quick = await self.client(), await self.client()
        for client in (slow, quick):
            client.say("handshake", capabilities=["notifications"])
            await client.next()
        slow.transport.pauseProducing()
        total = await self.flood_until_one_is_left(quick)
        numbers = [int(json.loads(payload)["position"].split("-")[1]) for _, payload in quick.come]
        self.assertEqual(numbers, list(range(1, total + 1)))

    async def flood_until_one_is_left(self, quick: RawClient) -> int:
        """Publish until a session was closed and the quick one has all; how many entries that took."""
        total = 0
        while all(protocol.session and protocol.session._lifecycle.is_open() for protocol in self.factory.open):
            notices = [block_notice(ROOT)] * 500
            await self.relay.hub.publish(now(self.relay.store.wallets.settle([], notices)))
            total += len(notices)
            while len(quick.come) < total:
                await self.relay.hub._tasks.sleep(0.001)
        return total
