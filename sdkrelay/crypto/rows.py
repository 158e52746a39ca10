"""Many rows of the index at once: every step of the scan is done for a whole batch before the next one begins.

Then a step is one loop inside the interpreter (``map`` over a C function), which leaves next to nothing between two
calls. That spares time, and two threads that scan meet each other at the interpreter's lock once a batch instead of
at every call (``bench/scan.py``).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

from .derivation import SHARED_SECRET
from .generator import PLACES, GeneratorTable, generator_table
from .secp256k1 import COMPRESSED, context, ec_combine, ec_multiply, ec_parse, ec_serialize, ffi

#: Rows in a batch: enough to make the steps long, few enough for their buffers to stay in the nearest cache.
BATCH = 128


class _Items:
    """So many native items beside each other: ``pointers`` to each, ``bytes`` of all."""

    def __init__(self, kind: str, size: int) -> None:
        self._memory = ffi.new(f"{kind}[]", BATCH * size)
        self.pointers = [self._memory + place * size for place in range(BATCH)]
        self.bytes = ffi.buffer(self._memory)


class Rows:
    """The native buffers of one thread for scanning batches with one secret and some spend keys.

    ``spend_points`` are native points; they are kept alive here.
    """

    def __init__(self, secret: Any, spend_points: Sequence[Any]) -> None:
        self._secret = secret
        self._spend_points = spend_points
        self._table: GeneratorTable = generator_table()
        self._uncompressed = _Items("unsigned char", 65)
        self._messages = _Items("unsigned char", 37)
        self._keys = _Items("unsigned char", 33)
        self._points = _Items("secp256k1_pubkey", 1)
        self._tweaks = _Items("secp256k1_pubkey", 1)
        self._terms = _Items("secp256k1_pubkey *", PLACES)
        self._pairs = _Items("secp256k1_pubkey *", 2)
        self._size = ffi.new("size_t *", 33)
        self._make_pairs()

    def _make_pairs(self) -> None:
        """Let the first of each pair be the row's tweak; the second is the spend point in turn."""
        self._pair_addresses = memoryview(self._pairs.bytes).cast("B").cast("Q")
        self._pair_addresses[::2] = array("Q", map(_address, self._tweaks.pointers))
        self._spend_addresses = [array("Q", [_address(point)]) * BATCH for point in self._spend_points]

    def first_prefixes(self, tweaks: bytes) -> Iterator[list[bytes]]:
        """For each spend point, the first 8 bytes of the output key for k = 0 of each row.

        ``tweaks`` is 64 bytes x ‖ y a row, of at most :data:`BATCH` rows. ValueError for one that is not on the curve.
        """
        count = len(tweaks) // 64
        self._share(tweaks, count)
        self._hash(count)
        for addresses in self._spend_addresses:
            self._pair_addresses[1::2] = addresses
            _each(ec_combine, self._points.pointers, self._pairs.pointers[:count], repeat(2))
            yield self._prefixes(count)

    def _share(self, tweaks: bytes, count: int) -> None:
        """The shared secret of each row, 33 bytes, to its message, before the four zero bytes of k = 0."""
        rows = [tweaks[start : start + 64] for start in range(0, 64 * count, 64)]
        self._uncompressed.bytes[: 65 * count] = b"\x04" + b"\x04".join(rows)
        points = self._points.pointers[:count]
        if not all(map(ec_parse, repeat(context), points, self._uncompressed.pointers, repeat(65))):
            raise ValueError("a tweak is not a point of the curve")
        _each(ec_multiply, points, repeat(self._secret))
        _each(ec_serialize, self._messages.pointers[:count], repeat(self._size), points, repeat(COMPRESSED))

    def _hash(self, count: int) -> None:
        """The tweak of each row times the generator."""
        messages, digests = self._messages.bytes[: 37 * count], []
        for start in range(0, 37 * count, 37):
            state = SHARED_SECRET.copy()
            state.update(messages[start : start + 37])
            digests.append(state.digest())
        terms = b"".join(map(self._table.terms, digests))
        self._terms.bytes[: len(terms)] = terms
        _each(ec_combine, self._tweaks.pointers[:count], self._terms.pointers, repeat(PLACES))

    def _prefixes(self, count: int) -> list[bytes]:
        """The first 8 bytes of the x of each point."""
        points = self._points.pointers[:count]
        _each(ec_serialize, self._keys.pointers, repeat(self._size), points, repeat(COMPRESSED))
        keys = self._keys.bytes[: 33 * count]
        return [keys[start : start + 8] for start in range(1, 33 * count, 33)]


def _address(pointer: Any) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _each(function: Any, *arguments: Any) -> None:
    """Call a function of the curve for each row; what has no result (a chance of 2^-128) leaves zeros."""
    list(map(function, repeat(context), *arguments))
