"""Passwords, kept as Argon2id (RFC 9106) hashes: slow on purpose, so call these away from the reactor.

Names that nobody has are answered as slowly as those of users, so that nobody learns by a clock who there is.
"""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SALT_SIZE = 16

#: RFC 9106's second recommended option: 64 MiB, three passes, four lanes.
_hasher = PasswordHasher()
#: Salt of the hash that is made for a name nobody has.
_NOBODY = bytes(SALT_SIZE)


def hash_password(password: str, salt: bytes) -> str:
    """The hash as it is kept, with its parameters and its 16 bytes of salt in it."""
    return _hasher.hash(password, salt=salt)


def password_fits(password: str, kept: str | None) -> bool:
    """Whether the password is the one that was hashed; None stands for a user who does not exist, and takes as long."""
    if kept is None:
        _hasher.hash(password, salt=_NOBODY)
        return False
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
