"""The overview follows its parts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Role, User
from sdkrelay.domain.measure import RPC_CALLS, RPC_EXCHANGES, RPC_SECONDS, STORE_WRITES
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.rest.admin import AdminStatus, GetAdminStatus, Queues
from sdkrelay.messages.rest.node import Connections
from sdkrelay.ports import Unavailable
from sdkrelay.services.metrics import Mesh
from tests.support.conversation import IDENTITY, say
from tests.support.metered import MeteredRelay
from tests.support.stores import ROOT, block, block_notice, now, pragma


class AdminTests(SynchronousTestCase):
    """Each part, changed and looked at."""

    def setUp(self) -> None:
        """A relay that has just begun."""
        self.relay = MeteredRelay()

    def status(self) -> AdminStatus:
        """The overview."""
        answer = self.relay.ask(GetAdminStatus())
        assert isinstance(answer, AdminStatus)
        return answer

    def test_the_process_says_who_it_is(self) -> None:
        """With its age and the file of its settings."""
        self.relay.time.advance(90.5)
        status = self.status()
        self.assertEqual((status.relay_id, status.version, status.network), (IDENTITY.relay_id, "9.9.9", "regtest"))
        self.assertEqual((status.pid, status.config_path, status.uptime), (4711, "/etc/sdkrelay.toml", 90))
        self.assertEqual(status.started_at, int(self.relay.time.now() - 90.5))

    def test_conversations_are_counted(self) -> None:
        """Those open now, and what went over all of them, ended ones too."""
        self.relay.connected = Connections(websocket=2, http=1)
        session, wire = self.relay.session()
        say(session, "handshake")
        said = sum(map(len, wire.sent))
        session.ended()
        sessions = self.status().sessions
        self.assertEqual((sessions.websocket, sessions.http, sessions.opened), (2, 1, 2))
        self.assertEqual((sessions.messages_received, sessions.messages_sent), (2, 2))
        self.assertGreater(sessions.bytes_sent, said)

    def test_queues_are_shown(self) -> None:
        """As they stand."""
        self.relay.waiting = Queues(requests=3, unsent_bytes=700)
        self.assertEqual(self.status().queues, Queues(requests=3, unsent_bytes=700))

    def test_the_database_is_shown(self) -> None:
        """What is in it, and how writing goes."""
        before = self.status().database
        now(self.relay.hub.publish(now(self.relay.store.index.append_block(block(ROOT), [block_notice(ROOT)]))))
        self.relay.meter.count(STORE_WRITES, "ok", by=2)
        self.relay.meter.count(STORE_WRITES, "failed")
        after = self.status().database
        self.assertEqual((before.blocks, before.tweaks, after.blocks, after.tweaks), (0, 0, 1, 2))
        self.assertEqual((after.writes, after.failed_writes, after.writable), (3, 1, True))
        self.assertTrue(after.position.endswith("-1"))

    def test_a_database_that_is_full_says_so(self) -> None:
        """In the words of its condition."""
        pragma(self.relay.store, "max_page_count=1")
        self.assertRaises(Unavailable, lambda: now(self.relay.store.set_meta("x", "y" * 1_000_000)))
        database = self.status().database
        self.assertFalse(database.writable)
        self.assertIn("full", database.reason or "")

    def test_bitcoind_is_shown(self) -> None:
        """Its condition, and how it answers."""
        self.assertIsNone(self.status().bitcoin.avg_latency)
        self.relay.chain.away = "bitcoind refuses the password"
        self.relay.meter.count(RPC_CALLS, "getblockhash", by=5)
        self.relay.meter.count(RPC_EXCHANGES, "failed")
        self.relay.meter.time(RPC_SECONDS, 0.012)
        bitcoin = self.status().bitcoin
        self.assertEqual((bitcoin.state, bitcoin.reason), ("disconnected", "bitcoind refuses the password"))
        self.assertEqual((bitcoin.calls, bitcoin.failed_exchanges, bitcoin.avg_latency), (5, 1, 12.0))

    def test_the_rest_is_counted(self) -> None:
        """Wallets, relays, alerts and users."""
        self.relay.wallets, self.relay.alerts, self.relay.mesh = 2, 1, Mesh(known=3, connections=1)
        now(self.relay.store.access.add_user(User("ann", "hash", frozenset({Role.OPERATOR}), 0)))
        status = self.status()
        self.assertEqual((status.wallets.registered, status.alerts.active, status.users.registered), (2, 1, 1))
        self.assertEqual((status.relays.known, status.relays.connected), (3, 1))

    def test_the_index_is_that_of_health(self) -> None:
        """The same report."""
        self.assertEqual(self.status().indexer, now(self.relay.node.indexer_report()))

    def test_it_is_the_operators(self) -> None:
        """Nobody else sees it."""
        session, _ = self.relay.greeted()
        refusal = self.assertRaises(Problem, lambda: now(self.relay.dispatch.answer(GetAdminStatus(), session)))
        self.assertEqual(refusal.code, Code.AUTH_REQUIRED)
