"""Relays that are linked and behave badly: what each kind can do, and how it is seen."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.measure import MESH_RECORDS
from sdkrelay.domain.record import Record
from sdkrelay.messages.catalog import encode
from sdkrelay.messages.rest.sync import GetSyncHistory
from sdkrelay.services.mesh.link import PATIENCE
from sdkrelay.services.mesh.repair import SILENCE
from sdkrelay.services.records import Bounds
from tests.support.linked import End, LinkedRelay, cable
from tests.support.recorded import SECRET, record, records
from tests.support.stores import now
from tests.support.tasks import EPOCH, DrivenTime


def text(given: Record, **changed: Any) -> str:
    """A record as it travels, some of its members changed."""
    return b64encode(encode({**given.wire(), **changed})).decode()


class LiarCase(SynchronousTestCase):
    """Relay 1 is honest, relay 2 is not; relay 3 is honest and linked too."""

    def setUp(self) -> None:
        """Relays 1 and 3 are linked, and settled."""
        self.time = DrivenTime()
        self.honest, self.liar, self.third = (LinkedRelay(f"relay-{number}", self.time) for number in (1, 2, 3))
        cable(self.honest, self.third)
        self.wait(1)

    def link(self, tamper: Callable[[dict[str, Any]], Any] = lambda message: message) -> End:
        """Link the liar, whose messages are changed so; its end of the cable."""
        near, far = cable(self.honest, self.liar)
        far.tamper = tamper
        self.near = near
        return far

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(int(seconds * 10)):
            self.time.advance(0.1)
            self.time.settle(20)

    def push(self, end: End, *texts: str, **more: Any) -> None:
        """The liar pushes records."""
        end.send(encode({"type": "records", "id": "x", "records": texts, **more}))
        self.wait(0.5)

    def compare(self) -> str:
        """Compare with the liar now; how it ended."""
        self.honest.sharing.repair.force(self.honest.link("relay-2"))
        self.wait(1)
        return self.last()

    def last(self) -> str:
        """How the last comparison with the liar ended."""
        rows = now(self.honest.sharing.sync.history(GetSyncHistory(sync_type="ReconcileSync"), None)).history
        return next(row.status for row in rows if row.target_relay == "relay-2")

    @property
    def offences(self) -> int:
        """What is shown of the liar."""
        return self.honest.standings["relay-2"].offences

    def assertServes(self) -> None:
        """Relay 1 goes on with relay 3 as if nothing were."""
        new = record(9_999)
        self.honest.give(new)
        self.wait(1)
        self.assertIn(new.record_id, self.third.held)


class RecordTests(LiarCase):
    """Records that are none."""

    def test_records_that_are_not_what_they_say_are_refused(self) -> None:
        """An id that is another's, members too few or too many, a lifetime of more than thirty days, no base64, no JSON."""
        end, good = self.link(), record(1)
        wrong = [
            text(good, record_id="00" * 32), text(good, ttl=2_592_001), text(good, hlc="-1"), text(good, content=[]),
            text(good, more=1), text(good, signature="zz"), "####", b64encode(b"{").decode(), b64encode(b"[]").decode(),
        ]  # fmt: skip
        self.push(end, *wrong, text(good))
        self.assertEqual(self.honest.held, {good.record_id})
        self.assertEqual((self.offences, self.honest.meter.total(MESH_RECORDS, way="refused")), (1, len(wrong)))
        self.assertServes()

    def test_records_that_the_rules_refuse_are_counted(self) -> None:
        """A forged signature, an origin with another key than its own, a time more than 300 seconds ahead: none goes on."""
        end, good = self.link(), record(1)
        forged = evolve(record(2), signature=record(3).signature)
        self.honest.pinned["known"] = xonly(b"k" * 32)
        usurped = evolve(record(4), origin="known", signature=b"").signed(SECRET, bytes(32))
        bad = [forged, usurped, record(5, at=EPOCH + self.time.monotonic() + 301)]
        self.push(end, *map(text, bad), text(good))
        answer = next(message for message in self.near.sent if message["type"] == "records_ack")
        self.assertEqual((answer["accepted"], answer["refused"], self.offences), (1, 3, 1))
        self.assertEqual((self.honest.held, self.third.held), ({good.record_id}, {good.record_id}))

    def test_a_relay_that_goes_on_and_on_loses_its_link(self) -> None:
        """After twenty offences; the others stay."""
        end = self.link()
        for _ in range(PATIENCE):
            self.push(end, "####")
        self.assertEqual(self.honest.links.get("relay-2"), None)
        self.assertEqual(self.honest.standings["relay-2"].offence, "1 no records")
        self.assertServes()

    def test_a_flood_of_records_costs_its_sender_only(self) -> None:
        """While reading from it pauses, what others say is taken."""
        end = self.link()
        for number in range(60):
            end.send(encode({"type": "records", "id": str(number), "records": [text(record(1))] * 200}))
        self.assertServes()
        self.assertIn(record(1).record_id, self.honest.held)

    def test_more_records_than_there_is_room_for(self) -> None:
        """They are left where they are, whoever begins; nobody who gives them is to blame, and our own are still given."""
        self.honest.records._bounds = Bounds(others=3)
        self.honest.give(record(1))
        self.liar.give(*records(20))
        end = self.link()
        self.push(end, *map(text, records(5)))
        self.assertEqual((len(self.honest.held), self.offences, self.compare()), (3, 0, "success"))
        self.liar.sharing.repair.force(self.liar.link("relay-1"))
        self.wait(1)
        self.assertEqual((len(self.honest.held), self.offences), (3, 0))
        self.assertLessEqual(self.honest.held, self.liar.held)

    def test_records_nobody_asked_for_are_not_taken(self) -> None:
        """In the answer to another question."""
        wanted, other = record(1), record(2)
        self.liar.give(wanted)

        def add(message: dict[str, Any]) -> dict[str, Any]:
            if message["type"] == "fetched_records":
                return {**message, "records": [*message["records"], text(other)]}
            return message

        self.link(add)
        self.wait(1)
        self.assertEqual(self.honest.held, {wanted.record_id})
        self.assertEqual(self.offences, 1)


