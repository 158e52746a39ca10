"""The registry: what is counted is what is shown."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import (
    CACHE_HITS,
    CACHE_MISSES,
    COUNTED,
    REQUEST_SECONDS,
    REQUESTS,
    RPC_SECONDS,
    SESSIONS_OPEN,
    TRAFFIC,
)
from sdkrelay.io.cache import BoundedCache
from sdkrelay.io.ops.metrics import RegistryMeter
from tests.support.stores import SetClock


class MeterTests(SynchronousTestCase):
    """Counting, timing, following."""

    def setUp(self) -> None:
        """A meter that has counted nothing."""
        self.meter = RegistryMeter()

    def shown(self, form: str = "text") -> list[str]:
        """The lines of a text."""
        return self.meter.text(form).decode().splitlines()

    def test_counts_add_up_by_label_and_over_all(self) -> None:
        """Any choice of labels can be asked for."""
        self.meter.count(REQUESTS, "ping", "ok", by=3)
        self.meter.count(REQUESTS, "ping", "RATE_LIMITED")
        self.meter.count(REQUESTS, "get_health", "ok")
        self.assertEqual(self.meter.total(REQUESTS), 5)
        self.assertEqual(self.meter.total(REQUESTS, type="ping"), 4)
        self.assertEqual(self.meter.total(REQUESTS, outcome="ok", type="ping"), 3)
        self.assertIn('sdkrelay_requests_total{outcome="RATE_LIMITED",type="ping"} 1.0', self.shown())

    def test_a_mean_needs_a_sample(self) -> None:
        """There is none before the first."""
        self.assertIsNone(self.meter.mean(RPC_SECONDS))
        self.meter.time(RPC_SECONDS, 0.1)
        self.meter.time(RPC_SECONDS, 0.3)
        self.assertAlmostEqual(self.meter.mean(RPC_SECONDS) or 0, 0.2)

    def test_a_clock_that_steps_back_harms_nothing(self) -> None:
        """A negative time counts as none."""
        self.meter.time(REQUEST_SECONDS, -1.0, "ping")
        self.assertEqual(self.meter.mean(REQUEST_SECONDS), 0.0)

    def test_what_stands_at_a_value_is_asked_when_it_is_read(self) -> None:
        """Nothing known is NaN, and a running total of others is a counter."""
        now: list[float | None] = [None]
        self.meter.follow(SESSIONS_OPEN, lambda: now[0])
        self.meter.follow(TRAFFIC["bytes_sent"], lambda: 7)
        self.assertIn("sdkrelay_sessions_open NaN", self.shown())
        now[0] = 5
        self.assertIn("sdkrelay_sessions_open 5.0", self.shown())
        self.assertIn("# TYPE sdkrelay_bytes_sent_total counter", self.shown())

    def test_both_texts_name_every_measure(self) -> None:
        """OpenMetrics ends as it must."""
        for form in ("text", "openmetrics"):
            text = "\n".join(self.shown(form))
            for measure in COUNTED:
                self.assertIn(f"# HELP {measure.name}", text)
        self.assertEqual(self.shown("openmetrics")[-1], "# EOF")

    def test_the_cache_counts_what_it_has(self) -> None:
        """And what it was asked for in vain."""
        cache = BoundedCache(SetClock(), meter=self.meter)
        cache.get(("a",))
        cache.put(("a",), 1, 10)
        cache.get(("a",))
        cache.get(("a",))
        self.assertEqual((self.meter.total(CACHE_HITS), self.meter.total(CACHE_MISSES)), (2, 1))

    def test_two_meters_know_nothing_of_each_other(self) -> None:
        """Each relay has its own, in one process too."""
        RegistryMeter().count(REQUESTS, "ping", "ok")
        self.assertEqual(self.meter.total(REQUESTS), 0)
