"""The Nostr half inside a session and a process: one socket for two protocols, slow readers, goodbyes, a full disk, figures."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Approach
from sdkrelay.domain.measure import NOSTR_DISCONNECTS
from sdkrelay.domain.status import Live
from sdkrelay.services.node import Doors, NodeService
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import GOING_AWAY, TOO_LARGE, UNSUPPORTED, Session
from tests.support.conversation import IDENTITY, ListWire, Relay, say
from tests.support.nodes import CannedNode
from tests.support.nostr_relay import ALICE, BOB, NostrRelay
from tests.support.stores import now

NOW = 1_700_000_000


class SessionCase(SynchronousTestCase):
    """A session that speaks both."""

    def setUp(self) -> None:
        """A relay with both halves."""
        self.native = Relay(Patience(backlog_bytes=50_000, stalled_seconds=60))
        self.nostr = NostrRelay(time=self.native.time)
        self.addCleanup(self.nostr.close)
        self.native.around = evolve(self.native.around, nostr=self.nostr.parts.conversation)

    def session(self) -> tuple[Session, ListWire]:
        """A new conversation."""
        wire = ListWire()
        wire.session = Session(self.native.around, wire, "s", True, Approach("192.0.2.1"))
        return wire.session, wire

    def tell(self, session: Session, *parts: Any) -> None:
        """A frame of Nostr."""
        session.receive(json.dumps(parts).encode())
        self.native.time.settle()

    def heard(self, wire: ListWire) -> list[Any]:
        """All that was sent, in order; it is forgotten."""
        frames = [json.loads(frame) for frame in wire.sent]
        wire.sent.clear()
        return frames


class SocketTests(SessionCase):
    """One socket."""

    def test_two_protocols_on_one_socket(self) -> None:
        """Arrays are Nostr's, objects the relay's own; each is answered in its own way."""
        session, wire = self.session()
        say(session, "handshake")
        self.tell(session, "REQ", "a", {"limit": 0})
        say(session, "ping")
        first, challenge, end, pong = self.heard(wire)
        self.assertEqual(
            (first["type"], challenge[0], end, pong["type"]), ("handshake_response", "AUTH", ["EOSE", "a"], "pong")
        )

    def test_binary_frames(self) -> None:
        """A client of Nostr is told and stays; anybody else is closed."""
        session, wire = self.session()
        self.tell(session, "CLOSE", "x")
        session.receive_binary()
        self.tell(session, "REQ", "a", {"limit": 0})
        self.assertEqual([frame[0] for frame in self.heard(wire)], ["AUTH", "NOTICE", "EOSE"])
        other, its_wire = self.session()
        other.receive_binary()
        self.assertEqual([code for code, _ in its_wire.closed], [UNSUPPORTED])

    def test_a_message_beyond_the_socket(self) -> None:
        """A notice, then the close code for it."""
        session, wire = self.session()
        self.tell(session, "CLOSE", "x")
        session.receive_too_large(1_000_000)
        self.assertEqual(self.heard(wire)[-1], ["NOTICE", "invalid: a message has at most 1000000 bytes"])
        self.assertEqual([code for code, _ in wire.closed], [TOO_LARGE])

    def test_a_slow_reader_is_cut(self) -> None:
        """Once more waits for it than may, and the figures say why; nothing is dropped in silence before."""
        session, wire = self.session()
        self.tell(session, "REQ", "a", {"kinds": [1]})
        session.pause_sending()
        author = self.nostr.visitor("203.0.113.9")
        for number in range(60):
            author.send("EVENT", ALICE.event(content=str(number) * 1_000))
        self.assertEqual(len(wire.closed), 1)
        session.ended()
        self.assertEqual(self.nostr.world.meter.total(NOSTR_DISCONNECTS, reason="too_slow"), 1)
        self.assertEqual(len(self.nostr.parts.live.index), 0)

    def test_goodbye(self) -> None:
        """Each subscription is closed with the reason before the connection is."""
        session, wire = self.session()
        for name in "ab":
            self.tell(session, "REQ", name, {"limit": 0})
        self.heard(wire)
        session.close(GOING_AWAY, "the relay stops")
        expected = [["CLOSED", name, "error: the relay is stopping"] for name in "ab"]
        self.assertEqual((self.heard(wire), [code for code, _ in wire.closed]), (expected, [GOING_AWAY]))


class PublisherTests(SynchronousTestCase):
    """What the one way into the store does in bad times."""

    def relay(self, **settings: Any) -> NostrRelay:
        """A relay."""
        relay = NostrRelay(**settings)
        self.addCleanup(relay.close)
        return relay

    def test_forgeries_use_up_nobodys_allowance(self) -> None:
        """Events that only claim to be of a key are not counted as the key's."""
        relay = self.relay(key_events_per_minute=2)
        forger, author = relay.visitor("198.51.100.7"), relay.visitor()
        for number in range(5):
            event = json.loads(ALICE.event(content=str(number)).encoded())
            self.assertEqual(forger.send("EVENT", event | {"sig": "00" * 64})[0][2], False)
        self.assertEqual(
            [author.send("EVENT", ALICE.event(content=str(n)))[0][2] for n in range(3)], [True, True, False]
        )

    def test_stopping_answers_everything(self) -> None:
        """What is being committed is stored, what waits behind it and what comes later is told that it is not."""
        relay = self.relay()
        relay.delays = iter([0.0, 0.0, 0.5, 0.5] + [0.0, 0.0] * 100)
        client, events = relay.visitor(), [ALICE.event(content=str(number)) for number in range(3)]
        answers = client.send("EVENT", events[0]) + client.send("EVENT", events[1])
        relay.time.tasks.start("stopping", relay.parts.publisher.stop())
        answers += client.send("EVENT", events[2])
        relay.time.advance(1)
        relay.time.advance(1)
        told = {frame[1]: frame[2] for frame in answers + client.heard()}
        self.assertEqual(told, {events[0].id: True, events[1].id: False, events[2].id: False})

    def test_a_slow_store(self) -> None:
        """Is told after its time, once; the event may be stored yet, and then it is told to who listens."""
        relay = self.relay()
        relay.delays = iter([0.0, 0.0, 11.0, 0.0] + [0.0] * 100)
        client, event = relay.visitor(), ALICE.event()
        client.send("EVENT", event)
        relay.time.advance(10)
        self.assertEqual(client.heard()[0][2:], [False, "error: not stored after 10 s; it may be yet"])
        relay.time.advance(2)
        self.assertEqual(client.heard(), [])
        self.assertEqual(client.send("EVENT", event)[0][3][:10], "duplicate:")

    def test_a_full_disk(self) -> None:
        """Every event is told, the condition says why, and all is well once there is room."""
        relay = self.relay(database=f"sqlite:///{self.mktemp()}")
        writer = relay.parts.store._places[-1].connection
        (pages,) = writer.execute("PRAGMA page_count").fetchone()
        writer.execute(f"PRAGMA max_page_count={pages}")
        client = relay.visitor()
        events = [ALICE.event(content=str(number) * 5_000) for number in range(4)]
        answers = [client.send("EVENT", event)[0] for event in events]
        self.assertIn("error: ", {answer[3][:7] for answer in answers})
        self.assertIn("full", str(relay.parts.store.condition()))
        writer.execute("PRAGMA max_page_count=1000000")
        self.assertEqual(client.send("EVENT", BOB.event())[0][2], True)
        self.assertIsNone(relay.parts.store.condition())