class ComparisonTests(LiarCase):
    """Comparisons that go wrong."""

    def frames(self, change: Callable[[bytes], object]) -> Callable[[dict[str, Any]], Any]:
        """Change the frames of the liar's answers."""

        def tamper(message: dict[str, Any]) -> Any:
            if message["type"] != "sync_response" or message["sync_type"] != "ReconcileSync":
                return message
            frame = change(b64decode(message["payload"]["frame"]))
            return {**message, "payload": {**message["payload"], "frame": frame}}

        return tamper

    def test_ids_that_are_never_delivered(self) -> None:
        """Once they may have expired meanwhile; claimed again, they are a lie. The same for an answer with nothing in it."""
        self.liar.give(*records(5))
        for answer in ({"gone": True}, {}):
            self.setUp()
            self.liar.give(*records(5))
            self.link(lambda message, answer=answer: withheld(message, answer))
            self.wait(1)
            self.assertEqual((self.last(), self.offences), ("success", 0))
            self.assertEqual((self.compare(), self.offences), ("success", 1))
            self.assertEqual(self.honest.held, set())

    def test_very_many_ids_that_are_never_delivered(self) -> None:
        """Are not waited for."""
        self.honest.sharing.repair.owed = 100
        self.liar.give(*records(300))
        self.link(lambda message: withheld(message, {}))
        self.wait(1)
        self.assertEqual((self.last(), self.offences), ("failed", 1))
        self.assertServes()

    def test_garbage_for_frames(self) -> None:
        """No base64, no text, no frame, too long: the comparison ends, and it is an offence."""
        for offences, garbage in enumerate(("####", 5, None, encoded(b""), encoded(b"a\xff\xff"), "A" * 90_000), 1):
            self.setUp()
            self.liar.give(*records(2))
            self.link(self.frames(lambda frame, garbage=garbage: garbage))
            self.wait(1)
            self.assertEqual((self.last(), self.offences), ("failed", 1), offences)
        self.assertServes()

    def test_garbage_in_questions(self) -> None:
        """Is refused, and is an offence; the honest relay remembers nothing of it."""
        end = self.link()
        for payload in ({}, {"session": "s"}, {"session": 5, "frame": "YQ=="}, {"session": "s", "frame": "YQD/"}):
            end.send(encode({"type": "sync", "sync_type": "ReconcileSync", "payload": payload, "id": "g"}))
        self.wait(1)
        refusals = [message for message in self.near.sent if message["type"] == "error"]
        self.assertEqual((len(refusals), self.offences), (4, 4))

    def test_silence_in_the_middle(self) -> None:
        """After thirty seconds the comparison is given up, and the next one finishes it."""
        self.liar.give(*records(5))
        end = self.link(lambda message: None if message["type"] == "fetched_records" else message)
        self.wait(SILENCE + 1)
        self.assertEqual((self.last(), self.offences), ("failed", 1))
        end.tamper = lambda message: message
        self.assertEqual(self.compare(), "success")
        self.assertEqual(len(self.honest.held), 5)

    def test_a_comparison_without_an_end(self) -> None:
        """One that shows no difference, frame after frame, is given up."""
        self.honest.give(*records(200))
        differs = b"a\x00\x00\x01" + bytes(16)
        self.link(self.frames(lambda frame: encoded(differs)))
        self.wait(3)
        self.assertEqual((self.last(), self.offences), ("failed", 1))
        self.assertServes()

    def test_an_answer_to_another_comparison(self) -> None:
        """Is none."""

        def other(message: dict[str, Any]) -> dict[str, Any]:
            if message.get("sync_type") == "ReconcileSync" and message["type"] == "sync_response":
                return {**message, "payload": {**message["payload"], "session": "another"}}
            return message

        self.link(other)
        self.wait(1)
        self.assertEqual((self.last(), self.offences), ("failed", 1))


def withheld(message: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """An answer to ``fetch_records`` without the records: all are said to be gone, or nothing is said of them."""
    if message["type"] != "fetched_records":
        return message
    ids = [json.loads(b64decode(each))["record_id"] for each in message["records"]]
    return {**message, "records": [], "gone": ids if answer else []}


def encoded(frame: bytes) -> str:
    """A frame in base64."""
    return b64encode(frame).decode()
