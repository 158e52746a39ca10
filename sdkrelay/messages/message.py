"""The bases of all messages: a message is a class, its tag the wire name, its fields the validation.

Beside its fields a request states its policy: who may send it (``ACCESS``), what it costs a sender's allowance (``COST``),
and a whole ``EXAMPLE``, which documentation shows and tests send.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from msgspec import UNSET, Struct, UnsetType

from ..domain.access import Access
from ..domain.problem import Code, Problem
from .values import RequestId

R = TypeVar("R", bound="Reply")


class Message(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Anything sent in either direction."""

    EXAMPLE: ClassVar[dict[str, Any]] = {}

    @classmethod
    def wire_name(cls) -> str:
        """Its ``type`` on the wire."""
        return str(cls.__struct_config__.tag)


class Request(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Something a client or another relay asks; ``id`` comes back with the answer. Unknown fields are ignored."""

    ACCESS: ClassVar[Access]
    COST: ClassVar[int]

    id: RequestId | None = None

    def carries_private_keys(self) -> bool:
        """Whether it holds a private key, which is taken over protected connections only."""
        return False


class Reply(Message, frozen=True, kw_only=True):
    """Something the relay says; the door that sends it puts in ``id`` (the request's) and ``timestamp`` (seconds)."""

    id: str | UnsetType = UNSET
    timestamp: int = 0


class RawReply(Reply, frozen=True, kw_only=True):
    """Bytes that are ready as they are, of their own media type; the HTTP door sends them instead of JSON."""

    content_type: str
    body: bytes


class Malformed(Problem):
    """Bytes that are no message: not JSON, or JSON that breaks the schema; ``request_id`` is what could be read of it."""

    def __init__(self, code: Code, message: str, request_id: str | None = None, **details: Any) -> None:
        super().__init__(code, message, **details)
        self.request_id = request_id


class NotJson(Malformed):
    """Not even parseable."""


class UnknownType(Malformed):
    """Well formed, but this relay has no such request."""
