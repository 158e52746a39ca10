"""State, health and metrics between two relays: when they are exchanged, what is kept of them, and what is shown."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import SYNC_ERRORS, SYNC_REQUESTS, SYNC_RESPONSES, SYNC_SECONDS
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.rest.node import Connections
from sdkrelay.messages.rest.sync import ForceSync, GetSyncHistory, GetSyncStatus
from tests.support.linked import LinkedRelay, cable
from tests.support.stores import now
from tests.support.tasks import EPOCH, DrivenTime


class ExchangeCase(SynchronousTestCase):
    """Two relays, linked by a cable that takes 50 ms each way."""

    def setUp(self) -> None:
        """The link has just begun."""
        self.time = DrivenTime()
        self.one, self.other = LinkedRelay("relay-1", self.time), LinkedRelay("relay-2", self.time)
        self.near, self.far = cable(self.one, self.other, 0.05)

    def wait(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(int(seconds * 20)):
            self.time.advance(0.05)

    def ask(self, relay: LinkedRelay, request: Any) -> Any:
        """What this relay's service answers."""
        handler = {ForceSync: relay.sharing.sync.force, GetSyncStatus: relay.sharing.sync.status}.get(
            type(request), relay.sharing.sync.history
        )
        return now(handler(request, None))

    def rows(self, relay: LinkedRelay, kind: str) -> list[Any]:
        """The exchanges of a kind that this relay asked for."""
        found = self.ask(relay, GetSyncHistory(limit=500, sync_type=kind)).history
        return [row for row in found if row.latency is not None or row.status == "failed"]


class RoundTests(ExchangeCase):
    """What happens by itself."""

    def test_all_three_come_at_once_and_then_at_their_intervals(self) -> None:
        """Every 30, 60 and 120 seconds, from each side."""
        self.wait(121)
        for relay in (self.one, self.other):
            counts = [len(self.rows(relay, kind)) for kind in ("StateSync", "HealthSync", "MetricsSync")]
            self.assertEqual(counts, [5, 3, 2])

    def test_each_side_knows_the_other(self) -> None:
        """Its state, its health and its figures, and when it said so."""
        self.other.base.connected = Connections(websocket=4, http=1)
        self.wait(1)
        portrait = self.one.sharing.figures.of("relay-2")
        assert portrait.state and portrait.health and portrait.metrics and portrait.at
        self.assertEqual((portrait.state.connections, portrait.health.memory_usage), (4, "100MB"))
        self.assertGreater(portrait.at, EPOCH)
        self.assertEqual(self.other.sharing.figures.of("relay-1").state.network, "regtest")  # type: ignore[union-attr]
        standing = self.one.standings["relay-2"]
        self.assertEqual((standing.connections, standing.health), (4, "healthy"))

    def test_an_exchange_is_a_row_with_its_latency_and_size(self) -> None:
        """There and back is a tenth of a second; the asked side has a row without a latency."""
        self.wait(1)
        (row,) = self.rows(self.one, "StateSync")
        self.assertEqual((row.target_relay, row.status, row.latency, row.duration), ("relay-2", "success", 100.0, 100))
        self.assertGreater(row.payload_size, 100)
        asked = [row for row in self.ask(self.one, GetSyncHistory()).history if row.latency is None]
        self.assertEqual([row.target_relay for row in asked], ["relay-2"] * 3)

    def test_the_meter_counts_both_directions(self) -> None:
        """Three asked, three answered, and the comparison of records; the mean latency is in the next health message."""
        self.wait(1)
        meter = self.one.meter
        self.assertEqual((meter.total(SYNC_REQUESTS), meter.total(SYNC_RESPONSES), meter.total(SYNC_ERRORS)), (7, 7, 0))
        self.assertAlmostEqual(meter.mean(SYNC_SECONDS) or 0, 0.1)
        self.wait(60)
        health = self.other.sharing.figures.of("relay-1").health
        self.assertEqual(health and health.network_latency, 100.0)

    def test_the_next_exchange_is_announced(self) -> None:
        """None without a link; with one, thirty seconds after the last."""
        self.wait(1)
        self.assertEqual(self.ask(self.one, GetSyncStatus()).next_sync, int(EPOCH) + 30)
        self.near.cut()
        self.time.settle()
        self.assertEqual(self.ask(self.one, GetSyncStatus()).next_sync, None)

    def test_silence_is_a_failure(self) -> None:
        """After ten seconds, shown with the relay and in the status; a cut ends the rest."""
        self.far.tamper = lambda message: None
        self.wait(11)
        status = self.ask(self.one, GetSyncStatus())
        self.assertEqual(status.statistics.failed_syncs, 3)
        self.assertIn("StateSync: no answer", status.errors)
        self.assertEqual(self.one.standings["relay-2"].errors, 3)
        self.near.cut()
        self.wait(1)
        self.assertEqual(self.ask(self.one, GetSyncStatus()).active_syncs, ())


