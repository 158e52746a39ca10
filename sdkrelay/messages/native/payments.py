"""Payments that somebody expects: recorded, looked at, and told of when they come, are confirmed, or go away again."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from ...domain.access import Access
from ..message import Message, Reply, Request
from ..values import Address, Hash, PageCursor, PageLimit
from .wallets import EXAMPLE_ADDRESS, EXAMPLE_HASH

_TXID = "5a3f0b1c9d2e4f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8"

#: What the client calls a payment.
PaymentId = Annotated[str, Meta(min_length=1, max_length=128)]
#: Satoshi, up to all there can be.
Sats = Annotated[int, Meta(ge=1, le=2_100_000_000_000_000)]
#: A time in seconds since the epoch.
Time = Annotated[int, Meta(ge=0, le=253_402_300_799)]


class CreatePayment(Request, frozen=True, kw_only=True, tag="create_payment"):
    """Expect a payment to ``recipient``, a silent payment address, plain or with a label.

    It is followed while the address belongs to a wallet this relay watches; until one is registered it stays ``pending``. It
    is fulfilled by an output found from now on that pays the address this amount, or with ``txid`` by that transaction
    whatever it pays and whenever it was found; every output fulfils one payment, the one recorded first. It is ``detected``
    from the mempool on and ``confirmed`` with ``confirmations_required`` blocks. Without ``expires_at`` (seconds since the
    epoch) it expires after 30 days. ``metadata`` is any object of at most 4096 bytes. A ``payment_id`` has one meaning on a
    relay: the same request again has the first answer, another is a ``CONFLICT``.
    """

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "create_payment",
        "id": "p1",
        "payment_id": "pay_12345",
        "amount_sats": 100000,
        "recipient": EXAMPLE_ADDRESS,
        "metadata": {"description": "Order 7"},
        "confirmations_required": 1,
    }

    payment_id: PaymentId
    amount_sats: Sats
    recipient: Address
    metadata: Annotated[dict[str, Any], Meta(max_length=64)] = field(default_factory=dict)
    confirmations_required: Annotated[int, Meta(ge=1, le=1000)] = 1
    txid: Hash | None = None
    expires_at: Time | None = None


class PaymentCreated(Reply, frozen=True, kw_only=True, tag="payment_created"):
    """The payment is recorded; how it stands later is told by ``payment_update`` to subscribers of ``payments``."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "payment_created",
        "id": "p1",
        "timestamp": 1703001600,
        "payment_id": "pay_12345",
        "status": "pending",
        "amount_sats": 100000,
        "recipient": EXAMPLE_ADDRESS,
        "confirmations_required": 1,
        "created_at": 1703001600,
        "expires_at": 1705593600,
    }

    payment_id: str
    status: str
    amount_sats: int
    recipient: str
    confirmations_required: int
    created_at: int
    expires_at: int


class PaymentItem(Struct, frozen=True, kw_only=True):
    """One payment as it stands.

    ``status`` is ``pending``, ``detected``, ``confirmed``, ``orphaned`` or ``expired``. ``txid``, ``vout`` and
    ``received_sats`` are null until an output was found for it, the block fields while that is in no block; ``confirmations``
    counts its block and those on top in this relay's index.
    """

    payment_id: str
    status: str
    recipient: str
    amount_sats: int
    amount: str
    received_sats: int | None
    metadata: dict[str, Any]
    txid: str | None
    vout: int | None
    block_height: int | None
    block_hash: str | None
    confirmations: int
    confirmations_required: int
    created_at: int
    updated_at: int
    expires_at: int


_ITEM: dict[str, Any] = {
    "payment_id": "pay_12345",
    "status": "confirmed",
    "recipient": EXAMPLE_ADDRESS,
    "amount_sats": 100000,
    "amount": "0.001",
    "received_sats": 100000,
    "metadata": {"description": "Order 7"},
    "txid": _TXID,
    "vout": 0,
    "block_height": 200417,
    "block_hash": EXAMPLE_HASH,
    "confirmations": 3,
    "confirmations_required": 1,
    "created_at": 1703001600,
    "updated_at": 1703002200,
    "expires_at": 1705593600,
}


class GetPayment(Request, frozen=True, kw_only=True, tag="get_payment"):
    """One payment that this session, or its user, recorded, or that is to a wallet it holds."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_payment", "id": "p2", "payment_id": "pay_12345"}

    payment_id: PaymentId


class Payment(Reply, frozen=True, kw_only=True, tag="payment"):
    """The payment as it stands; ``status`` and the others are as in ``payments``."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "payment", "id": "p2", "timestamp": 1703002300, **_ITEM}

    payment_id: str
    status: str
    recipient: str
    amount_sats: int
    amount: str
    received_sats: int | None
    metadata: dict[str, Any]
    txid: str | None
    vout: int | None
    block_height: int | None
    block_hash: str | None
    confirmations: int
    confirmations_required: int
    created_at: int
    updated_at: int
    expires_at: int


class ListPayments(Request, frozen=True, kw_only=True, tag="list_payments"):
    """The payments that this session, or its user, recorded, and those to wallets it holds, as recorded; paged."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "list_payments", "id": "p3", "limit": 100}

    limit: PageLimit = 100
    cursor: PageCursor | None = None


class Payments(Reply, frozen=True, kw_only=True, tag="payments"):
    """One page of payments; ``cursor`` is for the next page, null on the last."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "payments",
        "id": "p3",
        "timestamp": 1703002300,
        "payments": [_ITEM],
        "cursor": None,
    }

    payments: Annotated[tuple[PaymentItem, ...], Meta(max_length=500)]
    cursor: str | None = None


class PaymentUpdate(Message, frozen=True, kw_only=True, tag="payment_update"):
    """A payment stands otherwise than before; told on the topic ``payments`` to its creator and the wallet's holders.

    ``position`` is what ``since`` takes to hear all that follows.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "payment_update",
        **{name: value for name, value in _ITEM.items() if name not in ("metadata", "created_at", "expires_at")},
        "timestamp": 1703002200,
        "position": "5f0c9a2be1d4-19",
    }

    payment_id: str
    status: str
    recipient: str
    amount_sats: int
    amount: str
    received_sats: int | None
    txid: str | None
    vout: int | None
    block_height: int | None
    block_hash: str | None
    confirmations: int
    confirmations_required: int
    updated_at: int
    timestamp: int
    position: str
