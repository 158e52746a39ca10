"""The hashes of this package: BIP340 tagged ones as midstates, HASH160, and the digest that makes an index comparable.

A midstate is copied for every message, which costs half of hashing the tag again.
"""

from __future__ import annotations

import hashlib

from .ripemd160 import ripemd160
from .secp256k1 import compress


def tagged(tag: str) -> hashlib._Hash:
    """SHA-256 after it has read a tag twice (BIP340); copy it, never update it."""
    return hashlib.sha256(hashlib.sha256(tag.encode()).digest() * 2)


def _native_ripemd160() -> hashlib._Hash | None:
    try:
        return hashlib.new("ripemd160", usedforsecurity=False)
    except ValueError:
        return None


_RIPEMD160 = _native_ripemd160()


def hash160(data: bytes) -> bytes:
    """RIPEMD-160 of SHA-256, 20 bytes: how scripts name a public key."""
    inner = hashlib.sha256(data).digest()
    if _RIPEMD160 is None:
        return ripemd160(inner)
    outer = _RIPEMD160.copy()
    outer.update(inner)
    return outer.digest()


def block_digest(tweaks: bytes) -> bytes:
    """SHA-256 over the 33-byte tweaks of a block, in block order, given as 64 bytes x ‖ y each; ValueError if cut short."""
    if len(tweaks) % 64:
        raise ValueError("tweaks are 64 bytes each")
    return hashlib.sha256(
        b"".join([compress(tweaks[start : start + 64]) for start in range(0, len(tweaks), 64)])
    ).digest()
