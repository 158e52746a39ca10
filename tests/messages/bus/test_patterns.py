"""Patterns of topics: what matches is what matches for the original client."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.messages.bus import Malformed, Patterns, expression, identities

UUID = "56834356-2d6b-4032-b7a7-8eebc74ac58d"


def matches(pattern: str, topic: str) -> bool:
    """Whether a subscription to the pattern gets the topic."""
    patterns: Patterns[bool] = Patterns()
    patterns[pattern] = True
    return patterns.matching(topic) == [True]


class MatchingTests(SynchronousTestCase):
    """One pattern, one topic."""

    def test_plain(self) -> None:
        """The whole topic, and nothing in it is special."""
        self.assertTrue(matches("a::b.c", "a::b.c"))
        for topic in ("a::bxc", "a::b.c.d", "xa::b.c", "a::b.c\n"):
            self.assertFalse(matches("a::b.c", topic))

    def test_a_star_is_one_character_or_more(self) -> None:
        """Never none."""
        self.assertTrue(matches("greathall::*", "greathall::bus.reconnect"))
        self.assertTrue(matches("*::*", "a::b"))
        self.assertFalse(matches("greathall::*", "greathall::"))

    def test_a_group_is_a_regular_expression(self) -> None:
        """Alternatives, a point that is any character, a star that repeats; from the first bracket to the last."""
        self.assertTrue(matches(f"o@t::c.{UUID}.(error|finished)", f"o@t::c.{UUID}.error"))
        self.assertFalse(matches(f"o@t::c.{UUID}.(error|finished)", f"o@t::c.{UUID}.other"))
        self.assertTrue(matches("a::(b.c)", "a::bxc"))
        self.assertTrue(matches("a::(bc*)", "a::b"))
        self.assertTrue(matches("a::(b)*(c)", "a::bbbc"))
        self.assertFalse(matches("a::(b)*(c)", "a::bxc"))

    def test_a_star_in_half_an_identity(self) -> None:
        """A pattern is tried on topics with its identity only, and half a name is none."""
        self.assertTrue(matches("o@t::*", "o@t::x"))
        self.assertFalse(matches("o@t*::x", "o@token::x"))
        self.assertTrue(matches("*.<line>", "o@t::x.<line>"))

    def test_identities(self) -> None:
        """In the order of the original."""
        self.assertEqual(identities("a::b"), ("_",))
        self.assertEqual(identities(f"o@t::c.{UUID}.finished"), ("_", "o@t", f".{UUID}."))
        self.assertEqual(identities("a@b::<x>.c@d.e@f"), ("_", "<x>", "e@f", "a@b", "c@d"))

    def test_groups_that_are_none(self) -> None:
        """They are refused when they are made, not when a topic comes."""
        for pattern in ("a::(()", "a::([)", "a::(*)", "a::(?a)", "a::(a{1,99999999999999})"):
            self.assertRaises(Malformed, expression, pattern)

    @given(st.text("ab.*()|+?{}^$:@<>-\\", max_size=20), st.text("ab.*()|+:@<>-", max_size=20))
    @settings(deadline=None, max_examples=150)
    def test_random_patterns(self, pattern: str, topic: str) -> None:
        """Any pattern is taken or refused."""
        try:
            self.assertIsInstance(matches(pattern, topic), bool)
        except Malformed as error:
            self.assertTrue(str(error))


class PatternsTests(SynchronousTestCase):
    """Many patterns."""

    def test_order(self) -> None:
        """The pattern that names a command comes before that of its orc, and that before one that names nobody."""
        patterns: Patterns[int] = Patterns()
        for value, pattern in enumerate(("*::*", "o@t::*", f"o@t::c.{UUID}.*", "*")):
            patterns[pattern] = value
        self.assertEqual(patterns.matching(f"o@t::c.{UUID}.finished"), [2, 1, 0, 3])

    def test_forgetting(self) -> None:
        """What was put in can be seen, replaced and taken out."""
        patterns: Patterns[int] = Patterns()
        patterns["a::*"] = 1
        patterns["a::*"] = 2
        self.assertEqual(("a::*" in patterns, patterns["a::*"], patterns.matching("a::b")), (True, 2, [2]))
        del patterns["a::*"]
        self.assertEqual(("a::*" in patterns, patterns.matching("a::b")), (False, []))
        self.assertRaises(KeyError, lambda: patterns["a::*"])
