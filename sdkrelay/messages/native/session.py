"""Opening a conversation, proving which wallets one has, and seeing that the other side is there."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, UnsetType, field

from ...config.tuning import Fallback
from ...domain.access import Access
from ..mesh.greeting import RelayAnswer, RelayGreeting
from ..message import Message, Reply, Request
from ..values import BearerToken, ClientTime, PositionText, WalletToken, Word, Words
from .encryption import EncryptionAnswer, EncryptionOffer

_TOKENS = Annotated[tuple[WalletToken, ...], Meta(max_length=1000)]


class Handshake(Request, frozen=True, kw_only=True, tag="handshake"):
    """The first message of a client.

    ``capabilities`` are its first subscriptions: ``notifications``, or ``silent_payments`` (payments and blocks); unknown
    ones are ignored. ``since``, a position from an earlier push (or a time, see ``subscribe``), replays what these
    subscriptions missed. ``wallet_tokens`` say which registered wallets this client is; ``token`` is an operator's or another
    user's bearer token (one that does not hold is a refusal); ``network``, if given, must be the relay's. ``version`` "1.0"
    gets ISO-8601 times, ``success`` for ``accepted`` and ``block_notification`` for a new block; any other gets integer
    seconds. ``encryption`` asks that all that follows be encrypted (see ``encrypted_message``). ``relay`` is the greeting of
    another relay, which proves itself next.
    """

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "handshake",
        "client_id": "my-client-123",
        "version": "1.0.0",
        "capabilities": ["silent_payments"],
        "timestamp": 1703001600,
    }

    client_id: Annotated[str, Meta(max_length=128)] | None = None
    version: Word | None = None
    capabilities: Words = ()
    timestamp: ClientTime | None = None
    network: Word | None = None
    token: BearerToken | None = None
    wallet_tokens: _TOKENS = ()
    since: PositionText | None = None
    encryption: EncryptionOffer | None = None
    relay: RelayGreeting | None = None


class HandshakeResponse(Reply, frozen=True, kw_only=True, tag="handshake_response"):
    """Whether the conversation is open.

    ``status`` is ``accepted``, or ``rejected`` with a ``reason`` (the socket then closes with 1008). ``capabilities`` lists
    what is really offered, ``subscriptions`` what this session now hears, ``wallet_ids`` the wallets it holds,
    ``roles`` what its user may do (``reader``, ``operator``), ``position`` from where it may ask again later. ``fallback``,
    where the operator names any, are the relays to turn to when this one is away, and after how many milliseconds. ``relay``
    answers another relay's greeting; without it this relay takes no relays.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "handshake_response",
        "timestamp": 1703001600,
        "status": "accepted",
        "relay_id": "relay-1",
        "version": "0.1.0",
        "server_version": "0.1.0",
        "network": "signet",
        "capabilities": ["notifications", "silent_payments", "scan"],
        "session_id": "b7c1d0e09a3f4a55",
        "subscriptions": ["payments", "blocks"],
        "wallet_ids": [],
        "roles": [],
        "position": "5f0c9a2be1d4-17",
    }

    status: str
    relay_id: str
    version: str
    server_version: str
    network: str
    capabilities: tuple[str, ...]
    session_id: str
    subscriptions: tuple[str, ...] = ()
    wallet_ids: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    position: str | None = None
    fallback: Fallback | UnsetType = UNSET
    encryption: EncryptionAnswer | UnsetType = UNSET
    relay: RelayAnswer | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Authenticate(Request, frozen=True, kw_only=True, tag="authenticate"):
    """Prove later what the handshake could have proved: who this is, and which wallets it may see.

    All tokens or none are taken.
    """

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "authenticate",
        "id": "a1",
        "wallet_tokens": ["V0pXb3JkLW9mLWEtd2FsbGV0"],
    }

    token: BearerToken | None = None
    wallet_tokens: _TOKENS = ()


class Authenticated(Reply, frozen=True, kw_only=True, tag="authenticated"):
    """The wallets this session holds now, and the roles of its user."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "authenticated",
        "id": "a1",
        "timestamp": 1703001600,
        "wallet_ids": ["6b1f0c2d9e8a7755"],
        "roles": [],
    }

    wallet_ids: tuple[str, ...]
    roles: tuple[str, ...] = ()


class Ping(Request, frozen=True, kw_only=True, tag="ping"):
    """Is anybody there?"""

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "ping", "client_id": "my-client-123", "timestamp": 1703001600}

    client_id: Annotated[str, Meta(max_length=128)] | None = None
    timestamp: ClientTime | None = None


class Pong(Reply, frozen=True, kw_only=True, tag="pong"):
    """Yes; ``ping_timestamp`` is the ping's own ``timestamp``."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "pong",
        "timestamp": 1703001601,
        "relay_id": "relay-1",
        "ping_timestamp": 1703001600,
    }

    relay_id: str
    ping_timestamp: ClientTime | UnsetType = UNSET


class Error(Message, frozen=True, kw_only=True, tag="error"):
    """A refusal: ``error_code`` is one of a closed set.

    ``details`` name the ``field``, its ``value`` (never a secret) and what was ``expected``.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "error",
        "id": "s7",
        "error_code": "VALIDATION_ERROR",
        "message": "from_block: Expected `int` >= 0",
        "details": {"field": "from_block", "value": -1, "expected": "`int` >= 0"},
    }

    id: str | UnsetType = UNSET
    error_code: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)
