"""The one binding to libsecp256k1: the raw cffi of btclib-secp256k1.

Chosen by measurement (``bench/binding.py``): it carries libsecp256k1 0.8, 8 % faster here than the older one inside
coincurve 21, it has wheels for every CPython from 3.11 on (coincurve has none for 3.14), and its ``ffi`` and ``lib`` are
public. Objects and functions of either package cost 20 to 30 % more, so the loops use ``lib`` themselves. Calls release the GIL;
``context`` is only ever read and may be shared by threads, buffers may not. A pointer made by ``ffi.new`` keeps nothing
else alive: whoever builds an array of pointers must hold what it points to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from btclib_secp256k1 import ffi as _ffi
from btclib_secp256k1 import lib as _lib
from btclib_secp256k1.context import ctx as _context

#: The cffi interface, the library and a randomised context; for the loops of this package only.
ffi: Any = _ffi
lib: Any = _lib
context: Any = _context

#: The functions of the loops, looked up once: an attribute of ``lib`` costs as much as a small call. Each takes ``context``
#: first and returns 0 where there is no result (off the curve, out of range, infinity).
ec_parse: Any = lib.secp256k1_ec_pubkey_parse
ec_serialize: Any = lib.secp256k1_ec_pubkey_serialize
ec_multiply: Any = lib.secp256k1_ec_pubkey_tweak_mul
ec_create: Any = lib.secp256k1_ec_pubkey_create
ec_combine: Any = lib.secp256k1_ec_pubkey_combine

#: Flags of ``ec_serialize``: 33 and 65 bytes.
COMPRESSED = 258
UNCOMPRESSED = 2

#: The order of the group: secrets are 1 … ORDER-1.
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def is_secret(secret: bytes) -> bool:
    """Whether these are 32 bytes that make a secret key: 1 … ORDER-1, big-endian."""
    return len(secret) == 32 and bool(lib.secp256k1_ec_seckey_verify(context, secret))


def parse(key: bytes) -> Any:
    """A native point from 33 compressed or 65 uncompressed bytes; ValueError if it is not on the curve."""
    point = ffi.new("secp256k1_pubkey *")
    if len(key) not in (33, 65) or not ec_parse(context, point, key, len(key)):
        raise ValueError("not a public key: no point of the curve")
    return point


def serialize(point: Any, flags: int = COMPRESSED) -> bytes:
    """The 33 (or, uncompressed, 65) bytes of a native point."""
    size = 33 if flags == COMPRESSED else 65
    output = ffi.new("unsigned char[]", size)
    ec_serialize(context, output, ffi.new("size_t *", size), point, flags)
    return bytes(ffi.buffer(output))


def is_point(key: bytes) -> bool:
    """Whether these are the 33 bytes of a point of the curve."""
    return len(key) == 33 and bool(ec_parse(context, ffi.new("secp256k1_pubkey *"), key, len(key)))


def compress(point: bytes) -> bytes:
    """The 33-byte form of 64 bytes x ‖ y; the point is not checked."""
    return (b"\x03" if point[63] & 1 else b"\x02") + point[:32]


def decompress(key: bytes) -> bytes:
    """The 64 bytes x ‖ y of a 33-byte key; ValueError if it is not on the curve."""
    return serialize(parse(key), UNCOMPRESSED)[1:]


def public_key(secret: bytes) -> bytes:
    """The 33-byte public key of a 32-byte secret; ValueError if that is out of range."""
    point = ffi.new("secp256k1_pubkey *")
    if len(secret) != 32 or not ec_create(context, point, secret):
        raise ValueError("not a secret key: it must be 32 bytes, from 1 to the order of the curve less 1")
    return serialize(point)


def add(keys: Iterable[bytes]) -> bytes:
    """The sum of 33-byte keys, in one step, so that a sum in between may be infinity; ValueError if the whole is."""
    points = [parse(key) for key in keys]
    total = ffi.new("secp256k1_pubkey *")
    pointers = ffi.new("secp256k1_pubkey *[]", points)
    if not points or not ec_combine(context, total, pointers, len(points)):
        raise ValueError("the keys add up to the point at infinity")
    return serialize(total)


def multiply(key: bytes, scalar: bytes) -> bytes:
    """``scalar`` times a 33-byte key, in variable time; ValueError if the scalar (32 bytes) is 0 or too large."""
    point = parse(key)
    if len(scalar) != 32 or not ec_multiply(context, point, scalar):
        raise ValueError("the factor must be 32 bytes, from 1 to the order of the curve less 1")
    return serialize(point)
