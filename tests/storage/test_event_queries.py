"""The event store against a plain list: whatever random events are stored and whatever is asked, both say the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.nostr.hyperloglog import offset_of, registers
from sdkrelay.io.storage import InlineExecutor
from sdkrelay.io.storage.nostr import SqliteEventStore
from sdkrelay.ports.nostr import Query, Submission
from tests.support.nostr import AUTHORS, PlainEvents, event_lists, filter_members_of, made, matches_plainly

NOW = 5


class Clock:
    """It is five o'clock."""

    def now(self) -> float:
        """The time that is never another."""
        return NOW

    def monotonic(self) -> float:
        """Likewise."""
        return NOW


class Case:
    """A store and a plain list with the same events, and what is asked of both."""

    def __init__(self, case: SynchronousTestCase, submissions: list[Submission]) -> None:
        self._case = case
        self.store = SqliteEventStore(None, InlineExecutor, Clock())
        self.plain = PlainEvents()
        self.do(self.store.open())
        expected = [self.plain.insert(submission) for submission in submissions]
        case.assertEqual(self.do(self.store.insert(submissions)), expected)

    def do(self, coroutine: Any) -> Any:
        """What a method of the store returns."""
        return self._case.successResultOf(Deferred.fromCoroutine(coroutine))

    def close(self) -> None:
        """Done."""
        self.do(self.store.close())


class QueriesTests(SynchronousTestCase):
    """Random events, random filters."""

    def drawn(self, data: st.DataObject) -> tuple[Case, list[dict[str, Any]], set[str]]:
        """Both stores filled, some filters, and who asks."""
        submissions = data.draw(event_lists())
        events = [submission.event for submission in submissions]
        filters = data.draw(st.lists(filter_members_of(events), min_size=1, max_size=3))
        readers = data.draw(st.sets(st.sampled_from(AUTHORS), max_size=2))
        return Case(self, submissions), filters, readers

    @settings(deadline=None, max_examples=80)
    @given(st.data())
    def test_the_same_events_are_found(self, data: st.DataObject) -> None:
        """Every filter's newest, their union without duplicates, newest first, lowest id first within a second."""
        case, filters, readers = self.drawn(data)
        filters = [{name: value for name, value in each.items() if name != "search"} for each in filters]
        found = {
            event.id: event
            for members in filters
            for event in case.plain.found(members, readers, NOW)[: members.get("limit", 6)]
        }
        expected = sorted(found.values(), key=lambda event: (-event.created_at, event.id))
        answer = case.do(case.store.query(Query(made(filters), frozenset(readers), default_limit=6)))
        self.assertEqual([event.json for event in answer.events], [event.encoded() for event in expected])
        whole = all(len(case.plain.found(each, readers, NOW)) <= each.get("limit", 6) for each in filters)
        self.assertEqual(answer.complete, whole)
        case.close()

    @settings(deadline=None, max_examples=40)
    @given(st.data())
    def test_searches_find_the_same(self, data: st.DataObject) -> None:
        """Whatever the order, the words of a search choose the same events."""
        case, filters, readers = self.drawn(data)
        members = {**filters[0], "search": data.draw(st.sampled_from(("alpha", "RAY gamma", "ete", "x y", "x:y")))}
        members.pop("limit", None)
        answer = case.do(case.store.query(Query(made([members]), frozenset(readers))))
        expected = case.plain.found(members, readers, NOW)
        if ":" not in members["search"]:
            expected = [event for event in expected if event.kind != 1059]
        self.assertEqual({event.id.hex() for event in answer.events}, {event.id for event in expected})
        case.close()

    @settings(deadline=None, max_examples=40)
    @given(st.data())
    def test_the_same_are_counted(self, data: st.DataObject) -> None:
        """COUNT is how many distinct events there are, and its registers are those of their authors."""
        case, filters, readers = self.drawn(data)
        filters = [{name: value for name, value in each.items() if name != "search"} for each in filters]
        found = {event.id: event for each in filters for event in case.plain.found(each, readers, NOW)}
        offset = offset_of(made(filters)[0])
        tally = case.do(case.store.count(Query(made(filters), frozenset(readers)), offset))
        authors = [bytes.fromhex(event.pubkey) for event in found.values()]
        self.assertEqual(tally.count, len(found))
        self.assertEqual(tally.registers, None if offset is None else registers(authors, offset))
        case.close()

    @settings(deadline=None, max_examples=40)
    @given(st.data())
    def test_the_same_are_reconciled(self, data: st.DataObject) -> None:
        """The list is ascending by time and id, and nothing is given where there is more than may be."""
        case, filters, readers = self.drawn(data)
        members = {name: value for name, value in filters[0].items() if name not in ("search", "limit")}
        expected = sorted(
            (event.created_at, bytes.fromhex(event.id)) for event in case.plain.found(members, readers, NOW)
        )
        items = case.do(case.store.items(made([members])[0], frozenset(readers), 4))
        self.assertEqual(items, expected if len(expected) <= 4 else None)
        case.close()

    @settings(deadline=None, max_examples=40)
    @given(st.data())
    def test_what_is_forgotten_is_gone(self, data: st.DataObject) -> None:
        """Whatever matches goes, wraps and expired events too, and nothing else."""
        case, filters, _ = self.drawn(data)
        members = {name: value for name, value in filters[0].items() if name not in ("search", "limit")}
        gone = [event for event in case.plain.kept if matches_plainly(members, event)]
        self.assertEqual(case.do(case.store.forget(made([members])[0], 100)), len(gone))
        self.assertEqual(case.do(case.store.figures()).events, len(case.plain.kept) - len(gone))
        case.close()
