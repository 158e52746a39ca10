"""Canonical JSON: the order, the numbers and the strings of RFC 8785, and what has no such form."""

from __future__ import annotations

import json
import math

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.canonical import NotCanonical, canonical, quoted

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


class CanonicalTests(SynchronousTestCase):
    """One form, whoever writes it."""

    @settings(deadline=None, max_examples=200)
    @given(VALUES)
    def test_it_comes_back(self, value: object) -> None:
        """What is read again is the same value, and its form is the same bytes, with either decoder."""
        text = canonical(value)
        self.assertEqual(json.loads(text, parse_int=float), value)
        self.assertEqual(canonical(json.loads(text)), text)
        self.assertEqual(canonical(msgspec.json.decode(text)), text)

    def test_members_are_sorted_by_code_units(self) -> None:
        """A character beyond 65,535 comes before one just below, because it begins with a surrogate."""
        value = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7}
        names = list(json.loads(canonical(value)))
        self.assertEqual(names, ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"])

    def test_strings(self) -> None:
        """The short escapes, four digits in lower case for other control characters, everything else as it is."""
        self.assertEqual(
            canonical('\b\t\n\f\r"\\/\x0f\x7f€\u2028😀'), '"\\b\\t\\n\\f\\r\\"\\\\/\\u000f\x7f€\u2028😀"'.encode()
        )
        self.assertEqual(quoted("\x1f"), '"\\u001f"')

    def test_numbers(self) -> None:
        """As ECMAScript writes them: no exponent from a millionth up to below 10^21, no zeros and no sign that say nothing."""
        said = {
            -0.0: "0", 1.0: "1", -1.5: "-1.5", 4.50: "4.5", 1e20: "1" + "0" * 20, 1e21: "1e+21", 1.5e16: "15" + "0" * 15,
            -1e16: "-1" + "0" * 16, 1e-6: "0.000001", -1.25e-5: "-0.0000125", 1e-7: "1e-7", 1.5e-7: "1.5e-7", 5e-324: "5e-324",
            1.7976931348623157e308: "1.7976931348623157e+308", 9007199254740993.0: "9007199254740992",
            0.1 + 0.2: "0.30000000000000004",
        }  # fmt: skip
        self.assertEqual({number: canonical(number).decode() for number in said}, said)

    def test_whole_numbers(self) -> None:
        """Those that doubles count, and larger ones that a double is written as; others would change on their way."""
        for number in (0, -7, 2**53, -(2**53), 10**20, 1152921504606847000):
            self.assertEqual(canonical(number), str(number).encode())
        for number in (2**53 + 1, 2**60, -(2**60), 10**21, 10**400, -(10**5000)):
            self.assertRaises(NotCanonical, canonical, number)

    def test_what_is_no_json(self) -> None:
        """NaN, infinity, half a pair of surrogates, names that are no strings, other types and endless nesting."""
        endless: list[object] = []
        endless.append(endless)
        for value in (math.nan, math.inf, -math.inf, "\ud800", {"\udfff": 1}, {1: 2}, b"", {1}, object(), endless):
            self.assertRaises(NotCanonical, canonical, value)
        self.assertTrue(issubclass(NotCanonical, ValueError))

    def test_nesting_has_a_bound(self) -> None:
        """Sixty-four levels, whatever there is beside and however deep the caller stands; brackets in strings are none."""
        deep: object = "[" * 100
        for level in range(64):
            deep = {"a": deep, "b": 1} if level % 2 else [deep, 1]
        self.assertIn(b"[[[[", canonical(deep))
        self.assertRaises(NotCanonical, canonical, [deep])
