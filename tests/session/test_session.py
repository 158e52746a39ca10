"""A conversation, frame by frame, over a wire made of lists."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.news import News
from sdkrelay.domain.notification import Entry, Kind, Topic
from sdkrelay.session.inbox import MOST
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import SLICE
from tests.support.conversation import Relay, say
from tests.support.tasks import EPOCH

KEYS = {"scan_private_key": "11" * 32, "spend_public_key": "02" + "22" * 32}


class OrderTests(SynchronousTestCase):
    """What is answered, and when."""

    def setUp(self) -> None:
        """A relay with one session."""
        self.relay = Relay()
        self.session, self.wire = self.relay.session()

    def test_ping_is_answered_before_a_handshake(self) -> None:
        """Ping needs nothing; the answer has our time, the ping's, and the request's id."""
        say(self.session, "ping", id="p", timestamp="2024-01-01T12:00:00Z")
        (pong,) = self.wire.said()
        self.assertEqual(
            pong,
            {
                "type": "pong",
                "id": "p",
                "timestamp": int(EPOCH),
                "relay_id": "relay-under-test",
                "ping_timestamp": "2024-01-01T12:00:00Z",
            },
        )

    def test_all_else_needs_a_handshake(self) -> None:
        """A subscription before the handshake is refused, after it is taken."""
        say(self.session, "subscribe", subscriptions=["blocks"], id="1")
        say(self.session, "handshake")
        say(self.session, "subscribe", subscriptions=["blocks"], id="2")
        refused, accepted, subscribed = self.wire.said()
        self.assertEqual((refused["error_code"], refused["id"]), ("HANDSHAKE_REQUIRED", "1"))
        self.assertEqual(accepted["status"], "accepted")
        self.assertEqual((subscribed["subscriptions"], subscribed["id"]), (["blocks"], "2"))

    def test_private_keys_need_a_secure_channel(self) -> None:
        """Over plain TCP from elsewhere a registration is INSECURE, and the error repeats nothing of the key."""
        session, wire = self.relay.session(secure=False)
        say(session, "handshake")
        wire.sent.clear()
        say(session, "register_wallet", **KEYS)
        say(session, "scan_request", from_block=1, to_block=2, scan_keys=[KEYS])
        say(session, "scan_request", from_block=1, to_block=2)
        codes = [answer.get("error_code") for answer in wire.said()]
        self.assertEqual(codes[:2], ["INSECURE", "INSECURE"])
        self.assertNotIn("INSECURE", codes[2:])

    def test_laboratories_may_send_keys_in_clear(self) -> None:
        """With ``allow_insecure_keys`` the same registration is taken."""
        session, wire = Relay(insecure=True).session(secure=False)
        say(session, "handshake")
        say(session, "register_wallet", **KEYS)
        self.assertEqual(wire.said()[-1]["type"], "wallet_registered")

    def test_a_bug_is_told_as_internal_and_logged(self) -> None:
        """A handler's exception does not reach the client, and the conversation goes on."""
        say(self.session, "handshake")
        say(self.session, "unregister_wallet", wallet_id="bug", id="b")
        say(self.session, "ping")
        _, error, pong = self.wire.said()
        self.assertEqual((error["error_code"], error["id"], pong["type"]), ("INTERNAL", "b", "pong"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_what_runs_beside_speaks_after_the_answer(self) -> None:
        """A scan's own messages come after its first progress, which is the answer and has the id."""
        say(self.session, "handshake")
        say(self.session, "scan_request", from_block=1, to_block=2, id="s")
        first, second = self.wire.said()[1:]
        self.assertEqual((first["id"], second.get("id")), ("s", None))
        self.assertEqual(self.relay.small.scanned, ["done"])


class HostileTests(SynchronousTestCase):
    """Frames that are no messages."""

    def setUp(self) -> None:
        """A relay with one session."""
        self.relay = Relay()
        self.session, self.wire = self.relay.session()

    def test_malformed_frames_are_answered_and_the_socket_stays(self) -> None:
        """Each kind of nonsense has one VALIDATION_ERROR as its answer."""
        frames = [b"{", b'["EVENT"]', b"\xff", b'{"type":"ping","x":' + b"[" * 10_000, b'{"type":"ping","type":"ping"}']
        for frame in frames:
            self.session.receive(frame)
        self.assertEqual([error["error_code"] for error in self.wire.said()], ["VALIDATION_ERROR"] * 5)
        self.assertEqual(self.wire.closed, [])

    def test_ten_malformed_frames_in_a_minute_close(self) -> None:
        """The tenth is answered too, then the conversation ends with 1002, and nothing more is answered."""
        for _ in range(12):
            self.session.receive(b"{")
        self.assertEqual(len(self.wire.said()), 10)
        self.assertEqual([code for code, _ in self.wire.closed], [1002])

    def test_ten_malformed_frames_in_an_hour_do_not_close(self) -> None:
        """They must come within a minute."""
        for _ in range(30):
            self.session.receive(b"{")
            self.relay.time.advance(7)
        self.assertEqual(self.wire.closed, [])

    def test_unknown_types_are_refused_without_being_counted(self) -> None:
        """A client of a later version is told, and not cut off."""
        for _ in range(20):
            say(self.session, "no_such_thing", id="u")
        errors = self.wire.said()
        self.assertEqual({(error["error_code"], error["id"]) for error in errors}, {("UNKNOWN_TYPE", "u")})
        self.assertEqual((len(errors), self.wire.closed), (20, []))

    def test_binary_frames_close(self) -> None:
        """A binary frame closes with 1003."""
        self.session.receive_binary()
        self.assertEqual([code for code, _ in self.wire.closed], [1003])

    def test_too_large_a_message_is_answered_and_closes(self) -> None:
        """The error comes before the close frame with 1009."""
        self.session.receive_too_large(1000)
        self.assertEqual(self.wire.said()[0]["error_code"], "TOO_LARGE")
        self.assertEqual([code for code, _ in self.wire.closed], [1009])

    def test_reading_pauses_while_many_requests_wait(self) -> None:
        """More frames in one piece than are answered at a stretch stop the reading, which goes on when they are answered."""
        self.session.receive(*[b'{"type":"ping"}'] * (SLICE + MOST))
        self.assertEqual((SLICE, False), (len(self.wire.said()), self.wire.reading))
        self.relay.time.settle()
        self.assertEqual((MOST, True), (len(self.wire.said()), self.wire.reading))

    def test_what_is_answered_at_once_stops_nothing(self) -> None:
        """As many frames as are answered at a stretch do not let the reading pause."""
        self.session.receive(*[b'{"type":"ping"}'] * SLICE)
        self.assertEqual((SLICE, 0), (len(self.wire.said()), self.wire.pauses))

    def test_a_network_of_another_name_is_rejected(self) -> None:
        """The answer says ``rejected`` and why; then 1008."""
        say(self.session, "handshake", network="main")
        (answer,) = self.wire.said()
        self.assertEqual(answer["status"], "rejected")
        self.assertIn("regtest", answer["reason"])
        self.assertEqual([code for code, _ in self.wire.closed], [1008])


class SlowTests(SynchronousTestCase):
    """Clients that do not read."""

    def setUp(self) -> None:
        """A relay that has little patience, and a session whose wire takes one frame at a time."""
        self.relay = Relay(Patience(backlog_bytes=1000, stalled_seconds=60))
        self.session, self.wire = self.relay.session()
        self.wire.full = True

    def test_a_paused_wire_gets_nothing_until_it_resumes(self) -> None:
        """Answers wait in order and go out one by one."""
        for number in range(3):
            say(self.session, "ping", id=str(number))
        self.assertEqual([pong["id"] for pong in self.wire.said()], ["0"])
        self.session.resume_sending()
        self.session.resume_sending()
        self.assertEqual([pong["id"] for pong in self.wire.said()], ["1", "2"])

    def test_too_large_a_backlog_cuts(self) -> None:
        """Beyond the bound the client is closed with 1008, and what waited is dropped."""
        for _ in range(30):
            say(self.session, "ping")
        self.assertEqual(self.wire.closed, [(1008, "too slow")])
        self.session.resume_sending()
        self.assertEqual(len(self.wire.said()), 1)

    def test_the_close_frame_says_where_to_go_on(self) -> None:
        """A client that is cut learns the position of the last news that it was sent."""
        for number in (7, 8):
            entry = Entry(number, Kind.BLOCK_MINED, Topic.BLOCKS, None, b"{}", int(EPOCH))
            self.session.push(News(entry, "log"))
        for _ in range(30):
            say(self.session, "ping")
        self.assertEqual(self.wire.closed, [(1008, "too slow: go on from log-7")])

    def test_no_progress_for_a_minute_cuts(self) -> None:
        """However little waits: after 60 seconds without progress the client is closed."""
        say(self.session, "ping")
        self.relay.time.advance(59)
        self.session.check_patience()
        self.assertEqual(self.wire.closed, [])
        self.relay.time.advance(1)
        self.session.check_patience()
        self.assertEqual([code for code, _ in self.wire.closed], [1008])

    def test_progress_renews_patience(self) -> None:
        """A client that takes a little now and then stays."""
        for _ in range(10):
            say(self.session, "ping")
            self.relay.time.advance(30)
            self.session.resume_sending()
            self.session.check_patience()
        self.assertEqual(self.wire.closed, [])


class EndTests(SynchronousTestCase):
    """How a conversation ends."""

    def test_what_runs_beside_ends_with_the_conversation(self) -> None:
        """A scan that waits for room is cancelled when the connection is lost, and nothing is said any more."""
        relay = Relay()
        session, wire = relay.greeted()
        wire.full = True
        say(session, "scan_request", from_block=1, to_block=2)
        self.assertEqual(relay.small.scanned, [])
        session.ended()
        relay.time.settle()
        self.assertEqual((relay.small.scanned, session._beside._running), ([], set()))

    def test_the_hub_forgets_a_session_that_ended(self) -> None:
        """No feed is left behind."""
        relay = Relay()
        session, _ = relay.greeted("notifications")
        self.assertEqual(len(relay.hub._feeds), 1)
        session.ended()
        self.assertEqual(relay.hub._feeds, {})

    def test_after_goodbye_nothing_is_answered(self) -> None:
        """Requests that come after our close frame are not handled."""
        session, wire = Relay().greeted()
        session.close(1001, "stopping")
        say(session, "ping")
        session.close(1001, "stopping")
        self.assertEqual((wire.sent, wire.closed), ([], [(1001, "stopping")]))

    def test_a_registration_in_one_line(self) -> None:
        """A whole small conversation, as bytes in and bytes out."""
        session, wire = Relay().greeted()
        session.receive(json.dumps({"type": "register_wallet", **KEYS, "labels": [3]}).encode())
        say(session, "list_wallets")
        registered, wallets = wire.said()
        self.assertEqual(registered["labels"], [3])
        self.assertEqual([item["wallet_id"] for item in wallets["wallets"]], [registered["wallet_id"]])
