"""The line to another relay over the network: what is dialled, how long is waited, and when the pause is short again."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.error import ConnectError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.mesh.dialler import Pauses, PeerDialler
from sdkrelay.io.mesh.trust import Trust
from sdkrelay.ports import Caller
from tests.support.greeting import GreetedRelay
from tests.support.stores import CountedEntropy


@define
class Watching:
    """Writes down how a line goes; ``wants`` is whether it is wanted."""

    wants: bool = True
    opened_with: list[Caller] = field(factory=list)
    failures: list[str] = field(factory=list)

    def wanted(self) -> bool:
        """As the test says."""
        return self.wants

    def opened(self, caller: Caller) -> None:
        """A conversation began."""
        self.opened_with.append(caller)

    def failed(self, why: str) -> None:
        """There was none."""
        self.failures.append(why)


class LineTests(SynchronousTestCase):
    """A line over a reactor in memory."""

    def setUp(self) -> None:
        """One to a relay that is not there."""
        self.reactor, self.watch, self.pauses = MemoryReactorClock(), Watching(), Pauses(1.0, 30.0)
        around = GreetedRelay().around
        self.dialler = PeerDialler(around, CountedEntropy(), self.reactor, Trust(), lambda: self.pauses, 1_000_000)
        self.line: Any = self.dialler.line("ws://b.example:8090", self.watch)

    def refuse(self) -> None:
        """The attempt under way ends in nothing."""
        host, port, factory, _, _ = self.reactor.tcpClients[-1]
        self.assertEqual((host, port), ("b.example", 8090))
        factory.clientConnectionFailed(self.reactor.connectors[-1], Failure(ConnectError()))

    def pause(self) -> float:
        """Seconds until the next attempt."""
        (call,) = self.reactor.getDelayedCalls()
        return float(call.getTime() - self.reactor.seconds())

    def test_pauses_grow_to_half_a_minute(self) -> None:
        """From a second on, each somewhere up to a bound that doubles."""
        pauses = []
        for _ in range(8):
            self.refuse()
            pauses.append(self.pause())
            self.reactor.advance(pauses[-1])
        for pause, bound in zip(pauses, (2, 3, 5, 9, 17, 30, 30, 30), strict=True):
            self.assertTrue(1 <= pause <= bound, pauses)
        self.assertEqual(len(self.watch.failures), 8)

    def test_the_pause_is_short_again_once_greeted(self) -> None:
        """And not when the connection is only made."""
        for _ in range(6):
            self.refuse()
            self.reactor.advance(self.pause())
        self.line.greeted()
        self.refuse()
        self.assertLessEqual(self.pause(), 2)

    def test_nobody_is_dialled_who_is_not_wanted_now(self) -> None:
        """But asked about again."""
        self.refuse()
        self.watch.wants = False
        self.reactor.advance(self.pause())
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.watch.wants = True
        self.reactor.advance(self.pause())
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_other_pauses_hold_from_the_next_one_on(self) -> None:
        """Shorter ones at once, however long they were before."""
        for _ in range(6):
            self.refuse()
            self.reactor.advance(self.pause())
        self.pauses = Pauses(0.1, 0.2)
        self.refuse()
        self.assertTrue(0.1 <= self.pause() <= 0.2, self.pause())

    def test_a_stopped_line_is_silent(self) -> None:
        """Nothing is left on the reactor."""
        self.refuse()
        self.line.stop()
        self.assertEqual((self.reactor.getDelayedCalls(), self.dialler._lines), ([], set()))
