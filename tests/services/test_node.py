"""Health, for every condition the parts can be in."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.status import CatchingUp, IndexerCondition, Live, Stalled, Starting
from sdkrelay.messages.rest.node import GetHealth, Health
from tests.support.nodes import NodeRelay
from tests.support.stores import now


class HealthTests(SynchronousTestCase):
    """The report follows its causes."""

    def setUp(self) -> None:
        """A relay that is well."""
        self.relay = NodeRelay()

    def health(self) -> Health:
        """The report."""
        caller: Any = self.relay.session()[0]
        answer = now(self.relay.dispatch.answer(GetHealth(), caller))
        assert isinstance(answer, Health)
        return answer

    def test_a_relay_that_is_well_is_healthy(self) -> None:
        """Real values, no reasons."""
        self.relay.time.advance(61.5)
        health = self.health()
        self.assertEqual((health.status, health.uptime, health.reasons), ("healthy", 61, {}))
        self.assertEqual((health.checks.bitcoin_rpc, health.checks.blindbit_api), (True, None))

    def test_a_node_that_is_away_degrades(self) -> None:
        """Its reason is told, and the check fails."""
        self.relay.chain.away = "bitcoind refuses the password"
        health = self.health()
        self.assertEqual((health.status, health.services.bitcoin_core), ("degraded", "disconnected"))
        self.assertEqual(health.reasons, {"bitcoin_core": "bitcoind refuses the password"})
        self.assertIs(health.checks.bitcoin_rpc, False)

    def test_the_indexer_is_shown_as_it_is(self) -> None:
        """Every condition has its word and its numbers."""
        cases: list[tuple[IndexerCondition, str, int | None, int | None]] = [
            (Starting(), "starting", None, None),
            (CatchingUp(10, 20, 2.0, 5.0), "catching_up", 10, 20),
            (Live(20), "live", 20, 20),
            (Stalled(0.0, "the node is pruned"), "stalled", None, None),
        ]
        for condition, state, height, target in cases:
            self.relay.indexer = condition
            report = self.health().indexer
            self.assertEqual((report.state, report.height, report.target), (state, height, target))

    def test_a_stalled_indexer_degrades(self) -> None:
        """With its reason."""
        self.relay.indexer = Stalled(0.0, "the node is pruned")
        health = self.health()
        self.assertEqual((health.status, health.reasons["indexer"]), ("degraded", "the node is pruned"))

    def test_a_relay_that_stops_is_unhealthy(self) -> None:
        """So that a load balancer sends nobody here."""
        self.relay.draining = True
        self.assertEqual(self.health().status, "unhealthy")
