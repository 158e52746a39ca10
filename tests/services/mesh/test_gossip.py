"""New records on their way from relay to relay: to whom they go, what comes back, and what is not sent twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import MESH_RECORDS
from sdkrelay.domain.record import Record
from sdkrelay.messages.mesh.records import HOPS
from sdkrelay.services.mesh.gossip import SOME
from sdkrelay.services.mesh.intake import Seen
from tests.support.linked import End, LinkedRelay, cable
from tests.support.recorded import record, records
from tests.support.tasks import DrivenTime


class GossipCase(SynchronousTestCase):
    """Relays on one clock."""

    def setUp(self) -> None:
        """None yet."""
        self.time = DrivenTime()

    def relays(self, count: int) -> list[LinkedRelay]:
        """So many, not linked."""
        return [LinkedRelay(f"relay-{number:02}", self.time) for number in range(count)]

    def linked(self, relays: Sequence[LinkedRelay], *pairs: tuple[int, int]) -> list[tuple[End, End]]:
        """Cables between these pairs; what relays say at first is over."""
        ends = [cable(relays[one], relays[other]) for one, other in pairs]
        self.wait(1)
        return ends

    def leave(self, relay: LinkedRelay, *new: Record) -> None:
        """A client leaves these records with a relay, and all settles."""
        relay.give(*new)
        self.wait(1)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(int(seconds * 10)):
            self.time.advance(0.1)
            self.time.settle(30)

    def pushes(self, end: End) -> list[dict[str, Any]]:
        """What was pushed over an end."""
        return [message for message in end.sent if message["type"] == "records"]


class WayTests(GossipCase):
    """From whom to whom."""

    def test_a_record_reaches_all_relays_of_a_line(self) -> None:
        """Each passes it on once, and counts the relays on its way."""
        relays = self.relays(4)
        ends = self.linked(relays, (0, 1), (1, 2), (2, 3))
        new = record(1)
        self.leave(relays[0], new)
        self.assertTrue(all(new.record_id in relay.held for relay in relays))
        self.assertEqual([push.get("hops", 1) for near, _ in ends for push in self.pushes(near)], [1, 2, 3])

    def test_nothing_comes_back_to_where_it_came_from(self) -> None:
        """No echo, whatever the mesh is like."""
        relays = self.relays(3)
        ends = self.linked(relays, (0, 1), (1, 2), (0, 2))
        self.leave(relays[0], record(1))
        self.assertEqual(self.pushes(ends[0][1]), [])
        self.assertEqual(self.pushes(ends[2][1]), [])

    def test_a_record_passes_sixteen_relays_and_no_more(self) -> None:
        """The next one has to find it by a comparison."""
        relays = self.relays(HOPS + 2)
        self.linked(relays, *((number, number + 1) for number in range(HOPS + 1)))
        new = record(1)
        relays[0].give(new)
        self.time.settle(2_000)
        held = [new.record_id in relay.held for relay in relays]
        self.assertEqual(held, [True] * (HOPS + 1) + [False])

    def test_many_relays_are_not_all_told(self) -> None:
        """Six of nine; the others hear of it from these, or find it."""
        relays = self.relays(10)
        ends = self.linked(relays, *((0, number) for number in range(1, 10)))
        self.leave(relays[0], record(1))
        self.assertEqual(sum(len(self.pushes(near)) for near, _ in ends), SOME)


class AcknowledgementTests(GossipCase):
    """What is made of acknowledgements."""

    def setUp(self) -> None:
        """Two relays."""
        super().setUp()
        self.one, self.other = self.relays(2)
        ((self.near, self.far),) = self.linked([self.one, self.other], (0, 1))

    def count(self, way: str) -> int:
        """So many records, at relay 1."""
        return self.one.meter.total(MESH_RECORDS, way=way)

    def test_acknowledged_records_are_counted(self) -> None:
        """All that come together go in one message."""
        self.leave(self.one, *records(700))
        self.assertEqual([len(push["records"]) for push in self.pushes(self.near)], [500, 200])
        self.assertEqual((self.count("pushed"), self.count("lost")), (700, 0))

    def test_large_records_go_in_several_messages(self) -> None:
        """None has more than 600,000 characters of them."""
        self.leave(self.one, *records(20, size=60_000))
        sizes = [sum(map(len, push["records"])) for push in self.pushes(self.near)]
        self.assertEqual((len(self.other.held), max(sizes) <= 600_000), (20, True))

    def test_what_is_not_acknowledged_is_sent_once_more(self) -> None:
        """And then no more: a comparison finds it."""
        self.near.tamper = lambda message: None if message["type"] == "records" else message
        new = record(1)
        self.leave(self.one, new)
        self.wait(21)
        self.assertEqual((len(self.pushes(self.near)), self.count("lost")), (2, 1))
        self.assertEqual(self.other.held, set())
        self.near.tamper = lambda message: message
        self.one.sharing.repair.force(self.one.link(self.other.name))
        self.wait(1)
        self.assertIn(new.record_id, self.other.held)

    def test_a_lost_acknowledgement_harms_nothing(self) -> None:
        """The record comes twice and is kept once."""
        self.far.tamper = lambda message: None if message["type"] == "records_ack" else message
        self.leave(self.one, record(1))
        self.wait(21)
        self.assertEqual((len(self.pushes(self.near)), len(self.other.held)), (2, 1))

    def test_a_relay_that_takes_nothing_does_not_fill_the_memory(self) -> None:
        """What waits for it is bounded; the rest is left to the comparison."""
        self.near.tamper = lambda message: None
        self.leave(self.one, *records(100, size=60_000))
        self.assertGreater(self.count("dropped"), 20)
        self.wait(300)
        self.assertEqual(self.count("dropped") + self.count("lost"), 100)

    def test_the_ids_that_a_relay_has_seen_are_bounded(self) -> None:
        """The oldest go."""
        seen = Seen(3)
        seen.add([b"1", b"2", b"3", b"1", b"4"])
        self.assertEqual((len(seen), [each in seen for each in (b"1", b"2", b"4")]), (3, [True, False, True]))


class PlainTests(GossipCase):
    """A relay that knows the documented messages only."""

    def test_it_gets_the_documented_message(self) -> None:
        """With what is left of its time; and neither records nor comparisons."""
        one, other = self.relays(2)
        near, _ = cable(one, other, reconciles=False)
        self.wait(1)
        self.leave(one, record(1, ttl=3600))
        (message,) = [message for message in near.sent if message["type"] == "sync_message"][:1]
        self.assertEqual((message["message_id"], message["content"]["number"]), ("msg-1", 1))
        self.assertLess(message["ttl"], 3600)
        self.assertFalse({"records", "fetch_records"} & set(near.kinds()))
        self.assertEqual([each for each in near.sent if each.get("sync_type") == "ReconcileSync"], [])
