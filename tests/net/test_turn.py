"""How the sockets of a port share the turns of the reactor."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.net.turn import TURN_SECONDS, Turn
from tests.support.websocket import MemoryPort, frame


class TurnTests(SynchronousTestCase):
    """Time, and who waits for it."""

    def setUp(self) -> None:
        self.now = 0.0
        self.reactor = Clock()
        self.turn = Turn(self.reactor, lambda: self.now)
        self.done: list[int] = []

    def do(self, number: int) -> None:
        """Something that takes two thirds of a turn."""
        self.now += TURN_SECONDS * 2 / 3
        self.done.append(number)

    def test_time_ends(self) -> None:
        """There is time until it is used up, and again in the next turn."""
        self.assertTrue(self.turn.has_time())
        self.now += TURN_SECONDS
        self.assertFalse(self.turn.has_time())
        self.reactor.advance(0)
        self.assertTrue(self.turn.has_time())

    def test_what_waits_is_done_in_order(self) -> None:
        """Over several turns, and nobody overtakes."""
        for number in range(3):
            self.turn.wait(lambda number=number: self.do(number))  # type: ignore[misc]
        self.assertFalse(self.turn.has_time())
        self.reactor.advance(0)
        self.assertEqual([0, 1, 2], self.done)


class SocketTests(SynchronousTestCase):
    """A socket whose read has to wait."""

    def test_a_late_read_is_answered_in_order_later(self) -> None:
        """While others wait it is kept; then all is answered as it came."""
        port = MemoryPort()
        client = port.upgraded()
        port.factory.turn.wait(lambda: None)

        client.send(frame(b'{"type":"ping","id":"1"}')[:9])
        client.send(frame(b'{"type":"ping","id":"1"}')[9:])
        self.assertEqual([], client.heard())
        port.time.advance(0)

        self.assertEqual(["1"], [message["id"] for message in client.heard()])

    def test_a_socket_that_has_gone_is_forgotten(self) -> None:
        """What it had sent is not read any more."""
        port = MemoryPort()
        client = port.upgraded()
        port.factory.turn.wait(lambda: None)
        client.send(frame(b'{"type":"ping"}'))
        client.transport.loseConnection()
        port.time.advance(0)
        self.assertEqual([], client.heard())
