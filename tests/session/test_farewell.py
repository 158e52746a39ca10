"""The one line about a connection: who, why, and what went over it; and never a secret."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import Logging
from sdkrelay.domain.access import Approach, Principal, Role
from sdkrelay.domain.measure import SESSIONS_CLOSED, SESSIONS_OPENED
from sdkrelay.io.ops.logs import LogRing
from sdkrelay.levels import Levels
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import GOING_AWAY, Session
from tests.support.conversation import say
from tests.support.metered import MeteredRelay

SECRET = "5e" * 32


class FarewellTests(SynchronousTestCase):
    """Connections that end in all ways."""

    def setUp(self) -> None:
        """A relay whose log is kept."""
        self.relay = MeteredRelay(Patience(backlog_bytes=100_000, stalled_seconds=60))
        self.ring = LogRing(Levels(Logging(level="debug")))
        globalLogPublisher.addObserver(self.ring)
        self.addCleanup(globalLogPublisher.removeObserver, self.ring)

    def lines(self) -> list[str]:
        """What the log says of connections."""
        return [record.message for record in self.ring.records() if record.message.startswith("connection ")]

    def ended(self, session: Session, clean: bool = False) -> str:
        """Why the log says that it ended."""
        session.ended(clean)
        (line,) = self.lines()
        return line.partition(" ended: ")[2].partition(";")[0]

    def test_the_line_says_who_and_how_much(self) -> None:
        """Messages and bytes in both directions, and the seconds."""
        session, wire = self.relay.session()
        session._approach = Approach(address="203.0.113.7")
        session.identify(Principal("ann", frozenset({Role.OPERATOR})))
        received = b'{"type":"ping"}'
        session.receive(received)
        sent = sum(map(len, wire.sent))
        self.relay.time.advance(12.5)
        session.ended(clean=True)
        expected = (
            f"connection {session.session_id} of ann from 203.0.113.7 ended: client; "
            f"received 1 messages, {len(received)} bytes; sent 1 messages, {sent} bytes; 12.5 s"
        )
        self.assertEqual(self.lines(), [expected])

    def test_it_is_said_once(self) -> None:
        """However often the end is told."""
        session, _ = self.relay.session()
        session.ended()
        session.ended()
        self.assertEqual(len(self.lines()), 1)

    def test_a_client_that_goes_is_told_from_one_that_is_lost(self) -> None:
        """By whether it said goodbye."""
        self.assertEqual(self.ended(self.relay.session()[0], clean=True), "client")

    def test_a_connection_that_breaks_is_lost(self) -> None:
        """Nobody has closed it."""
        self.assertEqual(self.ended(self.relay.session()[0]), "lost")

    def test_our_own_reason_wins(self) -> None:
        """Also where the client answers our close frame well."""
        session, _ = self.relay.session()
        session.close(GOING_AWAY, "the relay is stopping")
        self.assertEqual(self.ended(session, clean=True), "stopping")

    def test_a_slow_client_is_named_so(self) -> None:
        """Not as one that was refused."""
        session, wire = self.relay.greeted()
        session.pause_sending()
        while not wire.closed:
            say(session, "ping")
        self.assertEqual(self.ended(session), "too_slow")

    def test_a_malformed_and_a_binary_one_too(self) -> None:
        """By the code we close with."""
        session, _ = self.relay.session()
        session.receive_binary()
        self.assertEqual(self.ended(session), "binary")

    def test_conversations_are_counted_by_their_end(self) -> None:
        """And what went over them stays counted."""
        meter, census = self.relay.meter, self.relay.census
        session, _ = self.relay.greeted()
        open_now = census.total("bytes_received")
        session.ended()
        self.assertEqual((meter.total(SESSIONS_OPENED), meter.total(SESSIONS_CLOSED, reason="lost")), (1, 1))
        self.assertEqual((census.total("bytes_received"), len(census.open)), (open_now, 0))

    def test_no_secret_comes_into_the_log(self) -> None:
        """Whatever is asked with one, rightly or wrongly."""
        session, _ = self.relay.greeted()
        keys: dict[str, Any] = {"scan_private_key": SECRET, "spend_public_key": "02" + "22" * 32}
        say(session, "register_wallet", **keys)
        say(session, "register_wallet", **{**keys, "labels": SECRET})
        say(session, "authenticate", wallet_tokens=[SECRET], token=SECRET)
        say(session, SECRET, token=SECRET)
        session.receive(f'{{"type":"ping","x":{SECRET}'.encode())
        session.ended()
        self.assertNotIn(SECRET, "\n".join(record.message for record in self.ring.records()))
        self.flushLoggedErrors()
