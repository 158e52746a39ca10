"""RIPEMD-160 for hosts whose OpenSSL leaves it out (3.0.0 to 3.0.6, FIPS builds); P2PKH inputs cannot be read without it.

Where hashlib has the function, it is used instead and this is only tested against it. Source: Dobbertin, Bosselaers,
Preneel, "RIPEMD-160: A Strengthened Version of RIPEMD", 1996.
"""

from __future__ import annotations

import struct

_MASK = 0xFFFFFFFF
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0)
_LEFT_CONSTANTS = (0x00000000, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E)
_RIGHT_CONSTANTS = (0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0x00000000)
#: Rotation of each message word (0…15) in each of the five rounds; the same for both lines.
_SHIFTS = (
    (11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8),
    (12, 13, 11, 15, 6, 9, 9, 7, 12, 15, 11, 13, 7, 8, 7, 7),
    (13, 15, 14, 11, 7, 7, 6, 8, 13, 14, 13, 12, 5, 5, 6, 9),
    (14, 11, 12, 14, 8, 6, 5, 5, 15, 12, 15, 14, 9, 9, 8, 6),
    (15, 12, 13, 13, 9, 5, 8, 6, 14, 11, 12, 11, 8, 6, 5, 5),
)
_PERMUTATION = (7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8)


def _orders(first: list[int]) -> list[list[int]]:
    orders = [first]
    for _ in range(4):
        orders.append([_PERMUTATION[word] for word in orders[-1]])
    return orders


_LEFT_ORDERS = _orders(list(range(16)))
_RIGHT_ORDERS = _orders([(9 * word + 5) % 16 for word in range(16)])


def _rotate(value: int, count: int) -> int:
    value &= _MASK
    return (value << count | value >> (32 - count)) & _MASK


def _mix(function: int, x: int, y: int, z: int) -> int:
    if function == 0:
        return x ^ y ^ z
    if function == 1:
        return (x & y) | (~x & z)
    if function == 2:
        return (x | (~y & _MASK)) ^ z
    if function == 3:
        return (x & z) | (y & ~z)
    return x ^ (y | (~z & _MASK))


def _line(
    state: tuple[int, ...], words: tuple[int, ...], orders: list[list[int]], constants: tuple[int, ...], left: bool
) -> tuple[int, ...]:
    a, b, c, d, e = state
    for number, order in enumerate(orders):
        function = number if left else 4 - number
        for word in order:
            total = a + _mix(function, b, c, d) + words[word] + constants[number]
            rotated = _rotate(total, _SHIFTS[number][word]) + e
            a, b, c, d, e = e, rotated & _MASK, b, _rotate(c, 10), d
    return a, b, c, d, e


def ripemd160(data: bytes) -> bytes:
    """The 20-byte RIPEMD-160 of ``data``."""
    padded = data + b"\x80" + b"\x00" * ((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    state: tuple[int, ...] = _START
    for start in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, start)
        left = _line(state, words, _LEFT_ORDERS, _LEFT_CONSTANTS, True)
        right = _line(state, words, _RIGHT_ORDERS, _RIGHT_CONSTANTS, False)
        state = tuple((state[(i + 1) % 5] + left[(i + 2) % 5] + right[(i + 3) % 5]) & _MASK for i in range(5))
    return struct.pack("<5I", *state)
