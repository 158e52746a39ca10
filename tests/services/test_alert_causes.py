"""The built-in alerts from their real causes: what the process, the clients and bitcoind do."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import REQUEST_SECONDS, REQUESTS
from sdkrelay.domain.status import Live
from sdkrelay.services.metrics import Mesh
from sdkrelay.services.readings import Observed, Readings
from tests.support.alarmed import AlarmedRelay
from tests.support.conversation import say

#: Alert and status, as told.
Told = list[tuple[str, str]]


class CauseTests(SynchronousTestCase):
    """A relay that looks at its own figures."""

    def setUp(self) -> None:
        """Idle, with one subscriber."""
        self.relay = relay = AlarmedRelay()
        observed = Observed(
            relay.meter, relay.metrics, lambda: relay.connected, lambda: relay.waiting, relay.chain.condition, lambda: Live(7),
            lambda: None, lambda: relay.mesh,
        )  # fmt: skip
        self.readings = Readings(observed, relay.time)
        self.task = relay.time.tasks.start("alerts", relay.watching.watch())
        self.addCleanup(self.task.cancel)
        session, self.wire = relay.greeted()
        say(session, "subscribe", subscriptions=["alerts"])

    def told(self, seconds: int, happens: Callable[[], None] = lambda: None) -> Told:
        """Let something happen every 5 seconds; what the subscriber heard of it."""
        for _ in range(seconds // 5):
            happens()
            self.relay.metrics.sample()
            self.relay.figures = self.readings.read()
            self.relay.time.advance(5)
        self.relay.time.settle()
        return [(said["alert_id"], said["status"]) for said in self.wire.said() if said["type"] == "alert"]

    def test_another_relay_with_other_digests(self) -> None:
        """Told at the first look, and until they agree again."""
        self.relay.mesh = Mesh(known=1, connections=1, disputes=2)
        self.assertEqual(self.told(5), [("digests_differ", "firing")])
        self.relay.mesh = Mesh(known=1, connections=1)
        self.assertEqual(self.told(5), [("digests_differ", "resolved")])

    def test_a_busy_process(self) -> None:
        """Five processor seconds in every five, then none."""

        def work() -> None:
            self.relay.machine.cpu_seconds += 5

        self.assertEqual(self.told(120, work), [("high_cpu", "firing")])
        self.assertEqual(self.told(180), [("high_cpu", "resolved")])

    def test_slow_answers(self) -> None:
        """Replies that take two seconds, then quick ones."""

        def answer(seconds: float) -> None:
            self.relay.meter.count(REQUESTS, "ping", "ok")
            self.relay.meter.time(REQUEST_SECONDS, seconds, "ping")

        self.assertEqual(self.told(120, lambda: answer(2.0)), [("high_latency", "firing")])
        self.assertEqual(self.told(180, lambda: answer(0.01)), [("high_latency", "resolved")])

    def test_failing_requests(self) -> None:
        """One of ten fails by the relay's fault; refusals by the client's fault are none."""

        def ask(outcome: str) -> None:
            self.relay.meter.count(REQUESTS, "ping", "ok", by=9)
            self.relay.meter.count(REQUESTS, "ping", outcome)

        self.assertEqual(self.told(120, lambda: ask("VALIDATION_ERROR")), [])
        self.assertEqual(self.told(120, lambda: ask("UNAVAILABLE")), [("high_error_rate", "firing")])
        self.assertEqual(self.told(180, lambda: ask("ok")), [("high_error_rate", "resolved")])

    def test_bitcoind_goes_away(self) -> None:
        """And comes back."""
        self.relay.chain.away = "bitcoind refuses the connection"
        self.assertEqual(self.told(60), [("bitcoin_disconnected", "firing")])
        self.relay.chain.away = ""
        self.assertEqual(self.told(90), [("bitcoin_disconnected", "resolved")])
