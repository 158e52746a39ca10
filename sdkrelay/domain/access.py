"""What a request asks of whoever sends it, so that one gate can decide for every door."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from attrs import field, frozen


class Access(StrEnum):
    """How far a conversation must have come before a request is taken."""

    OPEN = "open"
    """At any time, before a handshake too."""

    GREETED = "greeted"
    """After an accepted handshake; over HTTP, where every request stands alone, at any time."""

    READ = "read"
    """As GREETED; where ``auth.public_read`` is off, only for those who have a role."""

    OPERATOR = "operator"
    """Changes the relay or shows what is nobody else's business: the role ``operator`` only."""


class Role(StrEnum):
    """What somebody may do who has said who they are."""

    READER = "reader"
    OPERATOR = "operator"


@frozen
class Principal:
    """Who asks, once that is proved: a name (``loopback`` for whoever sits at the machine) and its roles."""

    name: str
    roles: frozenset[Role]


def token_hash(token: str) -> bytes:
    """What is kept of a token: its SHA-256; tokens are random and long, so no salt is needed."""
    return hashlib.sha256(token.encode()).digest()


@frozen
class User:
    """Somebody with a password: a name, its Argon2 hash (which is not printed), roles, seconds since the epoch."""

    name: str
    password_hash: str = field(repr=False)
    roles: frozenset[Role]
    created_at: int


@frozen
class AccessToken:
    """A bearer token as it is kept: its SHA-256, whose it is, what it allows, and from when to when (seconds since the epoch)."""

    token_hash: bytes = field(repr=False)
    user: str
    roles: frozenset[Role]
    issued_at: int
    expires_at: int
    revoked_at: int | None = None

    def holds(self, now: float) -> bool:
        """Whether it may be used at this time."""
        return self.revoked_at is None and now < self.expires_at
