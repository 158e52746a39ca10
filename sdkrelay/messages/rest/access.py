"""Logging in for a bearer token, giving it back, and seeing what the relay makes of a client certificate."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta

from ...domain.access import Access
from ..message import Reply, Request
from ..values import BearerToken, Password


class IssueToken(Request, frozen=True, kw_only=True, tag="auth_token"):
    """Log in with a name and a password, for a bearer token. Ten attempts a minute from one address are taken."""

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "auth_token", "username": "admin", "password": "correct horse"}

    username: Annotated[str, Meta(min_length=1, max_length=64)]
    password: Password


class TokenIssued(Reply, frozen=True, kw_only=True, tag="token_issued"):
    """A bearer token, shown this once: ``expires_in`` is in seconds, ``expires_at`` in seconds since the epoch."""

    token: str
    token_type: str = "Bearer"
    expires_in: int
    expires_at: int
    roles: tuple[str, ...]


class RevokeToken(Request, frozen=True, kw_only=True, tag="auth_revoke"):
    """End a bearer token: the one in the body, else the one the request comes with. Whoever has a token may end it."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "auth_revoke", "token": "V0pXb3JkLW9mLWEtdXNlcg"}

    token: BearerToken | None = None


class TokenRevoked(Reply, frozen=True, kw_only=True, tag="token_revoked"):
    """The token does not hold any more."""

    status: str = "revoked"


class GetSecure(Request, frozen=True, kw_only=True, tag="get_secure"):
    """Show the client certificate of this connection as the relay sees it; 401 without one."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_secure"}


class Secure(Reply, frozen=True, kw_only=True, tag="secure"):
    """The certificate, and the roles its common name has here (none if the relay does not know that name).

    ``subject`` and ``issuer`` are distinguished names (RFC 4514), ``serial`` and ``fingerprint`` (SHA-256 of the
    certificate) hexadecimal, ``not_after`` seconds since the epoch.
    """

    subject: str
    issuer: str
    serial: str
    not_after: int
    fingerprint: str
    roles: tuple[str, ...]
