"""The relay's own description (NIP-11) and the management calls (NIP-86)."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from ...domain.nostr.event import UNREADABLE
from ...domain.nostr.refusal import invalid

INFORMATION_TYPE = "application/nostr+json"
MANAGEMENT_TYPE = "application/nostr+json+rpc"


class Limitation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The limits as they are enforced; None is not stated. Lengths in bytes, ``max_content_length`` in characters."""

    max_message_length: int | None = None
    max_subscriptions: int | None = None
    max_limit: int | None = None
    default_limit: int | None = None
    max_subid_length: int | None = None
    max_event_tags: int | None = None
    max_content_length: int | None = None
    min_pow_difficulty: int | None = None
    auth_required: bool | None = None
    payment_required: bool | None = None
    restricted_writes: bool | None = None
    created_at_lower_limit: int | None = None
    created_at_upper_limit: int | None = None


class Information(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document; None is left out. ``self_key`` is the relay's own public key, 64 hex characters."""

    name: str | None = None
    description: str | None = None
    banner: str | None = None
    icon: str | None = None
    pubkey: str | None = None
    self_key: str | None = msgspec.field(default=None, name="self")
    contact: str | None = None
    supported_nips: tuple[int, ...] = ()
    software: str | None = None
    version: str | None = None
    terms_of_service: str | None = None
    limitation: Limitation | None = None

    def encoded(self) -> bytes:
        """The document as JSON."""
        return msgspec.json.encode(self)


class ManagementCall(Struct, frozen=True):
    """A call of NIP-86: a method's name and its parameters, which that method checks."""

    method: str
    params: tuple[Any, ...] = ()


class ManagementReply(Struct, frozen=True, omit_defaults=True):
    """Its answer: a result, or in words why there is none."""

    result: Any = None
    error: str | None = None


def parse_management(body: bytes) -> ManagementCall:
    """The call in a request's body; Refusal (invalid) for anything else."""
    try:
        return msgspec.json.decode(body, type=ManagementCall)
    except UNREADABLE:
        raise invalid("expected a JSON object with method and params") from None
