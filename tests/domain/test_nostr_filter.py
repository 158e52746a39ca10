"""Filters: read strictly, matched as NIP-01 says, and found again among many for one event."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.nostr.filter import filter_members, parse_filter
from sdkrelay.domain.nostr.live import LiveIndex
from sdkrelay.domain.nostr.refusal import Prefix, Refusal
from tests.support.nostr import AUTHORS, compact, event_lists, filter_members_of, made, matches_plainly, unsigned


class ParseTests(SynchronousTestCase):
    """What is a filter."""

    def prefix(self, raw: bytes) -> Prefix:
        """With which word it is refused."""
        refusal: Refusal = self.assertRaises(Refusal, parse_filter, raw)
        return refusal.prefix

    def test_wrong_values_are_invalid(self) -> None:
        """Prefixes of keys, uppercase, negative times, floats, kinds out of range, single values for lists."""
        wrong: list[dict[str, Any]] = [
            {"ids": ["ab"]}, {"authors": ["AB" * 32]}, {"#e": ["x"]}, {"#p": [AUTHORS[0][:-2]]}, {"ids": "ab" * 32},
            {"kinds": [-1]}, {"kinds": [65536]}, {"kinds": ["1"]}, {"kinds": 1}, {"kinds": [1.0]}, {"since": -1},
            {"until": 1.5}, {"limit": -1}, {"limit": True}, {"since": "1"}, {"until": 2**63}, {"#t": [1]}, {"search": 1},
            {"limit": None},
        ]  # fmt: skip
        self.assertEqual([self.prefix(compact(each)) for each in wrong], [Prefix.INVALID] * len(wrong))

    def test_unknown_names_are_unsupported(self) -> None:
        """Longer tag names, none, other letters than a to z, misspelt members."""
        for name in ("#foo", "#", "#é", "#1", "author", "&t", "since "):
            self.assertEqual(self.prefix(compact({name: ["x"]})), Prefix.UNSUPPORTED)

    def test_a_name_that_stands_twice_is_invalid(self) -> None:
        """Nobody can know which is meant."""
        self.assertEqual(self.prefix(b'{"kinds":[1],"kinds":[2]}'), Prefix.INVALID)

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=40) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(compact))
    def test_anything_else_is_invalid(self, raw: bytes) -> None:
        """Only the one refusal is raised, whatever comes."""
        self.assertEqual(self.prefix(raw), Prefix.INVALID)

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_a_filter_comes_back(self, data: st.DataObject) -> None:
        """Written and read again it is the same."""
        members = data.draw(filter_members_of([unsigned()]))
        (wanted,) = made([members])
        self.assertEqual(parse_filter(compact(members)), wanted)
        self.assertEqual(parse_filter(compact(filter_members(wanted))), wanted)


class MatchTests(SynchronousTestCase):
    """What a filter matches."""

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_it_matches_as_is_written(self, data: st.DataObject) -> None:
        """As a plain reading of NIP-01 does, on random events."""
        events = [submission.event for submission in data.draw(event_lists())]
        members = data.draw(filter_members_of(events))
        (wanted,) = made([members])
        self.assertEqual(
            [wanted.matches(event) for event in events], [matches_plainly(members, event) for event in events]
        )

    def test_empty_lists_match_nothing(self) -> None:
        """Never everything."""
        for members in ({"ids": []}, {"authors": []}, {"kinds": []}, {"#t": []}):
            self.assertFalse(made([members])[0].matches(unsigned(tags=(("t", "x"),))))

    def test_case_matters_and_only_the_first_value_counts(self) -> None:
        """#e is not #E, and what stands third in a tag is not looked at."""
        event = unsigned(tags=(("t", "x", "y"), ("T", "z")))
        asked = [{"#t": ["x"]}, {"#t": ["y"]}, {"#t": ["z"]}, {"#T": ["z"]}]
        self.assertEqual([wanted.matches(event) for wanted in made(asked)], [True, False, False, True])


class LiveTests(SynchronousTestCase):
    """Many subscriptions and one event."""

    @settings(deadline=None, max_examples=50)
    @given(st.data())
    def test_the_index_misses_and_adds_nothing(self, data: st.DataObject) -> None:
        """It tells exactly the keys of which a filter matches, once each, replaced and dropped ones apart."""
        events = [submission.event for submission in data.draw(event_lists())]
        lists = data.draw(st.lists(st.lists(filter_members_of(events), max_size=3), max_size=8))
        index: LiveIndex[int] = LiveIndex()
        for place, filters in enumerate(lists):
            index.put(place % 6, made(filters))
        index.drop(0)
        heard = {place % 6: filters for place, filters in enumerate(lists) if place % 6}
        for event in events:
            expected = [key for key, filters in heard.items() if any(matches_plainly(each, event) for each in filters)]
            self.assertEqual(sorted(index.interested(event)), sorted(expected))

    def test_nothing_is_left_of_what_was_dropped(self) -> None:
        """An index without subscriptions is as empty as a new one."""
        index: LiveIndex[str] = LiveIndex()
        index.put("a", made([{"kinds": [1]}, {"authors": AUTHORS}, {}]))
        index.put("a", made([{"#t": ["x"]}]))
        self.assertEqual((len(index), "a" in index, index.interested(unsigned())), (1, True, []))
        index.drop("a")
        index.drop("never there")
        self.assertEqual((len(index), index._slots), (0, {}))
