"""Reconciliation: both sides learn all of the difference, whatever it is, in small frames; garbage is refused."""

from __future__ import annotations

import random
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.reconcile import COMPARED, FRUITLESS, LISTED, VERSION, Items, MalformedFrame, Reconciler

LIMITS = st.sampled_from([4096, 5000, 16_384, 60_000])
Pairs = list[tuple[int, bytes]]


def pairs(source: random.Random, count: int, spread: int) -> Pairs:
    """Random items with timestamps below a number."""
    return [(source.randrange(spread), source.randbytes(32)) for _ in range(count)]


def reconcile(ours: Pairs, theirs: Pairs, limit: int = 60_000) -> tuple[list[bytes], list[bytes], list[int]]:
    """What the side that asks learns to have and to need, and the sizes of all frames."""
    asking, answering = Reconciler(Items.of(ours), limit), Reconciler(Items.of(theirs), limit)
    have: list[bytes] = []
    need: list[bytes] = []
    sizes: list[int] = []
    frame: bytes | None = asking.initiate()
    while frame is not None:
        answer = answering.respond(frame)
        sizes += [len(frame), len(answer)]
        frame, more, missing = asking.proceed(answer)
        have, need = have + more, need + missing
    return sorted(have), sorted(need), sizes


def only(first: Pairs, second: Pairs) -> list[bytes]:
    """The ids that the first has alone."""
    return sorted({identifier for _, identifier in first} - {identifier for _, identifier in second})


class ReconciliationTests(SynchronousTestCase):
    """Two honest sides."""

    @settings(deadline=None, max_examples=60)
    @given(st.integers(), st.integers(0, 2000), st.integers(0, 300), st.integers(0, 300), st.integers(1, 3000), LIMITS)
    def test_random_sets(self, seed: int, shared: int, left: int, right: int, spread: int, limit: int) -> None:
        """Each side's own items are found, once, and no frame is longer than it may be."""
        source = random.Random(seed)
        base, one, other = (pairs(source, count, spread) for count in (shared, left, right))
        have, need, sizes = reconcile(base + one, base + other, limit)
        self.assertEqual((have, need), (only(one, other), only(other, one)))
        self.assertLessEqual(max(sizes), limit)

    def test_same_timestamp(self) -> None:
        """Items of one millisecond whose ids begin alike are told apart by their ids."""
        ids = [bytes(20) + sha256(bytes([high, low])).digest()[:12] for high in range(8) for low in range(250)]
        ours, theirs = [(7, each) for each in ids[:-3]], [(7, each) for each in ids[5:]]
        self.assertEqual(reconcile(ours, theirs)[:2], (sorted(ids[:5]), sorted(ids[-3:])))

    def test_equal_sets_cost_little(self) -> None:
        """One round, and 21 bytes, however many items there are."""
        for count in (0, 1, 31, 5000):
            items = pairs(random.Random(1), count, 10**6)
            self.assertEqual(reconcile(items, items), ([], [], [20, 1]))

    def test_an_empty_side(self) -> None:
        """Everything against nothing goes in steps: a frame shows so many items and no more."""
        items = pairs(random.Random(2), 2 * COMPARED, 10**6)
        self.assertEqual(reconcile(items, [])[:2], (only(items, []), []))
        self.assertEqual(reconcile(items, [])[1], [])
        asking = Reconciler(Items.of(items))
        listed = asking.initiate()[:3] + b"\x02\x00"
        following, have, _ = asking.proceed(listed)
        self.assertTrue(following)
        self.assertEqual(have, [])
        self.assertGreater(len(items), LISTED)

    def test_frames_may_not_be_tiny(self) -> None:
        """A limit in which no step might fit is refused."""
        self.assertRaises(ValueError, Reconciler, Items.of([]), 4095)


