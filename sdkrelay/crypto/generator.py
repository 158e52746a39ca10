"""Multiples of the generator from a table of half a megabyte: what every row of a scan needs once.

Adding 32 points in one call takes two thirds of the time of ``ec_create``, a tenth of the whole scan (``bench/scan.py``).
The time depends on the scalar's bytes by the cache: for tweaks, never for secret keys.
"""

from __future__ import annotations

import sys
from functools import cache

from .secp256k1 import ORDER, context, ec_create, ffi

#: So many points add up to a multiple: one for each byte of the scalar.
PLACES = 32

_POINT = ffi.sizeof("secp256k1_pubkey")
_POINTER = ffi.sizeof("void *")
#: Where the least significant byte of a pointer is.
_LOW = 0 if sys.byteorder == "little" else _POINTER - 1
#: No entry may be infinity, so that each digit counts one too much; the last place takes the sum of these back.
_EXCESS = sum(256**place for place in range(PLACES))


class GeneratorTable:
    """For each of 32 bytes, most significant first, its 256 multiples of the generator; only read once made."""

    def __init__(self) -> None:
        self._points = ffi.new("secp256k1_pubkey[]", PLACES * 256)
        for place in range(PLACES):
            self._fill(place)
        parts = [int(ffi.cast("uintptr_t", self._points + 256 * place)) for place in range(PLACES)]
        # one number made of the addresses of the 32 parts, as an array of pointers has them in memory
        self._bases = int.from_bytes(b"".join(part.to_bytes(_POINTER, sys.byteorder) for part in parts), sys.byteorder)

    def _fill(self, place: int) -> None:
        excess = _EXCESS if place == PLACES - 1 else 0
        for digit in range(256):
            scalar = ((digit + 1) * 256 ** (PLACES - 1 - place) - excess) % ORDER
            ec_create(context, self._points + (256 * place + digit), scalar.to_bytes(32, "big"))

    def terms(self, scalar: bytes) -> bytes:
        """An array of 32 pointers to points whose sum is the scalar, 32 bytes, times the generator.

        They are valid as long as the table. ValueError for another length.
        """
        if len(scalar) != PLACES:
            raise ValueError("a scalar is 32 bytes")
        digits = bytearray(PLACES * _POINTER)
        digits[_LOW::_POINTER] = scalar
        addresses: int = self._bases + _POINT * int.from_bytes(digits, sys.byteorder)
        return addresses.to_bytes(PLACES * _POINTER, sys.byteorder)


@cache
def generator_table() -> GeneratorTable:
    """The table, made when first needed, in a tenth of a second, and shared by all threads."""
    return GeneratorTable()
