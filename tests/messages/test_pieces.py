"""A large JSON object taken apart: the same members as when it is read as a whole."""

from __future__ import annotations

import json
from typing import Any

import ijson
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.messages.catalog import MAX_PARTS
from sdkrelay.messages.message import Malformed, NotJson
from sdkrelay.messages.pieces import Pieces

LEAVES = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


def members(text: bytes) -> list[tuple[str, Any]]:
    """What comes of a text."""
    pieces = Pieces()
    return [member for event, value in ijson.basic_parse(text) for member in pieces.feed(event, value)]


def flat(whole: dict[str, Any]) -> list[tuple[str, Any]]:
    """Members as they should come: items of lists one by one."""
    return [(name, item) for name, value in whole.items() for item in (value if isinstance(value, list) else [value])]


class PiecesTests(SynchronousTestCase):
    """Whatever the object holds."""

    @settings(deadline=None, max_examples=200)
    @given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5))
    def test_nothing_is_lost_or_added(self, whole: dict[str, Any]) -> None:
        """In the order of the text, nested values whole."""
        self.assertEqual(members(json.dumps(whole).encode()), flat(whole))

    def test_no_object(self) -> None:
        """Lists, words and numbers are refused at their first event."""
        for text in (b"[]", b'"a"', b"1", b"null", b"[[{}]]"):
            self.assertRaises(NotJson, members, text)

    def test_an_item_has_a_bound(self) -> None:
        """Broad or deep; what the lists hold together has none."""
        broad = json.dumps({"a": [{"b": [0] * MAX_PARTS}]}).encode()
        deep = b'{"a":[' + b"[" * (MAX_PARTS + 2)
        for text in (broad, deep):
            self.assertRaises(Malformed, lambda text=text: self._fed(text))
        self.assertEqual(len(members(json.dumps({"a": [[0]] * MAX_PARTS * 2}).encode())), MAX_PARTS * 2)

    def _fed(self, text: bytes) -> None:
        pieces = Pieces()
        events: Any = ijson.sendable_list()
        ijson.basic_parse_coro(events).send(text)
        for event, value in events:
            pieces.feed(event, value)
