"""The sorted set behind reconciliation, against a plain list of the same items."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.items import BLOCK, INFINITE, Items, ItemSet, pack

PAIRS = st.tuples(st.integers(0, 6), st.integers(0, 60).map(lambda number: number.to_bytes(32, "little")))
#: Whether an item is put in, or taken out.
CHANGES = st.lists(st.tuples(st.booleans(), PAIRS), max_size=300)


def total(pairs: list[tuple[int, bytes]]) -> int:
    """The sum of ids as little-endian numbers."""
    return sum(int.from_bytes(identifier, "little") for _, identifier in pairs)


class ItemsTests(SynchronousTestCase):
    """Finding, counting and summing."""

    @settings(deadline=None, max_examples=60)
    @given(st.lists(PAIRS, max_size=300), PAIRS)
    def test_as_a_sorted_list(self, pairs: list[tuple[int, bytes]], bound: tuple[int, bytes]) -> None:
        """Ids, sums and places are those of the sorted list, wherever a range begins and ends."""
        items, expected = Items.of(pairs), sorted(set(pairs))
        self.assertEqual(len(items), len(expected))
        self.assertEqual(items.find(pack(*bound)), sum(pair < bound for pair in expected))
        for index in range(0, len(expected) + 1, 7):
            self.assertEqual(items.sum_before(index), total(expected[:index]))
            self.assertEqual(items.ids(index, len(items)), [identifier for _, identifier in expected[index:]])
        self.assertEqual([items.key(index) for index in range(len(items))], [pack(*pair) for pair in expected])

    @settings(deadline=None, max_examples=60)
    @given(CHANGES)
    def test_changes(self, changes: list[tuple[bool, tuple[int, bytes]]]) -> None:
        """A set that changed item by item is the set made at once, and says of each change whether it was one."""
        changed, expected = ItemSet(), set[tuple[int, bytes]]()
        for put, pair in changes:
            self.assertEqual((changed.add if put else changed.discard)(*pair), (pair in expected) != put)
            (expected.add if put else expected.discard)(pair)
        sealed = changed.seal()
        self.assertEqual(len(changed), len(expected))
        self.assertEqual(sealed.ids(0, len(sealed)), [identifier for _, identifier in sorted(expected)])
        self.assertEqual(sealed.sum_before(len(sealed)), total(sorted(expected)))

    @settings(deadline=None, max_examples=60)
    @given(st.lists(PAIRS, max_size=300), st.lists(st.lists(PAIRS, max_size=100), max_size=4))
    def test_many_at_once(self, first: list[tuple[int, bytes]], more: list[list[tuple[int, bytes]]]) -> None:
        """A set that many items are put into at once, some of them there already, is the set made of all."""
        changed, expected = ItemSet(first), set(first)
        for pairs in more:
            changed.add_all(pairs)
            expected |= set(pairs)
        sealed = changed.seal()
        self.assertEqual((len(changed), len(sealed)), (len(expected), len(expected)))
        self.assertEqual(
            [sealed.key(index) for index in range(len(sealed))], [pack(*pair) for pair in sorted(expected)]
        )
        self.assertEqual(sealed.sum_before(len(sealed)), total(sorted(expected)))

    def test_a_sealed_view_stays(self) -> None:
        """What changes afterwards changes nothing in it; without a change it is the same."""
        changed = ItemSet((stamp, bytes(32)) for stamp in range(3 * BLOCK))
        sealed = changed.seal()
        self.assertIs(changed.seal(), sealed)
        changed.add(0, b"\x01" * 32)
        changed.discard(5, bytes(32))
        self.assertEqual((len(sealed), len(changed.seal())), (3 * BLOCK, 3 * BLOCK))
        self.assertEqual(sealed.ids(0, 2), [bytes(32)] * 2)

    def test_no_items(self) -> None:
        """The timestamp of infinity, negative ones and ids of another length are refused."""
        for pair in ((INFINITE, bytes(32)), (-1, bytes(32)), (0, bytes(31)), (0, bytes(33))):
            self.assertRaises(ValueError, Items.of, [pair])
            self.assertRaises(ValueError, ItemSet().add, *pair)
            self.assertRaises(ValueError, ItemSet().add_all, [pair])