class NewestTests(ExchangeCase):
    """Of several statements the newest counts."""

    def take(self, sequence: int, uptime: int, boot_id: str = "boot-1") -> None:
        """Relay 2 says, by this statement, that it is up for so long."""
        state = {"uptime": uptime, "version": "1", "network": "regtest", "status": "healthy", "last_block": 7,
                 "connections": 0, "known_relays": 0, "mesh_connections": 0}  # fmt: skip
        payload = {"state": state, "register": {"boot_id": boot_id, "sequence": sequence}}
        now(self.one.sharing.figures.take(self.one.link("relay-2"), "StateSync", payload))

    def uptime(self) -> int:
        """What relay 1 believes."""
        state = self.one.sharing.figures.of("relay-2").state
        return -1 if state is None else state.uptime

    def test_an_older_one_changes_nothing(self) -> None:
        """Nor does the same again, nor one of another run of the process."""
        self.take(1_000, 50)
        self.take(999, 40)
        self.take(1_000, 41)
        self.take(2_000, 42, "boot-0")
        self.assertEqual(self.uptime(), 50)
        self.take(1_001, 51)
        self.assertEqual(self.uptime(), 51)

    def test_a_new_run_begins_anew(self) -> None:
        """Its first statement counts, however far the former run had come."""
        self.take(1_000, 50)
        self.near.cut()
        cable(self.one, LinkedRelay("relay-2", self.time, "boot-2"))
        self.take(1, 3, "boot-2")
        self.assertEqual(self.uptime(), 3)

    def test_what_is_no_statement_is_an_offence(self) -> None:
        """A part that is missing, of a wrong type, endless, or without its register."""
        link = self.one.link("relay-2")
        for payload in ({}, {"state": 5}, {"state": {"uptime": -1}}, {"health": {}}, {"register": {}},
                        {"blocks": [{}] * 50}, {"state": {"version": "x" * 5_000}}):  # fmt: skip
            problem = self.failureResultOf_(self.one.sharing.figures.take(link, "StateSync", payload))
            self.assertEqual(problem.code, Code.VALIDATION_ERROR)
        self.assertEqual(link.standing.offences, 7)

    def failureResultOf_(self, coroutine: Any) -> Problem:
        """The Problem that it raises at once."""
        return self.assertRaises(Problem, now, coroutine)


class ForceTests(ExchangeCase):
    """``/sync/force``."""

    def test_all_connected_are_asked_for_all_kinds(self) -> None:
        """At once, with a comparison of records; the duration is estimated from what was measured."""
        self.wait(1)
        forced = self.ask(self.one, ForceSync())
        self.assertEqual(forced.sync_types, ("StateSync", "HealthSync", "MetricsSync", "ReconcileSync"))
        self.assertEqual((forced.target_relays, forced.relays_count), (("relay-2",), 1))
        self.assertEqual(forced.estimated_duration, "1s")
        self.assertEqual(len(self.ask(self.one, GetSyncStatus()).active_syncs), 4)
        self.wait(1)
        self.assertEqual(len(self.rows(self.one, "HealthSync")), 2)

    def test_only_the_kinds_and_relays_named(self) -> None:
        """And nobody for a name of nobody."""
        self.wait(1)
        forced = self.ask(self.one, ForceSync(sync_types=("HealthSync",), target_relays=("relay-2",)))
        self.assertEqual((forced.sync_types, forced.target_relays), (("HealthSync",), ("relay-2",)))
        self.wait(1)
        self.assertEqual((len(self.rows(self.one, "StateSync")), len(self.rows(self.one, "HealthSync"))), (1, 2))
        problem = self.assertRaises(Problem, self.ask, self.one, ForceSync(target_relays=("nobody",)))
        self.assertEqual(problem.code, Code.NOT_FOUND)