class FrameTests(SynchronousTestCase):
    """Frames as they are written, and what is none."""

    def setUp(self) -> None:
        """Two sides with some items."""
        self.items = Items.of(pairs(random.Random(3), 500, 10**6))
        self.one = Items.of([(5, b"\x01" + bytes(31)), (5, b"\x02" + bytes(31))])

    def test_the_first_frame(self) -> None:
        """The version, one range to infinity, and the fingerprint: SHA-256 of the sum and the count, shortened."""
        total = (3).to_bytes(32, "little")
        expected = bytes([VERSION, 0, 0, 1]) + sha256(total + b"\x02").digest()[:16]
        self.assertEqual(Reconciler(self.one).initiate(), expected)

    def test_a_list(self) -> None:
        """A list of ids is answered with ours."""
        frame = bytes([VERSION, 0, 0, 2, 0])
        listed = bytes([VERSION, 0, 0, 2, 2, 1]) + bytes(31) + b"\x02" + bytes(31)
        self.assertEqual(Reconciler(self.one).respond(frame), listed)
        self.assertEqual(Reconciler(self.one).proceed(listed), (None, [], []))

    def test_bounds(self) -> None:
        """Timestamps count on from the one before, and first parts of ids divide items of one timestamp."""
        ask = bytes([VERSION, 6, 1, 2, 2, 0, 1, 1, 3, 2, 0])
        answer = bytes([VERSION, 6, 1, 2, 2, 1, 1]) + bytes(31) + bytes([1, 1, 3, 2, 1, 2]) + bytes(31)
        self.assertEqual(Reconciler(self.one).respond(ask), answer)

    def test_another_version(self) -> None:
        """Who speaks another version is told ours alone; who asked in ours and is answered so refuses."""
        for frame in (b"\x62", b"\x60" + bytes(40), b"\xff"):
            self.assertEqual(Reconciler(self.items).respond(frame), bytes([VERSION]))
            self.assertRaises(MalformedFrame, Reconciler(self.items).proceed, frame)

    def test_garbage_is_refused(self) -> None:
        """Frames that end too early, run backwards, or name what there is not."""
        bad = (
            b"", b"\x61\x01", b"\x61\x00\x00", b"\x61\x00\x00\x03", b"\x61\x00\x21" + bytes(40), b"\x61\x00\x00\x01" + bytes(15),
            b"\x61\x00\x00\x02\x01" + bytes(31), b"\x61\x80", b"\x61" + b"\xff" * 10 + b"\x00", b"\x61\x00\x00\x00\x01\x00\x00",
            b"\x61\x02\x01\x05\x00\x01\x01\x04\x00", b"\x61\x00\x00\x02\xff\xff\xff\xff\x7f", b"\x61" + b"\x80" * 50_000,
        )  # fmt: skip
        for frame in bad:
            self.assertRaises(MalformedFrame, Reconciler(self.items).respond, frame)
            self.assertRaises(MalformedFrame, Reconciler(self.items).proceed, frame)

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=400) | st.lists(st.sampled_from([0, 1, 2, 3, 128]), max_size=200).map(bytes))
    def test_random_bytes(self, content: bytes) -> None:
        """Whatever arrives is answered within the limit, or refused in the one way."""
        for step in (Reconciler(self.items).respond, lambda frame: Reconciler(self.items).proceed(frame)[0] or b""):
            try:
                self.assertLessEqual(len(step(b"\x61" + content)), 60_000)
            except MalformedFrame as refusal:
                self.assertIsInstance(refusal, ValueError)

    def test_who_only_goes_on_is_refused(self) -> None:
        """A side whose fingerprints never fit, and that never shows an id, is not followed for ever."""
        asking, frame = Reconciler(self.items), bytes([VERSION, 0, 0, 1]) + bytes(16)
        with self.assertRaises(MalformedFrame):
            for _ in range(FRUITLESS + 1):
                self.assertIsNotNone(asking.proceed(frame)[0])

    def test_many_ranges_make_bounded_work(self) -> None:
        """A frame of nothing but tiny ranges is answered in part; the rest is asked again with one fingerprint."""
        frame = b"\x61" + b"\x02\x00\x02\x00" * 15_000
        answer = Reconciler(self.items).respond(frame)
        self.assertLess(len(answer), 60_000)
        self.assertEqual(answer[-19:-16], b"\x00\x00\x01")
