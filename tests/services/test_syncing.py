"""Sync messages: what is answered, and what is remembered of it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.rest.node import Connections
from sdkrelay.messages.rest.relays import AddRelay
from sdkrelay.messages.rest.sync import ForceSync, GetSyncHistory, GetSyncStatus
from sdkrelay.services.figures import size_text
from tests.support.conversation import say
from tests.support.related import RelatedRelay
from tests.support.stores import now
from tests.support.tasks import EPOCH


class SyncCase(SynchronousTestCase):
    """A relay with one session."""

    def setUp(self) -> None:
        """After the handshake."""
        self.relay = RelatedRelay()
        self.session, self.wire = self.relay.greeted()

    def sync(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Ask; the answer."""
        say(self.session, "sync", sync_type=kind, **fields)
        answer: dict[str, Any] = self.wire.said()[-1]
        return answer


class AnswerTests(SyncCase):
    """``sync`` and its response."""

    def test_the_answer_names_both_messages(self) -> None:
        """Its own, which is new each time, and the one it answers."""
        first = self.sync("StateSync", message_id="msg-123", relay_id="relay-9", id="s")
        second = self.sync("StateSync")
        self.assertEqual((first["type"], first["sync_type"], first["id"]), ("sync_response", "StateSync", "s"))
        self.assertEqual((first["relay_id"], first["in_reply_to"]), ("relay-under-test", "msg-123"))
        self.assertNotEqual(first["message_id"], second["message_id"])

    def test_state_moves_with_its_causes(self) -> None:
        """Time, clients, relays known, and the node."""
        before = self.sync("StateSync")["payload"]["state"]
        self.assertEqual(
            before,
            {
                "uptime": 0, "version": "9.9.9", "network": "regtest", "status": "healthy", "last_block": 7,
                "connections": 0, "known_relays": 0, "mesh_connections": 0,
            },
        )  # fmt: skip
        self.relay.time.advance(5)
        self.relay.connected = Connections(websocket=4, http=1)
        self.relay.chain.away = "it is gone"
        self.relay.ask(AddRelay(address="a"))
        after = self.sync("StateSync")["payload"]["state"]
        moved = {"uptime": 5, "connections": 4, "known_relays": 1, "status": "degraded"}
        self.assertEqual(after, {**before, **moved})

    def test_health_moves_with_its_causes(self) -> None:
        """Memory, processor, disk, a failure of ours, and what is wrong now."""
        before = self.sync("HealthSync")["payload"]["health"]
        self.assertEqual((before["memory_usage"], before["cpu_usage"], before["disk_usage"]), ("100MB", None, "2GB"))
        nothing = (before["network_latency"], before["error_count"], before["last_error"])
        self.assertEqual(nothing, (None, 0, None))
        self.relay.time.advance(10)
        self.relay.machine.memory_bytes, self.relay.machine.cpu_seconds, self.relay.disk = 96_000_000, 1.0, 64_000_000
        self.relay.chain.away = "it is gone"
        say(self.session, "unregister_wallet", wallet_id="bug")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        after = self.sync("HealthSync")["payload"]["health"]
        self.assertEqual((after["memory_usage"], after["cpu_usage"], after["disk_usage"]), ("96MB", "10%", "64MB"))
        self.assertEqual((after["error_count"], after["last_error"]), (1, "it is gone"))

    def test_metrics_count_the_messages(self) -> None:
        """This one is the second asked, and one was answered before it."""
        self.sync("StateSync")
        metrics = self.sync("MetricsSync")["payload"]["metrics"]
        self.assertEqual((metrics["sync_requests"], metrics["sync_responses"]), (2, 1))
        self.assertEqual((metrics["avg_latency"], metrics["success_rate"]), (None, 100.0))

    def test_unknown_kinds_are_refused(self) -> None:
        """And a payload that is no object."""
        self.assertEqual(self.sync("OtherSync")["error_code"], "VALIDATION_ERROR")
        self.assertEqual(self.sync("StateSync", payload=[1])["error_code"], "VALIDATION_ERROR")

    def test_records_are_compared_with_relays_only(self) -> None:
        """A client is told so, and no row is kept of it."""
        refusal = self.sync("ReconcileSync", payload={"session": "s", "frame": "YQ=="})
        self.assertEqual((refusal["type"], refusal["error_code"]), ("error", "AUTH_REQUIRED"))
        self.assertEqual(self.relay.ask(GetSyncHistory()).total, 0)

    def test_subscribers_are_told_the_state(self) -> None:
        """In the same shape, as a ``sync``."""
        told = now(self.relay.sync.push("StateSync"))
        self.assertEqual((told.wire_name(), told.sync_type), ("sync", "StateSync"))
        self.assertEqual(told.payload.state.last_block, 7)

    def test_sizes(self) -> None:
        """By thousands, at most three digits."""
        self.assertEqual([size_text(size) for size in (0, 1_500_000_000, 512_400_000)], ["0MB", "1.5GB", "512MB"])


