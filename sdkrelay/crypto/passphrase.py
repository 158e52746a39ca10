"""A key from words somebody remembers: slow on purpose, so call this away from the reactor."""

from __future__ import annotations

from argon2.low_level import Type, hash_secret_raw

from .seal import KEY_SIZE

SALT_SIZE = 16

#: RFC 9106's second recommended option: three passes over 64 MiB, four lanes.
_PASSES, _KIBIBYTES, _LANES = 3, 65_536, 4


def key_of(passphrase: str, salt: bytes) -> bytes:
    """The 32-byte key of a passphrase by Argon2id (RFC 9106). ValueError for a salt that has not 16 bytes."""
    if len(salt) != SALT_SIZE:
        raise ValueError("a salt is 16 bytes")
    words = passphrase.encode("utf-8", "surrogatepass")
    return hash_secret_raw(words, salt, _PASSES, _KIBIBYTES, _LANES, KEY_SIZE, Type.ID)
