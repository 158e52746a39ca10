"""A large sorted set of timestamps and 32-byte ids of which any range is found, counted and summed quickly.

Reconciliation asks for the sum of ids between two bounds thousands of times a frame, while records come and go. So the set is
a list of short blocks of packed keys, each with the sum of its ids: a change rewrites one block, and a sealed view of a
million items is a copy of the list of blocks, with running sums from block to block.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

#: A key is a timestamp, 8 bytes big-endian, and an id, 32 bytes: keys sort as their bytes do.
KEY_SIZE = 40
ID_SIZE = 32
STAMP_SIZE = 8
#: So many keys a block has at most: short enough to be summed in microseconds, long enough that a million make a short list.
BLOCK = 32
#: Timestamps are below this, which stands for infinity in bounds.
INFINITE = 2**64 - 1

_BYTES = BLOCK * KEY_SIZE


def pack(timestamp: int, identifier: bytes) -> bytes:
    """The 40-byte key of an item; ValueError unless 0 ≤ timestamp < 2^64 - 1 and the id has 32 bytes."""
    if not 0 <= timestamp < INFINITE or len(identifier) != ID_SIZE:
        raise ValueError("an item is a timestamp below 2^64 - 1 and an id of 32 bytes")
    return timestamp.to_bytes(STAMP_SIZE, "big") + identifier


class Items:
    """A sealed view: items are counted from 0 in the order of (timestamp, id)."""

    def __init__(self, blocks: Sequence[bytes], firsts: Sequence[bytes], totals: Sequence[int]) -> None:
        self._blocks = tuple(blocks)
        self._firsts = tuple(firsts)
        self._starts = tuple(accumulate((len(block) // KEY_SIZE for block in blocks), initial=0))
        self._sums = tuple(accumulate(totals, initial=0))

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, bytes]]) -> Items:
        """The view of (timestamp, id) pairs in any order; doubles count once. ValueError for what is no item."""
        return ItemSet(pairs).seal()

    def __len__(self) -> int:
        return self._starts[-1]

    def find(self, bound: bytes) -> int:
        """How many items come before a bound: a timestamp of 8 bytes and any first part of an id."""
        place = bisect_right(self._firsts, bound) - 1
        if place < 0:
            return 0
        return self._starts[place] + _offset(self._blocks[place], bound)

    def key(self, index: int) -> bytes:
        """The 40 bytes of one item."""
        place = bisect_right(self._starts, index) - 1
        start = (index - self._starts[place]) * KEY_SIZE
        return self._blocks[place][start : start + KEY_SIZE]

    def ids(self, lower: int, upper: int) -> list[bytes]:
        """The ids of the items ``lower`` … ``upper - 1``."""
        if lower >= upper:
            return []
        first, last = (bisect_right(self._starts, index) - 1 for index in (lower, upper - 1))
        start, end = ((index - self._starts[first]) * KEY_SIZE for index in (lower, upper))
        keys = b"".join(self._blocks[first : last + 1])[start:end]
        return [keys[place : place + ID_SIZE] for place in range(STAMP_SIZE, len(keys), KEY_SIZE)]

    def sum_before(self, index: int) -> int:
        """The sum, not reduced, of the ids of all items before one, as little-endian numbers."""
        place = bisect_right(self._starts, index) - 1
        if place == len(self._blocks):
            return self._sums[-1]
        block, offset = self._blocks[place], (index - self._starts[place]) * KEY_SIZE
        # From the nearer end of the block: half as many additions.
        if 2 * offset <= len(block):
            return self._sums[place] + _sum(block, 0, offset)
        return self._sums[place + 1] - _sum(block, offset, len(block))


class ItemSet:
    """The set as it changes."""

    def __init__(self, pairs: Iterable[tuple[int, bytes]] = ()) -> None:
        keys = b"".join(sorted({pack(timestamp, identifier) for timestamp, identifier in pairs}))
        self._blocks = [keys[start : start + _BYTES] for start in range(0, len(keys), _BYTES)]
        self._firsts = [block[:KEY_SIZE] for block in self._blocks]
        self._totals = [_sum(block, 0, len(block)) for block in self._blocks]
        self._sealed: Items | None = None
        self._size = len(keys) // KEY_SIZE

    def __len__(self) -> int:
        return self._size

    def seal(self) -> Items:
        """The set as it is now, which later changes leave alone; the same object until then."""
        if self._sealed is None:
            self._sealed = Items(self._blocks, self._firsts, self._totals)
        return self._sealed

    def add(self, timestamp: int, identifier: bytes) -> bool:
        """Put an item in; False if it is there already. ValueError for what is no item."""
        key = pack(timestamp, identifier)
        place, offset, found = self._locate(key)
        if found:
            return False
        block = self._blocks[place] if self._blocks else b""
        at_end = place >= len(self._blocks) - 1 and offset == len(block)
        parts = _parts(block[:offset] + key + block[offset:], at_end)
        if block and len(parts) == 1:
            # Nearly always: the sum of the block's other ids is known.
            self._blocks[place], self._firsts[place] = parts[0], parts[0][:KEY_SIZE]
            self._totals[place] += int.from_bytes(identifier, "little")
            self._sealed = None
        else:
            self._replace(place, parts)
        self._size += 1
        return True

    def add_all(self, pairs: Iterable[tuple[int, bytes]]) -> None:
        """Put many items in at once, which rewrites each block once. ValueError for what is no item."""
        keys = sorted({pack(timestamp, identifier) for timestamp, identifier in pairs})
        # From the end on, so that what is put in does not move the blocks that are still to be looked for.
        while keys:
            place = max(0, bisect_right(self._firsts, keys[-1]) - 1)
            begin = bisect_left(keys, self._firsts[place]) if place else 0
            self._merge(place, keys[begin:])
            del keys[begin:]

    def _merge(self, place: int, keys: list[bytes]) -> None:
        """Put sorted keys into the block that they belong in."""
        block = self._blocks[place] if self._blocks else b""
        held = [block[start : start + KEY_SIZE] for start in range(0, len(block), KEY_SIZE)]
        merged = sorted({*held, *keys})
        self._size += len(merged) - len(held)
        joined = b"".join(merged)
        self._replace(place, [joined[start : start + _BYTES] for start in range(0, len(joined), _BYTES)])

    def discard(self, timestamp: int, identifier: bytes) -> bool:
        """Take an item out; False if it is not there. ValueError for what is no item."""
        place, offset, found = self._locate(pack(timestamp, identifier))
        if not found:
            return False
        block = self._blocks[place]
        rest = block[:offset] + block[offset + KEY_SIZE :]
        self._replace(place, [rest] if rest else [])
        self._size -= 1
        return True

    def _locate(self, key: bytes) -> tuple[int, int, bool]:
        """Which block a key belongs in, at which of its bytes, and whether it is there."""
        place = max(0, bisect_right(self._firsts, key) - 1)
        block = self._blocks[place] if self._blocks else b""
        offset = _offset(block, key) * KEY_SIZE
        return place, offset, block[offset : offset + KEY_SIZE] == key

    def _replace(self, place: int, parts: list[bytes]) -> None:
        self._blocks[place : place + 1] = parts
        self._firsts[place : place + 1] = [part[:KEY_SIZE] for part in parts]
        self._totals[place : place + 1] = [_sum(part, 0, len(part)) for part in parts]
        self._sealed = None


def _parts(block: bytes, at_end: bool) -> list[bytes]:
    """A block, in two where it is too long: in halves, or full and new where the set grows at its end."""
    if len(block) <= _BYTES:
        return [block]
    middle = _BYTES if at_end else BLOCK // 2 * KEY_SIZE
    return [block[:middle], block[middle:]]


def _offset(block: bytes, bound: bytes) -> int:
    """How many keys of a block come before a bound."""
    places = range(0, len(block), KEY_SIZE)
    return bisect_left(places, bound, key=lambda place: block[place : place + KEY_SIZE])


def _sum(block: bytes, start: int, end: int) -> int:
    places = range(start + STAMP_SIZE, end, KEY_SIZE)
    return sum([int.from_bytes(block[place : place + ID_SIZE], "little") for place in places])
