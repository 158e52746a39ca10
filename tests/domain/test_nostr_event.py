"""Events: read exactly, identified and verified, and served as the seven fields."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import schnorr
from sdkrelay.domain.nostr.event import canonical, found_id, parse_event, require_genuine
from sdkrelay.domain.nostr.refusal import Prefix, Refusal
from sdkrelay.domain.nostr.signing import sign_event
from tests.support.nostr import compact, real_events, unsigned

FIELDS = ("id", "pubkey", "created_at", "kind", "tags", "content", "sig")
GOOD = json.loads(unsigned(tags=(("e", "x"), (), ("t",)), content='a "quoted" \u2028 text').encoded())


class RealEventsTests(SynchronousTestCase):
    """The events of others, as they stood on relays."""

    def test_all_are_accepted(self) -> None:
        """Shape, id and signature of each are right, whatever order and spacing its members have."""
        for members in real_events():
            require_genuine(parse_event(compact(members)))
            require_genuine(parse_event(json.dumps(members).encode()))

    def test_they_come_back_to_the_letter(self) -> None:
        """What is served has exactly the seven fields, each as it was."""
        for members in real_events():
            served = json.loads(parse_event(compact(members)).encoded())
            self.assertEqual(served, {name: members[name] for name in FIELDS})
            self.assertEqual(tuple(served), FIELDS)

    def test_one_changed_letter_is_noticed(self) -> None:
        """An event with other content has another id, and with another id another signature."""
        for members in real_events()[:50]:
            altered = parse_event(compact({**members, "content": members["content"] + "."}))
            self.assertRaises(Refusal, require_genuine, altered)
            adapted = parse_event(compact({**json.loads(altered.encoded()), "id": altered.computed_id()}))
            self.assertRaises(Refusal, require_genuine, adapted)


class ShapeTests(SynchronousTestCase):
    """What is no event, and what is one all the same."""

    def refused(self, raw: bytes) -> Refusal:
        """The refusal, which is always of one kind."""
        refusal: Refusal = self.assertRaises(Refusal, parse_event, raw)
        self.assertEqual(refusal.prefix, Prefix.INVALID)
        return refusal

    def test_wrong_values_are_refused(self) -> None:
        """Uppercase or short hex, floats, booleans, numbers out of range, tags that are no lists of strings."""
        wrong: dict[str, list[Any]] = {
            "id": [GOOD["id"].upper().replace("0", "A"), GOOD["id"][:-1], GOOD["id"] + "00", " " * 64, 5, None],
            "pubkey": ["AA" * 32, "0" * 63 + " ", ""],
            "sig": ["0" * 127, "0" * 126 + "\u0660\u0660", "F" * 128],
            "created_at": [1.0, True, "1", -1, 2**63, None],
            "kind": [-1, 65536, 1.5, False],
            "tags": [None, {}, ["e"], [[1]], [[None]], "e"],
            "content": [None, 1, []],
        }
        for name, values in wrong.items():
            for value in values:
                self.refused(compact({**GOOD, name: value}))

    def test_a_missing_member_is_refused(self) -> None:
        """Each of the seven is needed."""
        for name in FIELDS:
            self.refused(compact({other: GOOD[other] for other in FIELDS if other != name}))

    def test_other_spellings_of_a_number_are_refused(self) -> None:
        """No exponent, no leading zero, no NaN."""
        for spelling in (b"1e3", b"10.0", b"010", b"NaN", b"1" * 40):
            self.refused(compact(GOOD).replace(b'"created_at":10', b'"created_at":' + spelling))

    def test_a_name_that_stands_twice_is_refused(self) -> None:
        """Also where the bytes are as long as another event's, and also among members that nobody knows."""
        raw = compact(GOOD)
        self.refused(raw[:-1] + b',"kind":1}')
        self.refused(raw[:-1] + b',"x":1,"x":2}')
        self.refused(b'{"kind":7,' + raw[1:])

    def test_what_is_no_json_is_refused(self) -> None:
        """Lone surrogates, bare control characters, bytes that are no UTF-8, arrays without end."""
        for content in (b'"\\ud800"', b'"\x01"', b'"\xff"', b"[" * 100_000, b'"'):
            self.refused(compact({**GOOD, "content": 0}).replace(b'"content":0', b'"content":' + content))

    def test_further_members_are_dropped(self) -> None:
        """They do not matter, and nobody else sees them."""
        event = parse_event(compact({**GOOD, "seen": [1, {"on": "x"}]}))
        self.assertEqual(json.loads(event.encoded()), GOOD)

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
    def test_random_bytes_are_refused_in_one_way(self, raw: bytes) -> None:
        """Whatever comes, nothing but a refusal is raised."""
        self.refused(raw)

    @settings(deadline=None, max_examples=100)
    @given(st.text(), st.lists(st.lists(st.text(max_size=5), max_size=3), max_size=3))
    def test_any_text_survives(self, content: str, tags: list[list[str]]) -> None:
        """All characters of Unicode that JSON can carry come back, and the id is that of the canonical form."""
        event = unsigned(content=content, tags=tuple(map(tuple, tags)))
        self.assertEqual(parse_event(event.encoded()), event)
        self.assertEqual(event.computed_id(), event.id)


class CanonicalTests(SynchronousTestCase):
    """The bytes that are hashed."""

    def test_escapes_are_as_everybody_writes_them(self) -> None:
        """Short escapes where JSON has them, other control characters in lowercase hex, all else as it is."""
        text = '\n"\\\r\t\b\f\x00\x1f\x7f\u2028/é😀'
        expected = '[0,"k",1,2,[["t","x"]],"\\n\\"\\\\\\r\\t\\b\\f\\u0000\\u001f\x7f\u2028/é😀"]'
        self.assertEqual(canonical("k", 1, 2, (("t", "x"),), text).decode(), expected)

    def test_what_is_signed_verifies(self) -> None:
        """An event made here is genuine, and its author the key's owner."""
        secret = bytes(31) + b"\x07"
        event = sign_event(secret, bytes(32), kind=1, created_at=5, content="x", tags=(("t", "y"),))
        require_genuine(event)
        self.assertEqual(event.pubkey, schnorr.xonly(secret).hex())


class FoundIdTests(SynchronousTestCase):
    """The id in what is no event."""

    def test_an_id_is_found_in_broken_bytes(self) -> None:
        """So that an OK can name it; uppercase too, since that is what its sender waits for."""
        for event_id in ("ab" * 32, "AB" * 32):
            raw = f'["EVENT",{{ "id" :\n"{event_id}","content":"\\ud800'.encode()
            self.assertEqual(found_id(raw), event_id)

    def test_nothing_else_is_taken_for_one(self) -> None:
        """Neither short ones nor those inside of a text."""
        for raw in (b'{"id":"abcd"}', b"", b'{"content":"{\\"id\\":\\"' + b"ab" * 32 + b'\\"}"}'):
            self.assertIsNone(found_id(raw))