class ShownTests(SynchronousTestCase):
    """What operators see."""

    def test_the_metrics_have_their_names(self) -> None:
        """Those by which operators of other relays know them."""
        relay = NostrRelay(database=f"sqlite:///{self.mktemp()}")
        self.addCleanup(relay.close)
        client = relay.visitor()
        client.send("REQ", "a", {})
        client.send("EVENT", ALICE.event())
        client.leave()
        text = relay.world.meter.text("text").decode()
        for name in (
            "nostr_query_seconds_count 1.0", "nostr_db_connections 3.0", 'nostr_sent_events_total{source="realtime"} 1.0',
            'nostr_disconnects_total{reason="client"} 1.0', "nostr_cmd_req_total 1.0", "nostr_cmd_event_total 1.0",
            "nostr_connections_total 1.0", "nostr_subscriptions 0.0",
        ):  # fmt: skip
            self.assertIn(name, text)

    def test_health_tells_of_the_events(self) -> None:
        """Degraded: all else is served."""
        relay = Relay()
        node = NodeService(
            IDENTITY, CannedNode(), relay.store, lambda: Live(7), Doors(lambda: None), relay.time,  # type: ignore[arg-type]
            events=lambda: "the disk is full",
        )  # fmt: skip
        report = now(node.report())
        self.assertEqual((report.status, report.reasons["nostr"]), ("degraded", "the disk is full"))
