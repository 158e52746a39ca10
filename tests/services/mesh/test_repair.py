"""Comparisons of two relays' records: what is found and moved, how they are cut and begun again, and what they cost."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import MESH_RECORDS
from sdkrelay.messages.rest.sync import GetSyncHistory
from tests.support.linked import End, LinkedRelay, cable
from tests.support.recorded import record, records
from tests.support.stores import now
from tests.support.tasks import DrivenTime

POOL = records(60)


def pair(time: DrivenTime) -> tuple[LinkedRelay, LinkedRelay]:
    """Two relays, not linked."""
    return LinkedRelay("relay-1", time), LinkedRelay("relay-2", time)


def wait(time: DrivenTime, seconds: float) -> None:
    """Let time pass."""
    for _ in range(int(seconds * 10)):
        time.advance(0.1)
        time.settle(20)


class RepairCase(SynchronousTestCase):
    """Two relays that are not linked yet."""

    def setUp(self) -> None:
        """Both empty."""
        self.time = DrivenTime()
        self.one, self.other = pair(self.time)

    def hold(self, relay: LinkedRelay, *held: Any) -> None:
        """These records were left with a relay."""
        relay.give(*held)

    def link(self, delay: float = 0.0) -> tuple[End, End]:
        """Link them, and let all settle."""
        ends = cable(self.one, self.other, delay)
        wait(self.time, 2)
        return ends

    def assertEqualSets(self) -> None:
        """Both hold the same."""
        self.assertEqual(self.one.held, self.other.held)

    def comparisons(self, relay: LinkedRelay) -> list[Any]:
        """The rows of comparisons that this relay began, newest first."""
        return list(now(relay.sharing.sync.history(GetSyncHistory(sync_type="ReconcileSync"), None)).history)


class UnionTests(RepairCase):
    """What two relays have after a comparison."""

    def test_a_new_link_repairs_what_was_missed(self) -> None:
        """In both directions, in one comparison that the relay with the lower name begins."""
        self.hold(self.one, *POOL[:40])
        self.hold(self.other, *POOL[20:])
        self.link()
        self.assertEqualSets()
        self.assertEqual(len(self.one.held), 60)
        self.assertEqual((len(self.comparisons(self.one)), self.comparisons(self.other)), (1, []))
        self.assertEqual(self.one.meter.total(MESH_RECORDS, way="taken"), 20)
        self.assertEqual(self.one.meter.total(MESH_RECORDS, way="given"), 20)

    @settings(max_examples=15, deadline=None)
    @given(st.sets(st.integers(0, 59)), st.sets(st.integers(0, 59)))
    def test_any_two_sets_become_one(self, mine: set[int], theirs: set[int]) -> None:
        """Whatever each had."""
        time = DrivenTime()
        one, other = pair(time)
        one.give(*(POOL[number] for number in mine))
        other.give(*(POOL[number] for number in theirs))
        cable(one, other)
        wait(time, 1)
        self.assertEqual(one.held, other.held)
        self.assertEqual(len(one.held), len(mine | theirs))

    def test_many_are_moved_in_batches(self) -> None:
        """Of at most five hundred."""
        self.hold(self.one, *records(700))
        self.hold(self.other, *records(800, first=1_000))
        near, far = self.link()
        self.assertEqualSets()
        gifts = [len(each["records"]) for each in near.sent if each["type"] == "records"]
        fetched = [len(each["records"]) for each in far.sent if each["type"] == "fetched_records"]
        self.assertEqual((sum(gifts), sum(fetched), max(gifts + fetched) <= 500), (700, 800, True))

    def test_large_records_take_several_messages(self) -> None:
        """Whatever does not fit is asked for again."""
        self.hold(self.other, *records(12, size=60_000))
        _, far = self.link()
        self.assertEqualSets()
        sizes = [sum(map(len, each["records"])) for each in far.sent if each["type"] == "fetched_records"]
        self.assertTrue(len(sizes) > 1 and max(sizes) <= 600_000, sizes)

    def test_what_expired_here_is_not_fetched(self) -> None:
        """Nor held against the relay that still has it."""
        old = record(1, ttl=10)
        for relay in (self.one, self.other):
            self.hold(relay, old)
        self.time.advance(10)
        now(self.one.records.sweep())
        _, far = self.link()
        self.assertEqual((self.one.held, self.other.held), (set(), {old.record_id}))
        self.assertNotIn("fetched_records", far.kinds())
        self.assertEqual(self.one.standings["relay-2"].offences, 0)


class CutTests(RepairCase):
    """A comparison can be cut anywhere, and begun again."""

    def test_wherever_it_is_cut_the_next_one_finishes_it(self) -> None:
        """After each message from either side, as many as there are."""
        for after in range(1, 14):
            self.setUp()
            self.hold(self.one, *POOL[:30])
            self.hold(self.other, *POOL[30:])
            self.cut_after(after)
            self.link()
            self.assertEqualSets()
            self.assertEqual(len(self.one.held), 60)

    def cut_after(self, count: int) -> None:
        """Link them, and cut the cable once relay 1 has sent so many messages."""
        near, _ = cable(self.one, self.other, 0.01)

        def pass_on(message: dict[str, Any]) -> Any:
            if len(near.sent) >= count:
                self.time.reactor.callLater(0, near.cut)
            return message

        near.tamper = pass_on
        wait(self.time, 1)

    def test_some_relay_is_compared_with_every_half_minute(self) -> None:
        """Give or take a fifth; by both sides."""
        self.link()
        for relay in (self.one, self.other):
            relay.sharing.repair.start()
            self.addCleanup(lambda relay=relay: now(relay.sharing.repair.stop()))
        wait(self.time, 100)
        self.assertIn(len(self.comparisons(self.one)), (3, 4, 5))
        self.assertIn(len(self.comparisons(self.other)), (2, 3, 4))

    def test_two_equal_sets_cost_little(self) -> None:
        """A comparison of equal sets is less than a thousand bytes, both directions together."""
        for relay in (self.one, self.other):
            self.hold(relay, *POOL)
        near, far = self.link()
        before = near.bytes_sent + far.bytes_sent
        self.other.sharing.repair.force(self.other.link("relay-1"))
        wait(self.time, 1)
        self.assertEqual(len(self.comparisons(self.other)), 1)
        self.assertLess(near.bytes_sent + far.bytes_sent - before, 1_000)

    def test_one_comparison_at_a_time_is_begun_with_a_relay(self) -> None:
        """Asked again meanwhile, it goes on."""
        cable(self.one, self.other, 1.0)
        for _ in range(5):
            self.one.sharing.repair.force(self.one.link("relay-2"))
        wait(self.time, 5)
        self.assertEqual(len(self.comparisons(self.one)), 1)

    def test_a_long_difference_is_found_in_several_comparisons(self) -> None:
        """Each remembers a bounded number of ids."""
        self.one.sharing.repair.most = 100
        self.hold(self.one, *records(300))
        self.link()
        self.assertEqualSets()
        self.assertGreater(len(self.comparisons(self.one)), 1)
