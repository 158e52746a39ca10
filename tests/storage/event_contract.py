"""What services may expect of any store of Nostr events, as suites that each variant is put through (``tests/conformance``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from sdkrelay.domain.nostr.event import Event, parse_event
from sdkrelay.io.storage import Executor
from sdkrelay.io.storage.nostr import SqliteEventStore
from sdkrelay.ports import Unavailable
from sdkrelay.ports.nostr import EventStore, Listed, Outcome, Query, Submission
from tests.support.nostr import AUTHORS, compact, made, real_events, unsigned
from tests.support.stores import SetClock

ALICE, BOB, CAROL = AUTHORS
WANTED = Outcome.STORED


class EventStoreCase:
    """Opens the store that the variant describes, and asks it."""

    path: Callable[[], Path | None]
    executors: Callable[[], Callable[[str], Executor]]
    addCleanup: Any

    async def opened(self) -> EventStore:
        """A new store at time 100, closed at the end of the test."""
        self.clock = SetClock(100)
        store = SqliteEventStore(self.path(), self.executors(), self.clock)
        await store.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(store.close()))
        return store

    async def put(self, store: EventStore, *events: Event) -> list[Outcome]:
        """What became of each, given one by one; requests to vanish are meant for this relay."""
        return [(await store.insert([Submission(event, event.kind == 62)]))[0] for event in events]

    async def found(self, store: EventStore, *filters: dict[str, Any], **options: Any) -> list[Event]:
        """What is served, read again."""
        options["readers"] = frozenset(options.get("readers", ()))
        answer = await store.query(Query(made(list(filters)), **options))
        return [parse_event(event.json) for event in answer.events]


class KeepingContract(EventStoreCase):
    """What is kept, and what not."""

    async def test_real_events_come_back_to_the_letter(self: Any) -> None:
        """Those of others too, each by its id, and all of them by time."""
        store = await self.opened()
        events = {parse_event(compact(each)).id: parse_event(compact(each)) for each in real_events()}
        outcomes = await store.insert([Submission(event) for event in events.values()])
        self.assertIn(WANTED, outcomes)
        kept = {event.id for event, outcome in zip(events.values(), outcomes, strict=True) if outcome is WANTED}
        found = await self.found(
            store, {"limit": 5000}, readers={value for e in events.values() for value in e.values("p")}
        )
        self.assertEqual([events[event.id] for event in found], found)
        self.assertTrue({event.id for event in found} <= kept)
        self.assertEqual([event.created_at for event in found], sorted((e.created_at for e in found), reverse=True))

    async def test_a_second_time_is_a_duplicate(self: Any) -> None:
        """In the same group and in a later one, and screening says so too."""
        store, event = await self.opened(), unsigned()
        self.assertEqual(await store.screen([event]), [WANTED])
        self.assertEqual(await store.insert([Submission(event)] * 2), [WANTED, Outcome.DUPLICATE])
        self.assertEqual(await self.put(store, event), [Outcome.DUPLICATE])
        self.assertEqual(await store.screen([event, unsigned(2)]), [Outcome.DUPLICATE, WANTED])

    async def test_what_is_given_together_is_kept(self: Any) -> None:
        """By many at once, each hearing what became of its own."""
        store = await self.opened()
        events = [unsigned(content=str(number)) for number in range(60)]
        given = [Deferred.fromCoroutine(store.insert([Submission(event), Submission(events[0])])) for event in events]
        outcomes = await gatherResults(given)
        self.assertEqual([own for own, _ in outcomes[1:]], [WANTED] * 59)
        self.assertEqual((await store.figures()).events, 60)

    async def test_only_the_newest_version_is_kept(self: Any) -> None:
        """Whatever came first, and of one second that with the lowest id."""
        store = await self.opened()
        old, new = unsigned(10002, 5), unsigned(10002, 6)
        low, high = sorted(
            (unsigned(30023, 7, content="a"), unsigned(30023, 7, content="b")), key=lambda event: event.id
        )
        outcomes = await self.put(store, new, old, high, low, high)
        self.assertEqual(outcomes, [WANTED, Outcome.SUPERSEDED, WANTED, WANTED, Outcome.SUPERSEDED])
        self.assertEqual(await self.found(store, {}), [low, new])
        self.assertEqual(await self.found(store, {"ids": [high.id]}), [])

    async def test_addresses_are_told_apart(self: Any) -> None:
        """By author, kind and first d tag."""
        store = await self.opened()
        x, y = unsigned(30023, tags=(("d", "x"),)), unsigned(30023, tags=(("d", "y"),))
        other, kind = unsigned(30023, tags=(("d", "x"),), author=BOB), unsigned(30024, tags=(("d", "x"),))
        self.assertEqual(await self.put(store, x, y, other, kind), [WANTED] * 4)
        self.assertEqual(await self.found(store, {"#d": ["x"], "authors": [ALICE], "kinds": [30023]}), [x])

    async def test_lists_of_the_operator(self: Any) -> None:
        """Items are put, changed, listed by name and taken off."""
        store = await self.opened()
        for name, item, reason in (
            ("banned", "b", "spam"),
            ("banned", "a", ""),
            ("banned", "b", "worse"),
            ("x", "c", ""),
        ):
            await store.enter(name, Listed(item, reason))
        self.assertEqual(await store.entries("banned"), [Listed("a"), Listed("b", "worse")])
        self.assertEqual([await store.strike("banned", item) for item in ("a", "a", "c")], [True, False, False])
        self.assertEqual((await store.entries("banned"), await store.entries("y")), ([Listed("b", "worse")], []))

    async def test_after_the_end_nothing_is_answered(self: Any) -> None:
        """Unavailable, and closing again does nothing."""
        store = await self.opened()
        await store.close()
        await store.close()
        for work in (store.insert([Submission(unsigned())]), store.query(Query(made([{}]))), store.figures()):
            await self.assertFailure(Deferred.fromCoroutine(work), Unavailable)


class ForgettingContract(EventStoreCase):
    """Deletion, vanishing, expiry, retention."""

    async def test_authors_delete_by_id_and_address(self: Any) -> None:
        """Their own only, whichever came first, for good; the deletion stays and is served."""
        store = await self.opened()
        note, article, others = unsigned(), unsigned(30023, tags=(("d", "x"),)), unsigned(author=BOB)
        tags = (("e", note.id), ("e", others.id), ("a", f"30023:{ALICE}:x"), ("a", f"10002:{BOB}:"))
        deletion = unsigned(5, 20, tags)
        self.assertEqual(await self.put(store, note, others, deletion, article), [WANTED] * 3 + [Outcome.DELETED])
        self.assertEqual(await self.put(store, note), [Outcome.DELETED])
        self.assertEqual(await self.found(store, {}), [deletion, others])

    async def test_an_address_deletion_ends_with_its_time(self: Any) -> None:
        """A version created later is a new beginning."""
        store = await self.opened()
        await self.put(store, unsigned(5, 20, (("a", f"30023:{ALICE}:"),)))
        self.assertEqual(await self.put(store, unsigned(30023, 20), unsigned(30023, 21)), [Outcome.DELETED, WANTED])

    async def test_a_deletion_is_not_deleted(self: Any) -> None:
        """Neither it nor a request to vanish, and what it took away does not come back."""
        store, note = await self.opened(), unsigned()
        deletion = unsigned(5, 20, (("e", note.id),))
        again = unsigned(5, 30, (("e", deletion.id),))
        self.assertEqual(await self.put(store, again, deletion, note), [WANTED, WANTED, Outcome.DELETED])
        self.assertEqual(await self.found(store, {}), [again, deletion])

    async def test_recipients_delete_their_wraps(self: Any) -> None:
        """Bob may, Carol may not; neither may with other kinds."""
        store = await self.opened()
        wrap, note = unsigned(1059, tags=(("p", BOB),)), unsigned(1, tags=(("p", BOB),))
        tags = (("e", wrap.id), ("e", note.id))
        await self.put(store, wrap, note, unsigned(5, 20, tags, author=CAROL))
        self.assertEqual(await self.found(store, {"kinds": [1059]}, readers=[BOB]), [wrap])
        await self.put(store, unsigned(5, 21, tags, author=BOB))
        self.assertEqual(await self.found(store, {"kinds": [1, 1059]}, readers=[BOB]), [note])

    async def test_who_vanishes_is_gone(self: Any) -> None:
        """Deletions too, and wraps for that key; nothing of before comes back, what is later is kept."""
        store = await self.opened()
        mine = [unsigned(1, 5), unsigned(5, 6, (("e", "ab" * 32),)), unsigned(0, 7)]
        wrap, others = unsigned(1059, 8, (("p", ALICE),), author=BOB), unsigned(1, 8, (("p", ALICE),), author=BOB)
        await self.put(store, *mine, wrap, others)
        request, later = unsigned(62, 10), unsigned(1, 11)
        self.assertEqual(await self.put(store, request, later, *mine), [WANTED, WANTED] + [Outcome.VANISHED] * 3)
        self.assertEqual(await self.put(store, wrap, unsigned(5, 12, (("e", request.id),))), [Outcome.VANISHED, WANTED])
        self.assertEqual([event.kind for event in await self.found(store, {}, readers=[ALICE])], [5, 1, 62, 1])

    async def test_a_request_to_another_relay_changes_nothing(self: Any) -> None:
        """It is kept as any event."""
        store, note = await self.opened(), unsigned(1, 5)
        await self.put(store, note)
        self.assertEqual(await store.insert([Submission(unsigned(62, 10))]), [WANTED])
        self.assertEqual(len(await self.found(store, {})), 2)

    async def test_what_has_expired_is_never_served(self: Any) -> None:
        """Not found, counted or reconciled from that second on, swept or not."""
        store = await self.opened()
        event = unsigned(tags=(("expiration", "101"), ("t", "x")))
        await self.put(store, event)
        for now, number in ((100, 1), (101, 0)):
            self.clock.time = now
            answer = await store.query(Query(made([{"#t": ["x"]}])))
            self.assertEqual([found.expires_at for found in answer.events], [101] * number)
            counts = [(await store.count(Query(made([each])))).count for each in ({}, {"#t": ["x"]})]
            self.assertEqual(counts, [number] * 2)
            self.assertEqual(len(await store.items(made([{}])[0], frozenset(), 10)), number)
        self.assertEqual([await store.forget_expired(10), await store.forget_expired(10)], [1, 0])
        self.assertEqual(await self.put(store, event), [WANTED])

    async def test_the_oldest_are_forgotten_first(self: Any) -> None:
        """Deletions and requests to vanish excepted; so many, and no more."""
        store = await self.opened()
        events = [unsigned(kind, number) for number, kind in enumerate((5, 1, 62, 1, 1, 1))]
        await store.insert([Submission(event) for event in events])
        self.assertEqual(await store.forget_oldest(3), 3)
        self.assertEqual(await self.found(store, {}), [events[5], events[2], events[0]])
        self.assertEqual([await store.forget_oldest(3), (await store.figures()).events], [1, 2])

    async def test_a_filter_forgets_by_kind_and_age(self: Any) -> None:
        """Up to so many at a time; what went may come again."""
        store = await self.opened()
        events = [unsigned(7, number) for number in range(5)]
        await self.put(store, *events, unsigned(1, 1))
        old = made([{"kinds": [7], "until": 3}])[0]
        self.assertEqual([await store.forget(old, 3), await store.forget(old, 3)], [3, 1])
        self.assertEqual([event.created_at for event in await self.found(store, {})], [4, 1])
        self.assertEqual(await self.put(store, events[0]), [WANTED])


class AskingContract(EventStoreCase):
    """What is found."""

    async def filled(self, seconds: Sequence[int]) -> tuple[EventStore, list[Event]]:
        """Notes of these seconds, in the order of serving."""
        store = await self.opened()
        events = [unsigned(1, second, content=str(place)) for place, second in enumerate(seconds)]
        await store.insert([Submission(event) for event in events])
        return store, sorted(events, key=lambda event: (-event.created_at, event.id))

    async def test_a_limit_takes_the_newest(self: Any) -> None:
        """The asker's, ours where none is given, ours where more is asked; 0 finds nothing."""
        store, events = await self.filled(range(10))
        for asked, options, number in (
            ({"limit": 3}, {}, 3), ({}, {"default_limit": 4}, 4), ({"limit": 9}, {"max_limit": 5}, 5), ({"limit": 0}, {}, 0),
        ):  # fmt: skip
            self.assertEqual(await self.found(store, asked, **options), events[:number])

    async def test_it_says_whether_that_was_all(self: Any) -> None:
        """Also where the limit is just what there is."""
        store, _ = await self.filled(range(4))
        for asked, whole in (({"limit": 3}, False), ({"limit": 4}, True), ({}, True), ({"limit": 0}, False)):
            self.assertEqual((await store.query(Query(made([asked])))).complete, whole)

    async def test_a_second_is_not_cut_apart(self: Any) -> None:
        """Where the limit is ours and the hint of NIP-67 is on; an asker's own limit is kept."""
        store, events = await self.filled([9, 8, 8, 8, 7])
        for asked, number in (({}, 4), ({"limit": 9}, 4), ({"limit": 2}, 2)):
            found = await self.found(store, asked, default_limit=2, max_limit=3, whole_seconds=True)
            self.assertEqual(found, events[:number])

    async def test_bytes_have_a_bound(self: Any) -> None:
        """One event is always sent, and it is said that there are more."""
        store, events = await self.filled(range(5))
        size = len(events[0].encoded())
        for room, number in ((1, 1), (2 * size + 1, 2), (6 * size, 5)):
            answer = await store.query(Query(made([{}]), max_bytes=room))
            self.assertEqual((len(answer.events), answer.complete), (number, number == 5))

    async def test_bytes_are_bounded_while_they_are_read(self: Any) -> None:
        """No more than a portion beyond what may be sent is ever held, whatever the scan."""
        store, events = await self.filled(range(450))
        size = 2 * 150 * len(events[0].encoded())
        for asked in ({}, {"kinds": [1, 2]}, {"authors": AUTHORS, "kinds": [1]}):
            answer = await store.query(Query(made([asked, {"kinds": [7]}]), max_bytes=size))
            self.assertFalse(answer.complete)
            self.assertEqual([parse_event(found.json) for found in answer.events], events[: len(answer.events)])
            self.assertIn(len(answer.events), range(150, 300))

    async def test_many_keys_over_much_time(self: Any) -> None:
        """Windows of time miss nothing, whatever gaps there are."""
        store, events = await self.filled([*range(0, 100, 7), *range(10**6, 10**6 + 50), 10**9, 10**9 + 1])
        for limit in (1, 5, 60, 66, 67, 68):
            asked = {"authors": [ALICE, BOB], "kinds": [1, 2], "limit": limit}
            self.assertEqual(await self.found(store, asked), events[:limit])
        self.assertEqual(await self.found(store, {"kinds": [1, 2], "since": 98, "until": 10**9}), events[1:-14])

    async def test_no_second_lies_between_two_windows(self: Any) -> None:
        """Rare events among many others are all found, wherever the windows happen to end."""
        store = await self.opened()
        events = [unsigned(2 if second % 3 == 0 else 1, second) for second in range(240)]
        await store.insert([Submission(event) for event in events])
        rare = [event for event in reversed(events) if event.kind == 2]
        for limit in range(1, 80, 2):
            self.assertEqual(await self.found(store, {"kinds": [2, 3], "limit": limit}), rare[:limit])

    async def test_relevance_orders_a_search(self: Any) -> None:
        """Before the limit is taken; words may stand in a title, accents and case do not matter."""
        store = await self.opened()
        best = unsigned(1, 1, content="Crème")
        weak = unsigned(1, 2, content="creme and very much else that nobody has asked for", tags=(("title", "BRÛLÉE"),))
        await self.put(store, best, weak, unsigned(1, 3, content="cremeria"))
        self.assertEqual(await self.found(store, {"search": "creme"}), [best, weak])
        self.assertEqual(await self.found(store, {"search": "CRÈME lang:fr", "limit": 1}), [best])
        self.assertEqual(await self.found(store, {"search": 'creme "brulee" *'}), [weak])
        self.assertEqual(await self.found(store, {"search": '" OR NEAR( ^'}), [])

    async def test_what_is_removed_is_not_searched(self: Any) -> None:
        """Nor is what is encrypted."""
        store = await self.opened()
        note = unsigned(content="alpha")
        await self.put(store, note, unsigned(1059, content="alpha", tags=(("p", BOB),)), unsigned(4, content="alpha"))
        self.assertEqual(await self.found(store, {"search": "alpha"}, readers=[BOB]), [note])
        await self.put(store, unsigned(5, 20, (("e", note.id),)))
        self.assertEqual(await self.found(store, {"search": "alpha"}), [])

    async def test_wraps_are_for_their_recipients(self: Any) -> None:
        """By whatever filter, in counts and reconciliations alike."""
        store = await self.opened()
        wrap = unsigned(1059, tags=(("p", BOB), ("t", "x")))
        await self.put(store, wrap)
        for readers, number in (((), 0), ((ALICE, CAROL), 0), ((CAROL, BOB), 1)):
            for asked in (
                {},
                {"ids": [wrap.id]},
                {"kinds": [1059]},
                {"#p": [BOB]},
                {"#t": ["x"]},
                {"authors": [ALICE]},
            ):
                query = Query(made([asked]), frozenset(readers))
                self.assertEqual(len((await store.query(query)).events), number)
                self.assertEqual((await store.count(query)).count, number)
                self.assertEqual(len(await store.items(made([asked])[0], frozenset(readers), 5)), number)
