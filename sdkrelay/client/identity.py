"""What a notification is about, whichever relay tells it: so that what two relays tell is given once."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

#: Types of messages that stand in a relay's log and have a position.
NEWS = frozenset({"notification", "payment_update"})
#: Beside the kind, what tells two notifications about one output apart.
_OUTPUT_EVENTS = {
    "payment_detected": (),
    "payment_confirmed": ("block_hash",),
    "payment_orphaned": ("block_hash",),
    "payment_spent": ("spent_by", "block_hash"),
    "payment_unspent": ("spent_by", "block_hash"),
    "address_reused": ("first_txid", "block_hash"),
}
_UPDATE = ("status", "txid", "vout", "block_hash", "confirmations")


def identity_of(message: dict[str, Any]) -> str | None:
    """The same text for the same notification from any relay, None for one that is about the relay itself.

    A payment that is found again after a reorganisation has the same identity again: what a program writes under it should be
    the latest, not the first.
    """
    about = about_of(message)
    return None if about is None else "/".join(about)


def about_of(message: dict[str, Any]) -> tuple[str, str] | None:
    """Its subject (an output, a block, an expected payment, a message) and the event, both as digests in hex."""
    if message.get("type") == "payment_update":
        return _digest("expected", message.get("payment_id")), _digest(*(message.get(name) for name in _UPDATE))
    kind, data = message.get("notification_type"), message.get("data")
    if not isinstance(kind, str) or not isinstance(data, dict):
        return None
    if kind in _OUTPUT_EVENTS:
        output = _digest("output", data.get("wallet_id"), data.get("txid"), data.get("vout"))
        return output, _digest(kind, *(data.get(name) for name in _OUTPUT_EVENTS[kind]))
    if kind in ("block_mined", "block_disconnected"):
        return _digest("block", data.get("block_hash")), _digest(kind)
    if kind == "sync_message":
        return _digest("message", data.get("message_id")), _digest(kind, data.get("content"))
    return None


def _digest(*words: Any) -> str:
    return sha256(msgspec.json.encode(words, order="deterministic")).hexdigest()[:24]
