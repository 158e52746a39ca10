"""Records: what is signed, what is refused on arrival, and which of several counts."""

from __future__ import annotations

from hashlib import sha256
from itertools import permutations
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.schnorr import xonly
from sdkrelay.domain.canonical import canonical
from sdkrelay.domain.clock import reading
from sdkrelay.domain.record import BadRecord, Record, Sort, is_same, verify, winner

SECRET = b"\x07" * 32
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def made(**fields: Any) -> Record:
    """A signed record."""
    plain = Record(
        Sort.MESSAGE, "relay-1", xonly(SECRET), "user:alice", "m", b'{"a":1}', reading(1_700_000_000_123, 4), 60
    )
    return evolve(plain, **fields).signed(SECRET, bytes(32))


class RecordTests(SynchronousTestCase):
    """One record."""

    def test_its_id(self) -> None:
        """SHA-256 of the canonical form of all that it says but the signature."""
        record = made()
        said = {name: value for name, value in record.wire().items() if name not in ("record_id", "signature")}
        self.assertEqual(record.record_id, sha256(canonical(said)).digest())
        self.assertEqual(evolve(record, signature=b"").record_id, record.record_id)

    @settings(deadline=None, max_examples=60)
    @given(
        TEXT, TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=3), st.integers(0, 2**63 - 1), st.integers(1, 2_592_000)
    )
    def test_it_travels(self, origin: str, author: str, name: str, content: Any, hlc: int, ttl: int) -> None:
        """What is sent is what arrives, and its signature holds."""
        record = made(origin=origin, author=author, message_id=name, content=canonical(content), hlc=hlc, ttl=ttl)
        arrived = Record.parse(record.wire())
        self.assertEqual((arrived, arrived.record_id), (record, record.record_id))
        self.assertEqual(Record.read(record.text()), record)
        self.assertTrue(verify(arrived))

    def test_its_times(self) -> None:
        """It lives from the second in which it was made."""
        record = made()
        self.assertEqual(
            (record.milliseconds, record.made_at, record.expires_at), (1_700_000_000_123, 1_700_000_000, 1_700_000_060)
        )

    def test_what_is_changed_does_not_hold(self) -> None:
        """Another origin, author, content or time under the same signature, or another's key."""
        record = made()
        for change in (
            {"origin": "relay-2"},
            {"author": "user:bob"},
            {"content": b"{}"},
            {"hlc": 5},
            {"key": xonly(b"\x08" * 32)},
        ):
            self.assertFalse(verify(evolve(record, **change)))
        self.assertRaises(ValueError, evolve(record, key=xonly(b"\x08" * 32)).signed, SECRET, bytes(32))

    def test_a_lie_about_the_id_is_refused(self) -> None:
        """The id is computed, not believed."""
        self.assertRaises(BadRecord, Record.parse, {**made().wire(), "record_id": "00" * 32})
        self.assertRaises(BadRecord, Record.parse, {**made().wire(), "ttl": 61})

    def test_what_is_no_record(self) -> None:
        """Members that are missing, too many, of another kind, too long or out of range."""
        good = made().wire()
        wrong: list[dict[str, Any]] = [
            {"kind": "other"}, {"kind": 1}, {"origin": ""}, {"origin": "x" * 129}, {"origin": "\ud800"}, {"key": "0G" * 32},
            {"key": "AA" * 32}, {"key": "00" * 31}, {"author": "x" * 257}, {"author": None}, {"message_id": "x" * 129},
            {"content": []}, {"content": None}, {"content": {"x": 2**60}}, {"content": {"x": "y" * 65_536}}, {"hlc": 5},
            {"hlc": "05"}, {"hlc": "-1"}, {"hlc": "٥"}, {"hlc": str(2**63)}, {"hlc": ""}, {"ttl": 0}, {"ttl": True},
            {"ttl": 2_592_001}, {"ttl": 1.5}, {"signature": "00"}, {"signature": 5}, {"record_id": 5}, {"more": 1},
        ]  # fmt: skip
        for change in wrong:
            self.assertRaises(BadRecord, Record.parse, {**good, **change})
        for text in ("", "[]", "1", "[" * 9_999, b"\xff", '{"record_id": 1}', "{}"):
            self.assertRaises(BadRecord, Record.read, text)
        for name in good:
            self.assertRaises(BadRecord, Record.parse, {key: value for key, value in good.items() if key != name})


class WinnerTests(SynchronousTestCase):
    """Several records under one name."""

    def test_an_author_corrects_itself(self) -> None:
        """Of one author's the highest reading counts, and of equal ones the highest id."""
        records = [made(hlc=hlc, content=canonical({"a": number})) for hlc, number in ((5, 1), (9, 2), (9, 3))]
        expected = max(records, key=lambda record: (record.hlc, record.record_id))
        self.assertEqual({winner(order) for order in permutations(records)}, {expected})

    def test_nobody_overwrites_another(self) -> None:
        """The first author keeps the name, however late the other's record is, in whatever order they arrive."""
        records = [
            made(hlc=5),
            made(hlc=7, author="user:bob"),
            made(hlc=9, content=b'{"a":2}'),
            made(hlc=11, author="user:bob"),
        ]
        self.assertEqual({winner(order) for order in permutations(records)}, {records[2]})

    def test_of_none(self) -> None:
        """Without records nothing counts."""
        self.assertIsNone(winner([]))

    def test_the_same_again(self) -> None:
        """The same content by the same author is the same, whenever it was said; another author's is not."""
        self.assertTrue(is_same(made(), made(hlc=5, ttl=7)))
        self.assertFalse(is_same(made(), made(author="user:bob")))
        self.assertFalse(is_same(made(), made(content=b"{}")))
