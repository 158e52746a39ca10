"""Each figure moves with its cause, and is null without a sample."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import (
    CACHE_HITS,
    CACHE_MISSES,
    MESSAGES_SYNCED,
    SYNC_ERRORS,
    SYNC_REQUESTS,
    SYNC_RESPONSES,
    SYNC_SECONDS,
)
from sdkrelay.domain.notification import Kind, Notice
from sdkrelay.messages.rest.metrics import (
    BitcoinMetrics,
    BusinessFigures,
    GetBusinessMetrics,
    GetMetrics,
    GetSystemMetrics,
    Metrics,
    MetricsText,
    SystemFigures,
)
from sdkrelay.messages.rest.node import Connections
from sdkrelay.services.metrics import Mesh
from tests.support.conversation import say
from tests.support.metered import MeteredRelay
from tests.support.stores import ROOT, block, block_notice, now, payment_notice


class MetricsCase(SynchronousTestCase):
    """A relay that has just begun."""

    def setUp(self) -> None:
        """Nothing has happened yet."""
        self.relay = MeteredRelay()

    def figures(self) -> Metrics:
        """All figures."""
        answer = self.relay.ask(GetMetrics())
        assert isinstance(answer, Metrics)
        return answer

    def system(self) -> SystemFigures:
        """Those of process and host."""
        answer = self.relay.ask(GetSystemMetrics())
        assert isinstance(answer, SystemFigures)
        return answer

    def business(self) -> BusinessFigures:
        """Those of the payments."""
        answer = self.relay.ask(GetBusinessMetrics())
        assert isinstance(answer, BusinessFigures)
        return answer


class RequestTests(MetricsCase):
    """Requests and connections."""

    def test_requests_are_counted(self) -> None:
        """Answered and refused ones, and those that are no message."""
        before = self.figures().requests_total
        session, _ = self.relay.greeted()
        say(session, "ping")
        say(session, "nothing_known")
        say(session, "unregister_wallet", wallet_id="00" * 16)
        after = self.figures()
        # Besides these four: a handshake for each of the two askings, and the first asking itself.
        self.assertEqual(after.requests_total - before, 4 + 2)
        self.assertEqual(after.system_metrics.total_requests, after.requests_total)

    def test_requests_a_second_are_of_the_last_minute(self) -> None:
        """Null in the first second; a burst is forgotten after a minute."""
        self.assertIsNone(self.figures().requests_per_second)
        session, _ = self.relay.greeted()
        for _ in range(97):
            say(session, "ping")
        self.relay.time.advance(10)
        self.assertEqual(self.figures().requests_per_second, 10.1)
        for _ in range(20):
            self.relay.metrics.sample()
            self.relay.time.advance(5)
        self.assertLess(self.figures().requests_per_second or 0, 0.1)

    def test_connections_are_those_open_now(self) -> None:
        """Both kinds, and together."""
        self.relay.connected = Connections(websocket=3, http=2)
        figures = self.figures()
        self.assertEqual((figures.websocket_connections, figures.system_metrics.active_connections), (3, 5))

    def test_the_relay_grows_older(self) -> None:
        """In whole seconds."""
        self.relay.time.advance(61.5)
        self.assertEqual(self.figures().system_metrics.uptime, 61)


class ProcessTests(MetricsCase):
    """Process and host."""

    def test_memory_is_shown_in_both_forms(self) -> None:
        """In MB of 1,000,000 bytes."""
        self.relay.machine.memory_bytes = 128_040_000
        figures = self.figures()
        self.assertEqual((figures.memory_usage_mb, figures.system_metrics.memory_usage), (128.0, "128MB"))
        self.assertEqual(self.system().memory_usage_mb, 128.0)

    def test_processor_use_is_of_the_last_minute(self) -> None:
        """Half a second of ten is five percent; null in the first second."""
        self.assertIsNone(self.figures().system_metrics.cpu_usage)
        self.relay.time.advance(10)
        self.relay.machine.cpu_seconds = 0.5
        figures = self.figures()
        self.assertEqual((figures.cpu_usage_percent, figures.system_metrics.cpu_usage), (5.0, "5%"))
        self.assertEqual(self.system().cpu_usage_percent, 5.0)

    def test_samples_are_taken_by_themselves(self) -> None:
        """So that an idle minute shows as one, whatever was before."""
        watching = self.relay.time.tasks.start("metrics", self.relay.metrics.watch())
        self.addCleanup(watching.cancel)
        self.relay.machine.cpu_seconds = 5.0
        for _ in range(20):
            self.relay.time.advance(5)
        self.assertEqual(self.system().cpu_usage_percent, 0.0)

    def test_network_use_is_in_megabits(self) -> None:
        """1,250,000 bytes in ten seconds are one megabit a second; null without an interface."""
        self.relay.time.advance(10)
        self.relay.machine.network_bytes = 1_250_000
        self.assertEqual(self.system().network_io_mbps, 1.0)
        self.relay.machine.network_bytes = None
        self.assertIsNone(self.system().network_io_mbps)

    def test_the_disk_is_shown_as_it_is(self) -> None:
        """Null without a folder."""
        self.relay.machine.disk_percent = 81.5
        self.assertEqual(self.system().disk_usage_percent, 81.5)
        self.relay.machine.disk_percent = None
        self.assertIsNone(self.system().disk_usage_percent)


class NodeTests(MetricsCase):
    """What bitcoind says."""

    def test_the_node_is_asked(self) -> None:
        """What it does not say is null."""
        self.assertEqual(self.figures().bitcoin_metrics, BitcoinMetrics(block_height=7, connections=0))

    def test_a_node_that_is_away_says_nothing(self) -> None:
        """The rest is answered all the same."""
        self.relay.chain.away = "bitcoind is away"
        self.assertEqual(self.figures().bitcoin_metrics, BitcoinMetrics())


class MeshTests(MetricsCase):
    """Other relays, and the cache."""

    def test_without_a_mesh_there_is_nothing(self) -> None:
        """Zero of it, and no mean of nothing."""
        sync = self.figures().sync_metrics
        self.assertEqual((sync.known_relays, sync.mesh_connections, sync.sync_requests, sync.error_count), (0, 0, 0, 0))
        self.assertEqual((sync.avg_latency, sync.success_rate), (None, None))

    def test_exchanges_are_counted(self) -> None:
        """With their mean in milliseconds, and the share that succeeded."""
        meter = self.relay.meter
        meter.count(SYNC_REQUESTS, by=3)
        meter.count(SYNC_RESPONSES, by=2)
        meter.count(SYNC_ERRORS)
        meter.time(SYNC_SECONDS, 0.045)
        sync = self.figures().sync_metrics
        self.assertEqual((sync.sync_requests, sync.sync_responses, sync.error_count), (3, 2, 1))
        self.assertEqual((sync.avg_latency, sync.success_rate), (45.0, 66.67))

    def test_the_cache_is_counted(self) -> None:
        """What it had, and what it had not."""
        self.relay.meter.count(CACHE_HITS, by=4)
        self.relay.meter.count(CACHE_MISSES)
        sync = self.figures().sync_metrics
        self.assertEqual((sync.cache_hits, sync.cache_misses), (4, 1))

    def test_relays_are_those_of_now(self) -> None:
        """Known and connected."""
        self.relay.mesh = Mesh(known=3, connections=2)
        sync = self.figures().sync_metrics
        self.assertEqual((sync.known_relays, sync.mesh_connections), (3, 2))
        self.assertEqual(self.business().relays_connected, 2)


class BusinessTests(MetricsCase):
    """What was done for wallets."""

    def test_payments_are_counted_as_they_are_told(self) -> None:
        """Detected and confirmed ones; other news are neither."""
        hub, store = self.relay.hub, self.relay.store
        self.relay.register("mine")
        detected = [_kind(Kind.PAYMENT_DETECTED, number) for number in range(3)]
        entries = now(
            store.wallets.settle([], [*detected, _kind(Kind.PAYMENT_CONFIRMED, 0), _kind(Kind.PAYMENT_SPENT, 0)])
        )
        now(hub.publish(entries))
        now(hub.publish(now(store.index.append_block(block(ROOT), [block_notice(ROOT)]))))
        business = self.business()
        self.assertEqual((business.payments_processed, business.payments_confirmed), (3, 1))

    def test_what_was_taken_over_is_counted(self) -> None:
        """From other relays."""
        self.relay.meter.count(MESSAGES_SYNCED, by=5)
        self.assertEqual(self.business().messages_synced, 5)


class FormTests(MetricsCase):
    """The texts for scrapers."""

    def test_scrapers_get_text(self) -> None:
        """Of the kind asked for, with its media type."""
        for form, media in (("text", "text/plain; version=0.0.4"), ("openmetrics", "application/openmetrics-text")):
            answer = self.relay.ask(GetMetrics(format=form))  # type: ignore[arg-type]
            assert isinstance(answer, MetricsText)
            self.assertTrue(answer.content_type.startswith(media))
            self.assertIn(b"sdkrelay_requests_total", answer.body)


def _kind(kind: Kind, number: int) -> Notice:
    notice = payment_notice("mine", number)
    return Notice(kind, notice.topic, notice.data, notice.wallet_id)
