"""The figures that conditions name: each moves with its cause."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.figure import FIGURES, Value
from sdkrelay.domain.measure import REQUEST_SECONDS, REQUESTS, RPC_EXCHANGES, RPC_SECONDS
from sdkrelay.domain.status import CatchingUp, IndexerCondition, Live, NodeCondition, NodeState, Stalled, Starting
from sdkrelay.messages.rest.admin import Queues
from sdkrelay.messages.rest.node import Connections
from sdkrelay.services.metrics import Mesh
from sdkrelay.services.readings import Observed, Readings
from tests.support.metered import MeteredRelay


class ReadingsTests(SynchronousTestCase):
    """A relay whose parts a test sets."""

    def setUp(self) -> None:
        """All is well, and nothing has happened yet."""
        self.relay = relay = MeteredRelay()
        self.node = NodeCondition(NodeState.CONNECTED)
        self.indexer: IndexerCondition = Live(7)
        self.trouble: str | None = None
        observed = Observed(
            relay.meter, relay.metrics, lambda: relay.connected, lambda: relay.waiting, lambda: self.node,
            lambda: self.indexer, lambda: self.trouble, lambda: relay.mesh,
        )  # fmt: skip
        self.readings = Readings(observed, relay.time)

    def after(self, seconds: float = 10.0) -> dict[str, Value]:
        """The figures, a while later."""
        self.relay.time.advance(seconds)
        return self.readings.read()

    def test_every_figure_is_there(self) -> None:
        """Neither more nor less than conditions may name, each of its kind."""
        read = self.after()
        self.assertEqual(set(read), set(FIGURES))
        for name, value in read.items():
            self.assertTrue(value is None or isinstance(value, bool) is FIGURES[name].is_boolean, name)

    def test_the_process(self) -> None:
        """Processor, memory, disk."""
        self.relay.machine.cpu_seconds, self.relay.machine.memory_bytes = 8.5, 250_000_000
        self.relay.machine.disk_percent = 91.0
        read = self.after()
        self.assertEqual((read["cpu_usage"], read["memory_usage_mb"], read["disk_usage"]), (85.0, 250.0, 91.0))

    def test_requests_of_the_last_minute(self) -> None:
        """How many, how long they took, how many failed by the relay's fault; older ones do not count any more."""
        meter = self.relay.meter
        self.assertEqual(self.rates(self.after()), (0.0, None, None))
        for seconds in (1.0, 2.0, 3.0):
            meter.count(REQUESTS, "ping", "ok")
            meter.time(REQUEST_SECONDS, seconds, "ping")
        for outcome in ("INTERNAL", "UNAVAILABLE", "VALIDATION_ERROR", "AUTH_REQUIRED", "NOT_FOUND"):
            meter.count(REQUESTS, "ping", outcome)
        self.assertEqual(self.rates(self.after()), (0.4, 2.0, 25.0))
        for _ in range(7):
            read = self.after()
        self.assertEqual(self.rates(read), (0.0, None, None))

    def rates(self, read: dict[str, Value]) -> tuple[Value, ...]:
        """What is said of requests."""
        return read["requests_per_second"], read["latency"], read["error_rate"]

    def test_exchanges_with_bitcoind(self) -> None:
        """The mean of the last minute, failed ones included; None without any."""
        self.assertIsNone(self.after()["bitcoin_latency"])
        for seconds, outcome in ((0.5, "ok"), (1.5, "failed")):
            self.relay.meter.count(RPC_EXCHANGES, outcome)
            self.relay.meter.time(RPC_SECONDS, seconds)
        self.assertEqual(self.after()["bitcoin_latency"], 1.0)

    def test_the_node(self) -> None:
        """Connected or not; not known where none is configured."""
        for state, connected in (
            (NodeState.CONNECTED, True), (NodeState.CONNECTING, False), (NodeState.DISCONNECTED, False),
            (NodeState.NOT_CONFIGURED, None),
        ):  # fmt: skip
            self.node = evolve(self.node, state=state)
            self.assertIs(self.after()["bitcoin_connected"], connected)

    def test_the_index(self) -> None:
        """Live at the tip, behind by so many blocks, or somewhere that is not known."""
        for condition, expected in (
            (Live(7), (True, 0)), (CatchingUp(3, 10), (False, 7)), (Stalled(0.0, "why"), (False, None)),
            (Starting(), (False, None)),
        ):  # fmt: skip
            self.indexer = condition
            read = self.after()
            self.assertEqual((read["index_live"], read["index_lag"]), expected)

    def test_the_store_and_the_doors(self) -> None:
        """Whether it can be written; who is connected, what waits, which relays are known."""
        self.trouble = "disk full"
        self.relay.connected, self.relay.waiting = Connections(websocket=3, http=2), Queues(requests=0, unsent_bytes=9)
        self.relay.mesh = Mesh(known=4, connections=1)
        read = self.after()
        counted = ("websocket_connections", "http_connections", "unsent_bytes", "known_relays", "connected_relays")
        self.assertEqual((read["store_writable"], [read[name] for name in counted]), (False, [3, 2, 9, 4, 1]))
