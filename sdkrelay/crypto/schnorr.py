"""Signatures of 64 bytes under 32-byte keys (BIP340), by which relays and their records, and Nostr events, are known.

All the arithmetic is libsecp256k1's, through the one binding; a check of a signature costs what the library costs and releases
the GIL. What is written to is made for each call, so that any thread may call.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .secp256k1 import context, ffi, lib

#: Sizes in bytes.
KEY_SIZE = 32
SIGNATURE_SIZE = 64

#: What marks the extra parameters of the library's signing function as filled in.
_MAGIC = b"\xda\x6f\xb3\x8c"
_SECRET = "not a secret key: it must be 32 bytes, from 1 to the order of the curve less 1"

_parse: Any = lib.secp256k1_xonly_pubkey_parse
_verify: Any = lib.secp256k1_schnorrsig_verify


def xonly(secret: bytes) -> bytes:
    """The 32-byte public key, the x of its point, of a 32-byte secret; ValueError if that is out of range."""
    point = ffi.new("secp256k1_xonly_pubkey *")
    lib.secp256k1_keypair_xonly_pub(context, point, ffi.NULL, _pair(secret))
    output = ffi.new("unsigned char[32]")
    lib.secp256k1_xonly_pubkey_serialize(context, output, point)
    return bytes(ffi.buffer(output))


def is_xonly(key: bytes) -> bool:
    """Whether these are the 32 bytes of a public key: the x of a point of the curve."""
    return len(key) == KEY_SIZE and bool(_parse(context, ffi.new("secp256k1_xonly_pubkey *"), key))


def sign(secret: bytes, message: bytes, auxiliary: bytes) -> bytes:
    """The 64 bytes that sign a message of any length; ``auxiliary`` is 32 fresh random bytes. ValueError for a bad secret."""
    if len(auxiliary) != 32:
        raise ValueError("the auxiliary randomness of a signature must be 32 bytes")
    signature = ffi.new("unsigned char[64]")
    noise = ffi.new("unsigned char[32]", auxiliary)
    extra = ffi.new("secp256k1_schnorrsig_extraparams *", {"magic": _MAGIC, "noncefp": ffi.NULL, "ndata": noise})
    lib.secp256k1_schnorrsig_sign_custom(context, signature, message, len(message), _pair(secret), extra)
    return bytes(ffi.buffer(signature))


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether 64 bytes are the signature of a message under a 32-byte key; False for whatever is malformed."""
    if len(key) != KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        return False
    point = _point(key)
    return point is not None and bool(_verify(context, signature, message, len(message), point))


@lru_cache(maxsize=256)
def _point(key: bytes) -> Any:
    """The point of a key, which the library only reads; None if it has none. Many signatures in a row are of few keys."""
    point = ffi.new("secp256k1_xonly_pubkey *")
    return point if _parse(context, point, key) else None


def _pair(secret: bytes) -> Any:
    pair = ffi.new("secp256k1_keypair *")
    if len(secret) != KEY_SIZE or not lib.secp256k1_keypair_create(context, pair, secret):
        raise ValueError(_SECRET)
    return pair
