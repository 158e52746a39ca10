"""Usual filters are answered from an index in the order of serving: SQLite itself says how it would go about each."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.storage import InlineExecutor
from sdkrelay.io.storage.nostr import SqliteEventStore
from sdkrelay.io.storage.nostr.planning import Asker, plan
from sdkrelay.ports.nostr import Submission
from tests.support.nostr import AUTHORS, made, unsigned
from tests.support.stores import SetClock, now


class PlanTests(SynchronousTestCase):
    """EXPLAIN QUERY PLAN, with a few events to choose by."""

    def setUp(self) -> None:
        store = SqliteEventStore(None, InlineExecutor, SetClock())
        now(store.open())
        self.addCleanup(lambda: now(store.close()))
        self.connection = store._places[0].connection
        events = [unsigned(1, number, (("t", "often"),), author=AUTHORS[number % 30 == 0]) for number in range(300)]
        now(store.insert([Submission(event) for event in [*events, unsigned(1, 9, (("t", "seldom"),))]]))

    def explained(self, members: dict[str, Any], readers: tuple[str, ...] = (), counting: bool = False) -> str:
        """How SQLite would read it."""
        scan = plan(self.connection, made([members])[0], Asker(frozenset(readers), 0, counting))
        assert scan is not None
        scan = scan.between(0, 5)
        columns, order = ("count(*)", "") if counting else ("e.json", f" ORDER BY {scan.order}")
        text = f"EXPLAIN QUERY PLAN SELECT {columns} FROM {scan.source} WHERE {scan.where}{order}"
        return "; ".join(row[3] for row in self.connection.execute(text, scan.values))

    def test_one_key_is_read_in_order(self) -> None:
        """Nothing, a kind, an author, both, a tag with kinds: the newest come first without sorting, times by the index."""
        for members, index in (
            ({}, "events_by_time (created_at>? AND created_at<?)"),
            ({"kinds": [1]}, "events_by_kind (kind=? AND created_at>? AND created_at<?)"),
            ({"authors": AUTHORS[:1]}, "events_by_author (pubkey=? AND created_at>? AND created_at<?)"),
            ({"authors": AUTHORS[:1], "kinds": [1]}, "events_by_author_and_kind (pubkey=? AND kind=? AND created_at>?"),
            ({"#t": ["x"], "kinds": [1, 7]}, "SEARCH t USING PRIMARY KEY (label=? AND created_at>? AND created_at<?)"),
        ):
            explained = self.explained(members)
            self.assertIn(index, explained)
            self.assertNotIn("TEMP B-TREE", explained)

    def test_several_keys_are_searched_each(self) -> None:
        """Within a window of time, and no other rows are looked at."""
        explained = self.explained({"authors": AUTHORS, "kinds": [1, 7]})
        self.assertIn("(pubkey=? AND kind=? AND created_at>? AND created_at<?)", explained)
        self.assertIn("(label=? AND created_at>? AND created_at<?)", self.explained({"#t": ["x", "y"]}))

    def test_the_rarer_condition_leads(self) -> None:
        """Whichever it is, an author or a tag."""
        self.assertIn("SEARCH t ", self.explained({"authors": AUTHORS[:1], "#t": ["seldom"]}).split(";")[0])
        self.assertIn("events_by_author", self.explained({"authors": AUTHORS[1:2], "#t": ["often"]}).split(";")[0])

    def test_wraps_are_found_by_whom_they_are_for(self) -> None:
        """Not by looking through everybody's."""
        self.assertIn("SEARCH t ", self.explained({"kinds": [1059]}, readers=(AUTHORS[1],)).split(";")[0])

    def test_a_count_reads_the_index_alone(self) -> None:
        """However many events there are."""
        self.assertIn("COVERING INDEX events_by_kind", self.explained({"kinds": [1]}, counting=True))