class HistoryTests(SyncCase):
    """``/sync/status`` and ``/sync/history``."""

    def test_nothing_has_happened_at_first(self) -> None:
        """No time, no rate, no duration is invented."""
        status, history = self.relay.ask(GetSyncStatus()), self.relay.ask(GetSyncHistory())
        self.assertEqual((status.status, status.last_sync, status.next_sync), ("idle", None, None))
        self.assertEqual((status.errors, status.active_syncs), ((), ()))
        statistics = status.statistics
        self.assertEqual((statistics.total_syncs, statistics.success_rate, statistics.avg_duration), (0, None, None))
        self.assertEqual((history.history, history.total), ((), 0))

    def test_exchanges_are_remembered(self) -> None:
        """Newest first, with who asked; an exchange that this relay answers has no latency."""
        self.sync("StateSync", relay_id="relay-9")
        self.relay.time.advance(3)
        answer = self.sync("HealthSync")
        history = self.relay.ask(GetSyncHistory())
        newest, oldest = history.history
        self.assertEqual(
            (newest.sync_type, newest.target_relay, newest.timestamp), ("HealthSync", None, int(EPOCH) + 3)
        )
        self.assertEqual((newest.message_id, newest.latency), (answer["message_id"], None))
        self.assertEqual((oldest.target_relay, oldest.status), ("relay-9", "success"))
        self.assertGreater(newest.payload_size, 100)
        self.assertEqual((history.total, history.successful, history.failed), (2, 2, 0))
        self.assertEqual(self.relay.ask(GetSyncStatus()).last_sync, int(EPOCH) + 3)

    def test_the_history_is_filtered_and_cut(self) -> None:
        """By kind and time; the counts are of all that match, and the filters come back."""
        for _ in range(3):
            self.sync("StateSync")
            self.relay.time.advance(10)
            self.sync("HealthSync")
        found = self.relay.ask(GetSyncHistory(limit=1, since=int(EPOCH) + 10, sync_type="StateSync"))
        self.assertEqual((len(found.history), found.total), (1, 2))
        self.assertEqual((found.filters.limit, found.filters.since), (1, int(EPOCH) + 10))

    def test_failures_are_remembered(self) -> None:
        """By the kind of error, without its words."""
        self.relay.chain.broken = True
        self.assertEqual(self.sync("MetricsSync")["error_code"], "INTERNAL")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        status = self.relay.ask(GetSyncStatus())
        self.assertEqual((status.errors, status.statistics.failed_syncs), (("MetricsSync: RuntimeError",), 1))
        self.assertEqual(self.relay.ask(GetSyncHistory()).history[0].status, "failed")

    def test_the_memory_is_bounded(self) -> None:
        """A thousand exchanges are remembered, and all are counted."""
        for _ in range(1_010):
            self.sync("StateSync")
        self.assertEqual(self.relay.ask(GetSyncHistory()).total, 1_000)
        self.assertEqual(self.relay.ask(GetSyncStatus()).statistics.total_syncs, 1_010)


class ForceTests(SyncCase):
    """``/sync/force``."""

    def test_nobody_is_connected_so_nobody_is_asked(self) -> None:
        """With no body it means all kinds and all relays, of which there are none; each push has a name of its own."""
        first, second = self.relay.ask(ForceSync()), self.relay.ask(ForceSync())
        self.assertEqual(first.sync_types, ("StateSync", "HealthSync", "MetricsSync", "ReconcileSync"))
        self.assertEqual((first.status, first.target_relays, first.relays_count), ("sync_triggered", (), 0))
        self.assertEqual(first.estimated_duration, "0s")
        self.assertNotEqual(first.sync_id, second.sync_id)

    def test_a_relay_that_is_known_but_not_connected_is_not_asked(self) -> None:
        """And one that is not known is NOT_FOUND."""
        added = self.relay.ask(AddRelay(address="a"))
        self.assertEqual(self.relay.ask(ForceSync(target_relays=(added.id,))).target_relays, ())
        problem = self.assertRaises(Problem, self.relay.ask, ForceSync(target_relays=("nobody",)))
        self.assertEqual(problem.code, Code.NOT_FOUND)
