"""What relays say of themselves to each other, and answers to ``sync`` as they come in: that, or the next frame of a comparison."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType, field

from ...domain.access import Access
from ..message import Request
from ..native.relays import MessageId, RelayId, SyncKind, SyncPayload
from ..rest.relays import RelayCondition, RelayConfiguration


class PeerPayload(SyncPayload, frozen=True, kw_only=True):
    """What a relay says of itself to another: with its state, also its configuration and how its parts are."""

    configuration: RelayConfiguration | UnsetType = UNSET
    condition: RelayCondition | UnsetType = UNSET


class SyncAnswered(Request, frozen=True, kw_only=True, tag="sync_response"):
    """The answer to a ``sync``; what is in ``payload`` is looked at by whoever asked."""

    ACCESS: ClassVar[Access] = Access.RELAY
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "sync_response",
        "sync_type": "ReconcileSync",
        "relay_id": "relay-2",
        "payload": {"session": "s-1", "frame": "YQAAAg=="},
        "message_id": "msg-5f0c9a2be1d4",
        "in_reply_to": "msg-123",
    }

    sync_type: SyncKind
    relay_id: RelayId
    payload: dict[str, Any] = field(default_factory=dict)
    message_id: MessageId | None = None
    in_reply_to: MessageId | None = None
