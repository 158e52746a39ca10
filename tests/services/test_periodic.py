"""What is told at intervals: to whom, when, and what happens when it cannot be made."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.notification import Topic
from sdkrelay.messages.native.condition import HealthMessage, MetricsMessage
from sdkrelay.services.condition import ConditionTeller
from sdkrelay.services.periodic import Periodical, PeriodicService
from tests.support.conversation import ListWire, say
from tests.support.metered import MeteredRelay
from tests.support.stores import now


class PeriodicTests(SynchronousTestCase):
    """A relay that tells its health every 60 and its figures every 120 seconds."""

    def setUp(self) -> None:
        """It has begun to tell; nobody listens yet."""
        self.relay = MeteredRelay()
        self.teller = ConditionTeller(self.relay.node.report, self.relay.metrics)
        self.seconds, self.made, self.broken = 60.0, 0, False
        periodicals = [
            Periodical(Topic.HEALTH, lambda: self.seconds, self.health),
            Periodical(Topic.METRICS, lambda: 120.0, self.teller.metrics),
        ]
        self.periodic = PeriodicService(self.relay.hub, self.relay.time.tasks, self.relay.time, periodicals)
        self.periodic.start()
        self.addCleanup(lambda: now(self.periodic.stop()))

    async def health(self) -> HealthMessage:
        """Count what is made."""
        self.made += 1
        if self.broken:
            raise RuntimeError("a bug")
        return await self.teller.health()

    def heard(self, wire: ListWire) -> list[str]:
        """The types of what came."""
        self.relay.time.settle()
        return [message["type"] for message in wire.said()]

    def first(self, topic: str) -> Any:
        """What comes on a topic at once."""
        session, wire = self.relay.session()
        say(session, "handshake", capabilities=[topic])
        self.relay.time.settle()
        return wire.said()[-1]

    def test_the_first_comes_at_once(self) -> None:
        """After the answer to the subscription, by capability or later."""
        session, wire = self.relay.session()
        say(session, "handshake", capabilities=["health"])
        self.assertEqual(self.heard(wire), ["handshake_response", "health"])
        say(session, "subscribe", subscriptions=["health", "metrics"])
        self.assertEqual(self.heard(wire), ["subscribe_response", "metrics"])

    def test_the_next_come_at_their_intervals(self) -> None:
        """Each topic at its own."""
        _, wire = self.relay.greeted("health", "metrics")
        self.heard(wire)
        for expected in (["health"], ["health", "metrics"]):
            self.relay.time.advance(59)
            self.assertEqual(self.heard(wire), [])
            self.relay.time.advance(1)
            self.assertEqual(sorted(self.heard(wire)), expected)

    def test_only_subscribers_hear_it(self) -> None:
        """Not those of other topics, and not those who have unsubscribed."""
        _, other = self.relay.greeted("notifications")
        session, wire = self.relay.greeted("health")
        say(session, "unsubscribe", subscriptions=["health"])
        self.heard(wire)
        self.relay.time.advance(120)
        self.assertEqual((self.heard(other), self.heard(wire)), ([], []))

    def test_nothing_is_made_for_nobody(self) -> None:
        """And it is made once for all who listen."""
        self.relay.time.advance(600)
        self.assertEqual(self.made, 0)
        for _ in range(3):
            self.relay.greeted("health")
        self.relay.time.advance(60)
        self.assertEqual(self.made, 3 + 1)

    def test_messages_are_the_answers_of_the_same_name(self) -> None:
        """With their time, and a few figures beside the health."""
        message = self.first("health")
        self.assertEqual(message["timestamp"], int(self.relay.time.now()))
        self.assertEqual((message["status"], message["network"]), ("healthy", "regtest"))
        self.assertEqual(
            message["metrics"], {"uptime": 0, "memory_usage": "100MB", "cpu_usage": None, "connections": 0}
        )
        self.assertEqual(set(HealthMessage.EXAMPLE), set(message))

    def test_the_example_of_the_figures_is_whole(self) -> None:
        """Every field of the message stands in it."""
        self.assertEqual(set(MetricsMessage.EXAMPLE), set(self.first("metrics")))

    def test_a_failure_is_logged_and_the_next_one_comes(self) -> None:
        """Nobody is told anything meanwhile."""
        _, wire = self.relay.greeted("health")
        self.heard(wire)
        self.broken = True
        self.relay.time.advance(60)
        self.assertEqual((self.heard(wire), len(self.flushLoggedErrors(RuntimeError))), ([], 1))
        self.broken = False
        self.relay.time.advance(60)
        self.assertEqual(self.heard(wire), ["health"])

    def test_another_interval_holds_from_the_last_one_on(self) -> None:
        """Shorter or longer."""
        _, wire = self.relay.greeted("health")
        self.heard(wire)
        self.relay.time.advance(20)
        self.seconds = 30.0
        self.periodic.reschedule()
        self.relay.time.advance(10)
        self.assertEqual(self.heard(wire), ["health"])

    def test_after_the_end_nothing_is_told(self) -> None:
        """Whatever time passes."""
        _, wire = self.relay.greeted("health")
        self.heard(wire)
        now(self.periodic.stop())
        self.relay.time.advance(600)
        self.assertEqual(self.heard(wire), [])

    def test_pushes_are_counted(self) -> None:
        """One a subscriber."""
        for _ in range(2):
            self.relay.greeted("health")
        self.relay.time.advance(60)
        shown = self.relay.meter.text("text").decode()
        self.assertIn('sdkrelay_pushes_total{topic="health"} 4.0', shown)
