"""The simulated network keeps TCP's promises, for else what is proved on it would be worth nothing."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from .clock import SimulatedClock
from .host import Host
from .network import HIGH, Network


class _Noted(Protocol):
    """Writes down what happens to it."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended: str | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Any) -> None:
        self.ended = reason.type.__name__


class _Dialling(ClientFactory):
    """Makes one protocol, and notes why there is none."""

    noisy = False
    failed: str | None = None

    def __init__(self) -> None:
        self.made = _Noted()

    def buildProtocol(self, addr: Any) -> _Noted:
        return self.made

    def clientConnectionFailed(self, connector: Any, reason: Any) -> None:
        self.failed = reason.type.__name__


class _Producer:
    """Notes whether it may write."""

    writes = True

    def pauseProducing(self) -> None:
        self.writes = False

    def resumeProducing(self) -> None:
        self.writes = True

    def stopProducing(self) -> None:
        self.writes = False


class NetworkTests(SynchronousTestCase):
    """Two hosts and a connection."""

    def setUp(self) -> None:
        """One listens, the other has connected."""
        self.clock = SimulatedClock()
        self.network = Network(self.clock)
        self.server, self.client = Host(self.network, "b"), Host(self.network, "a")
        self.accepted = _Noted()
        listening = Factory()
        listening.noisy = False
        listening.buildProtocol = lambda addr: self.accepted  # type: ignore[method-assign]
        self.server.listenTCP(1, listening)
        self.dialling = self.dial()
        self.pass_time(1.0)
        self.near: Any = self.dialling.made.transport

    def dial(self, port: int = 1) -> _Dialling:
        """An attempt to connect."""
        factory = _Dialling()
        self.client.connectTCP("b", port, factory, timeout=10.0)
        return factory

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run_until(self.clock.seconds() + seconds)

    def test_bytes_arrive_in_order_after_the_latency(self) -> None:
        """And not before it."""
        self.network.path("a", "b").latency = 0.5
        self.near.write(b"one")
        self.near.writeSequence([b"two", b"three"])
        self.pass_time(0.4)
        self.assertEqual(self.accepted.heard, b"")
        self.pass_time(0.2)
        self.assertEqual(self.accepted.heard, b"onetwothree")

    def test_what_is_sent_into_a_closed_path_waits(self) -> None:
        """It arrives, once, when the path opens."""
        self.network.shut("a", "b")
        self.near.write(b"patience")
        self.pass_time(100.0)
        self.assertEqual(self.accepted.heard, b"")
        self.network.open("a", "b")
        self.pass_time(1.0)
        self.assertEqual(self.accepted.heard, b"patience")

    def test_closing_comes_after_what_was_written(self) -> None:
        """Both sides learn that it was in good order."""
        self.near.write(b"last words")
        self.near.loseConnection()
        self.pass_time(1.0)
        self.assertEqual((self.accepted.heard, self.accepted.ended), (b"last words", "ConnectionDone"))
        self.assertEqual(self.dialling.made.ended, "ConnectionDone")

    def test_a_slow_path_holds_the_writer_back(self) -> None:
        """A producer is paused when too much is on the way, and goes on when most has arrived."""
        self.network.path("a", "b").rate = 1_000.0
        producer = _Producer()
        self.near.registerProducer(producer, True)
        self.near.write(bytes(HIGH + 1))
        self.assertFalse(producer.writes)
        self.pass_time(100.0)
        self.assertTrue(producer.writes)

    def test_a_reader_that_pauses_gets_the_rest_later(self) -> None:
        """Nothing is handed over meanwhile."""
        self.accepted.transport.pauseProducing()  # type: ignore[union-attr]
        self.near.write(b"later")
        self.pass_time(1.0)
        self.assertEqual(self.accepted.heard, b"")
        self.accepted.transport.resumeProducing()  # type: ignore[union-attr]
        self.pass_time(1.0)
        self.assertEqual(self.accepted.heard, b"later")

    def test_the_dead_do_nothing_more(self) -> None:
        """Their timers never fire and can be stopped, what they write goes nowhere, and others lose the connection."""
        fired: list[str] = []
        timer = self.client.callLater(5.0, fired.append, "fired")
        self.client.die()
        self.near.write(b"from beyond")
        self.pass_time(10.0)
        timer.cancel()
        self.assertEqual((fired, self.accepted.heard, self.accepted.ended), ([], b"", "ConnectionLost"))

    def test_nobody_answers_where_nobody_listens(self) -> None:
        """A refusal on an open path, silence on a closed one."""
        refused = self.dial(port=2)
        self.pass_time(1.0)
        self.assertEqual(refused.failed, "ConnectionRefusedError")
        self.network.shut("a", "b")
        silent = self.dial()
        self.pass_time(11.0)
        self.assertEqual(silent.failed, "TimeoutError")

    def test_a_cut_is_felt_by_both(self) -> None:
        """At once, and what was on the way is lost."""
        self.near.write(b"lost")
        self.near.cut()
        self.pass_time(1.0)
        self.assertEqual((self.accepted.heard, self.accepted.ended), (b"", "ConnectionLost"))
        self.assertEqual(self.dialling.made.ended, "ConnectionLost")
