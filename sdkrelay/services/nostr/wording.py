"""What a notification says to a person, in one sentence."""

from __future__ import annotations

from typing import Any

import msgspec

from ...domain.notification import Entry, Kind

_SENTENCES = {
    Kind.PAYMENT_DETECTED: "You were paid {amount} BTC ({place}).",
    Kind.PAYMENT_CONFIRMED: "A payment of {amount} BTC to you is confirmed ({place}).",
    Kind.PAYMENT_SPENT: "{amount} BTC of yours were spent ({place}).",
    Kind.PAYMENT_UNSPENT: "{amount} BTC of yours are not spent after all: the transaction was undone.",
    Kind.PAYMENT_ORPHANED: "A payment of {amount} BTC to you was undone: it is in no block and not waiting for one.",
    Kind.ADDRESS_REUSED: "{amount} BTC came to an output key of yours that had been paid before ({place}).",
}


def sentence(entry: Entry) -> str:
    """The notification in words."""
    data: dict[str, Any] = msgspec.json.decode(entry.body)
    if entry.kind is Kind.PAYMENT_UPDATE:
        return f"The payment you expect as {data.get('payment_id')} is {data.get('status')}."
    height = data.get("block_height")
    place = "not in a block yet" if height is None else f"in block {height}"
    return _SENTENCES[entry.kind].format(amount=data.get("amount"), place=place)


def is_told(kind: Kind) -> bool:
    """Whether owners of wallets are told of this kind."""
    return kind in _SENTENCES or kind is Kind.PAYMENT_UPDATE
