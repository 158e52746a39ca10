"""The figures over HTTP: in the form that is wanted, and refusals counted too."""

from __future__ import annotations

import json

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import REQUESTS
from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.rest.door import RestDoor, RestSurroundings
from sdkrelay.io.rest.table import ROWS
from sdkrelay.messages.rest.metrics import GetMetrics
from sdkrelay.session.gate import Allowances
from tests.support.metered import MeteredRelay
from tests.support.websocket import connect


class MetricsDoorTests(SynchronousTestCase):
    """``/metrics`` on a port without a socket."""

    def setUp(self) -> None:
        """Ten requests a minute are allowed."""
        self.relay = MeteredRelay()
        time = self.relay.time
        rows = [row for row in ROWS if row.request is GetMetrics]
        around = RestSurroundings(
            self.relay.dispatch, self.relay.catalog, Allowances(time, 10), time.tasks, time, time.reactor
        )
        self.guard = guarded(RestDoor(around, rows).resource, HttpLimits(), time.reactor)

    def get(self, path: str = "/metrics", accept: str = "*/*") -> tuple[str, bytes]:
        """Head and body of the answer."""
        client = connect(self.guard, IPv4Address("TCP", "127.0.0.1", 50000))
        client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode())
        head, _, body = client.raw().partition(b"\r\n\r\n")
        client.transport.loseConnection()
        return head.decode().lower(), body

    def test_json_is_the_default(self) -> None:
        """With the fields of both documents."""
        head, body = self.get()
        self.assertIn("content-type: application/json", head)
        answer = json.loads(body)
        self.assertEqual(set(answer) - {"timestamp"}, set(FIELDS))

    def test_scrapers_get_what_they_accept(self) -> None:
        """Or what the query says."""
        head, body = self.get(accept="text/plain;version=0.0.4")
        self.assertIn("content-type: text/plain; version=0.0.4", head)
        self.assertIn(b"# TYPE sdkrelay_requests_total counter", body)
        head, body = self.get(accept="application/openmetrics-text")
        self.assertTrue(body.endswith(b"# EOF\n"))
        self.assertIn("text/plain", self.get("/metrics?format=text")[0])

    def test_another_form_is_refused(self) -> None:
        """As any wrong field is, and that is counted."""
        self.assertIn("422", self.get("/metrics?format=xml")[0].splitlines()[0])
        self.assertEqual(self.relay.meter.total(REQUESTS, type="get_metrics", outcome="VALIDATION_ERROR"), 1)

    def test_refusals_for_too_many_requests_are_counted(self) -> None:
        """Each request once."""
        for _ in range(12):
            self.get()
        self.assertEqual(self.relay.meter.total(REQUESTS, type="get_metrics", outcome="RATE_LIMITED"), 2)
        self.assertEqual(self.relay.meter.total(REQUESTS), 12)


FIELDS = (
    "sync_metrics", "system_metrics", "bitcoin_metrics", "requests_total", "requests_per_second", "websocket_connections",
    "memory_usage_mb", "cpu_usage_percent",
)  # fmt: skip
