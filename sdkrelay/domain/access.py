"""What a request asks of whoever sends it, so that one gate can decide for every door."""

from __future__ import annotations

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

    RELAY = "relay"
    """Between relays: after both have proved which relays they are; nobody else may ask it."""

    OPERATOR = "operator"
    """Changes the relay or shows what is nobody else's business: the role ``operator`` only."""


class Role(StrEnum):
    """What somebody may do who has said who they are."""

    READER = "reader"
    OPERATOR = "operator"


@frozen
class Principal:
    """Who asks, once that is proved: a name (``loopback`` for whoever sits at the machine) and its roles.

    ``token_hash`` is that of the bearer token it was proved by, if it was one.
    """

    name: str
    roles: frozenset[Role]
    token_hash: bytes | None = field(default=None, repr=False)


@frozen
class Certificate:
    """A client's certificate, issued by an authority that the relay trusts.

    ``subject`` and ``issuer`` are distinguished names (RFC 4514), ``serial`` and ``fingerprint`` (SHA-256) hexadecimal,
    ``not_after`` seconds since the epoch.
    """

    common_name: str
    subject: str
    issuer: str
    serial: str
    not_after: int
    fingerprint: str


@frozen
class Login:
    """A name and the password that is said to go with it."""

    name: str
    password: str = field(repr=False)


@frozen
class Approach:
    """How somebody came, as the door saw it: only the certificate proves something by itself.

    ``address`` is who connected; ``local`` says that it is a direct connection from this machine, and none that a web page
    or a proxy can have made. ``token_hash`` and ``login`` are what was sent along with a request that stands alone.
    """

    address: str = ""
    local: bool = False
    certificate: Certificate | None = None
    token_hash: bytes | None = field(default=None, repr=False)
    login: Login | None = None


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
