"""Multiples of the generator from a table of half a megabyte: what every row of a scan needs once.

Adding 32 points in one call takes two thirds of the time of ``ec_create``, a tenth of the whole scan (``bench/scan.py``).
The time depends on the scalar's bytes by the cache: for tweaks, never for secret keys.
"""

from __future__ import annotations

import sys
from functools import cache

from .secp256k1 import ORDER, context, ec_combine, ec_create, ffi

_PLACES = 32
_POINT = ffi.sizeof("secp256k1_pubkey")
_POINTER = ffi.sizeof("void *")
#: Where the least significant byte of a pointer is.
_LOW = 0 if sys.byteorder == "little" else _POINTER - 1
#: No entry may be infinity, so that each digit counts one too much; the last place takes the sum of these back.
_EXCESS = sum(256**place for place in range(_PLACES))


class _Table:
    """For each of 32 bytes, most significant first, its 256 multiples of the generator.

    ``bases`` is one number made of the addresses of the 32 parts, as an array of pointers has them in memory.
    """

    def __init__(self) -> None:
        self._points = ffi.new("secp256k1_pubkey[]", _PLACES * 256)
        for place in range(_PLACES):
            self._fill(place)
        parts = [int(ffi.cast("uintptr_t", self._points + 256 * place)) for place in range(_PLACES)]
        self.bases = int.from_bytes(b"".join(part.to_bytes(_POINTER, sys.byteorder) for part in parts), sys.byteorder)

    def _fill(self, place: int) -> None:
        excess = _EXCESS if place == _PLACES - 1 else 0
        for digit in range(256):
            scalar = ((digit + 1) * 256 ** (_PLACES - 1 - place) - excess) % ORDER
            ec_create(context, self._points + (256 * place + digit), scalar.to_bytes(32, "big"))


@cache
def _table() -> _Table:
    """Made when first needed, in a tenth of a second; only read afterwards, by all threads."""
    return _Table()


class GeneratorMultiple:
    """The native ``point`` that is a scalar times the generator, replaced by each call; one thread's."""

    def __init__(self) -> None:
        self.point = ffi.new("secp256k1_pubkey *")
        self._table = _table()
        self._bases = self._table.bases
        self._digits = bytearray(_PLACES * _POINTER)
        self._low_bytes = memoryview(self._digits)[_LOW::_POINTER]
        self._terms = ffi.new(f"secp256k1_pubkey *[{_PLACES}]")
        self._term_bytes = ffi.buffer(self._terms)

    def become(self, scalar: bytes) -> bool:
        """Set the point for 32 bytes, taken modulo the order; False if that is zero. ValueError for another length."""
        self._low_bytes[:] = scalar
        addresses = self._bases + _POINT * int.from_bytes(self._digits, sys.byteorder)
        self._term_bytes[:] = addresses.to_bytes(_PLACES * _POINTER, sys.byteorder)
        return bool(ec_combine(context, self.point, self._terms, _PLACES))
