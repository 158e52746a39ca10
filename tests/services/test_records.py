"""Messages left for all: on the disk before they are acknowledged, told with a position, gone when their time has come."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Principal
from sdkrelay.domain.measure import MESSAGES_SYNCED
from sdkrelay.services.records import Bounds
from sdkrelay.session.session import Session
from tests.support.conversation import ListWire, say
from tests.support.related import RelatedRelay
from tests.support.stores import now
from tests.support.tasks import EPOCH

CONTENT = {"type": "silent_payment", "data": "...", "timestamp": 5}


class MessageTests(SynchronousTestCase):
    """``sync_message``."""

    def setUp(self) -> None:
        """A relay that keeps two messages of an author; somebody speaks, somebody listens."""
        self.relay = RelatedRelay(Bounds(author=2, size=200))
        self.session, self.wire = self.relay.greeted()
        _, self.listening = self.relay.greeted("sync")

    def leave(
        self, name: str = "m", session: Session | None = None, wire: ListWire | None = None, **fields: Any
    ) -> Any:
        """Leave a message; what comes back."""
        say(session or self.session, "sync_message", **{"message_id": name, "content": CONTENT, **fields})
        return (wire or self.wire).said()

    def test_it_is_acknowledged_and_told(self) -> None:
        """The acknowledgement has the position that the subscribers see; its content is told as it came."""
        (ack,) = self.leave(ttl=60, id="x")
        (told,) = self.listening.said()
        self.assertEqual((ack["type"], ack["status"], ack["id"]), ("sync_ack", "received", "x"))
        self.assertEqual((ack["message_id"], ack["expires_at"]), ("m", int(EPOCH) + 60))
        self.assertEqual((told["notification_type"], told["position"]), ("sync_message", ack["position"]))
        self.assertEqual((told["data"]["content"], told["data"]["message_id"]), (CONTENT, "m"))
        self.assertEqual(self.relay.meter.total(MESSAGES_SYNCED), 1)

    def test_version_one_hears_it_with_dates_of_ours_only(self) -> None:
        """What the author wrote is not touched, even where it is called ``timestamp``."""
        _, wire = self.relay.greeted("relay_sync", version="1.0")
        self.leave()
        (told,) = wire.said()
        self.assertTrue(told["timestamp"].endswith("Z"))
        self.assertEqual(told["data"]["content"], CONTENT)

    def test_it_can_be_heard_later(self) -> None:
        """From a position on, like all that the log keeps."""
        since = self.relay.hub.position
        self.leave()
        _, wire = self.relay.session()
        session = wire.session
        assert session is not None
        say(session, "handshake", capabilities=["sync"], since=since)
        self.assertEqual(wire.said()[-1]["notification_type"], "sync_message")

    def test_nothing_is_acknowledged_that_is_not_kept(self) -> None:
        """A store that is gone is UNAVAILABLE, and nobody hears of the message."""
        now(self.relay.store.close())
        (error,) = self.leave()
        self.assertEqual(error["error_code"], "UNAVAILABLE")
        self.assertEqual(self.listening.said(), [])

    def test_the_same_again_is_acknowledged_again(self) -> None:
        """With the same position; it is told once. The order of its members does not matter."""
        (first,) = self.leave(content={"a": 1, "b": 2})
        (second,) = self.leave(content={"b": 2, "a": 1})
        self.assertEqual(first["position"], second["position"])
        self.assertEqual([answer.get("duplicate") for answer in (first, second)], [None, True])
        self.assertEqual(len(self.listening.said()), 1)

    def test_an_author_corrects_itself(self) -> None:
        """It is told that the latest is kept, then that it is kept."""
        self.leave()
        conflict, ack = self.leave(content={"other": 1})
        self.assertEqual((conflict["type"], conflict["resolution"]), ("conflict_detected", "keep_latest"))
        self.assertEqual((conflict["message_id"], conflict["conflict_type"]), ("m", "duplicate"))
        self.assertEqual(ack["type"], "sync_ack")

    def test_nobody_corrects_another(self) -> None:
        """The conflict is the answer, without an acknowledgement; what was there stays."""
        self.leave()
        session, wire = self.relay.greeted()
        (conflict,) = self.leave(session=session, wire=wire, content={"other": 1}, id="c")
        self.assertEqual((conflict["type"], conflict["resolution"]), ("conflict_detected", "keep_first"))
        self.assertEqual(conflict["id"], "c")
        self.assertEqual(len(self.listening.said()), 1)

    def test_a_user_is_one_author_in_all_its_sessions(self) -> None:
        """Who is known may correct what it said in an earlier conversation."""
        session, wire = self.relay.greeted()
        for each in (self.session, session):
            each.identify(Principal("alice", frozenset()))
        self.leave()
        answers = self.leave(session=session, wire=wire, content={"other": 1})
        self.assertEqual([answer["type"] for answer in answers], ["conflict_detected", "sync_ack"])

    def test_bounds(self) -> None:
        """So many of an author, so many bytes."""
        answers = [self.leave(name, ttl=60)[0] for name in ("1", "2", "3")]
        self.assertEqual([each.get("error_code") for each in answers], [None, None, "LIMIT_EXCEEDED"])
        self.assertEqual(self.leave("4", content={"x": "y" * 300})[0]["error_code"], "TOO_LARGE")

    def test_strangers_leave_room_for_those_who_are_known(self) -> None:
        """Each conversation is an author, and there may be many of them."""
        self.relay.records._bounds = Bounds(all=3, strangers=2)
        answers = [self.leave("m0")[0]]
        for number in (1, 2):
            session, wire = self.relay.greeted()
            answers += self.leave(f"m{number}", session=session, wire=wire)
        self.session.identify(Principal("alice", frozenset()))
        answers += [*self.leave("m3"), *self.leave("m4")]
        codes = [each.get("error_code") for each in answers]
        self.assertEqual(codes, [None, None, "LIMIT_EXCEEDED", None, "LIMIT_EXCEEDED"])

    def test_hostile_messages(self) -> None:
        """Names and lifetimes out of bounds, content that is no object."""
        for wrong in (
            {"message_id": ""}, {"message_id": "x" * 129}, {"ttl": 0}, {"ttl": 10**9}, {"ttl": "1"}, {"content": "x"},
            {"content": None}, {"content": [1]}, {"content": {"x": 2**60}}, {"content": {"x": "\ud800"}},
        ):  # fmt: skip
            self.assertEqual(self.leave(**{"name": "m", **wrong})[0]["error_code"], "VALIDATION_ERROR")
