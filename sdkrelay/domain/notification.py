"""What the relay tells: each notification with its data, exactly as it is stored in the log and sent to clients.

``Notice`` is what services hand to the store inside the transaction that makes it true; the store gives it a position.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from attrs import frozen


class Topic(StrEnum):
    """What a session can subscribe to; ``notifications`` stands for payments, blocks and relays.

    What is told on the first four is kept in the log; ``health``, ``metrics``, ``alerts`` and ``sync`` are live only.
    """

    NOTIFICATIONS = "notifications"
    PAYMENTS = "payments"
    BLOCKS = "blocks"
    RELAYS = "relays"
    HEALTH = "health"
    METRICS = "metrics"
    ALERTS = "alerts"
    SYNC = "sync"


def btc(sats: int) -> str:
    """An amount as the shortest decimal of BTC: ``btc(100000) == "0.001"``."""
    whole, rest = divmod(abs(sats), 100_000_000)
    fraction = f"{rest:08d}".rstrip("0")
    return f"{'-' if sats < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


class PaymentData(msgspec.Struct, frozen=True, kw_only=True):
    """An output found for a wallet: hashes in display form, ``amount`` in BTC as a decimal string, keys in hex.

    ``tweak`` is the transaction's T (33 bytes), ``output_tweak`` t_k plus the label's (what the wallet adds to its spend
    key), ``output`` the x-only key; ``timestamp`` is the block's time, or when the relay saw it in the mempool.
    """

    wallet_id: str
    address: str
    txid: str
    vout: int
    amount: str
    amount_sats: int
    block_height: int | None
    block_hash: str | None
    confirmations: int
    timestamp: int
    fee: str
    size: int
    label: int | None
    tweak: str
    output_tweak: str
    output: str
    ambiguous: bool


class SpendData(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet's output was spent, or its spend undone; ``spent_by`` is the spender's txid, block fields are the spend's."""

    wallet_id: str
    address: str
    txid: str
    vout: int
    amount: str
    amount_sats: int
    output: str
    spent_by: str
    block_height: int | None
    block_hash: str | None
    timestamp: int


class OrphanData(msgspec.Struct, frozen=True, kw_only=True):
    """A payment left the best chain or the mempool; the block fields name the block it was in, if any."""

    wallet_id: str
    address: str
    txid: str
    vout: int
    amount: str
    amount_sats: int
    output: str
    block_height: int | None
    block_hash: str | None
    reason: str
    timestamp: int


class ReuseData(msgspec.Struct, frozen=True, kw_only=True):
    """An output key found for the wallet in ``first_txid`` was paid again by another transaction."""

    wallet_id: str
    address: str
    txid: str
    vout: int
    amount: str
    amount_sats: int
    output: str
    first_txid: str
    block_height: int | None
    block_hash: str | None
    timestamp: int


class BlockData(msgspec.Struct, frozen=True, kw_only=True):
    """A block joined the best chain (``block_mined``) or left it (``block_disconnected``)."""

    block_height: int
    block_hash: str
    transactions: int
    size: int
    timestamp: int
    difficulty: float
    merkle_root: str
    previous_block_hash: str
    tweaks: int
    tweaks_digest: str


class DisconnectData(msgspec.Struct, frozen=True, kw_only=True):
    """A block left the best chain."""

    block_height: int
    block_hash: str
    previous_block_hash: str
    timestamp: int


class PaymentUpdateData(msgspec.Struct, frozen=True, kw_only=True):
    """How an expected payment stands now; ``txid``, ``vout`` and ``received_sats`` are null until an output was found for it.

    ``status`` is ``pending``, ``detected``, ``confirmed``, ``orphaned`` or ``expired``; block fields are null outside a block;
    ``updated_at`` is seconds since the epoch.
    """

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


class SyncMessageData(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a client left for all: ``content`` as it came, ``timestamp`` when it came, ``expires_at`` when it goes."""

    message_id: str
    content: dict[str, Any]
    timestamp: int
    expires_at: int


class RelayData(msgspec.Struct, frozen=True, kw_only=True):
    """Another relay was linked (``relay_connected``), or is not any more (``relay_disconnected``).

    ``address`` is where it is reached, null if it never said; ``connection_id`` names this one conversation with it.
    """

    relay_id: str
    address: str | None
    version: str | None
    capabilities: tuple[str, ...]
    timestamp: int
    connection_id: str


NoticeData = (
    PaymentData | SpendData | OrphanData | ReuseData | BlockData | DisconnectData | PaymentUpdateData | SyncMessageData
    | RelayData
)  # fmt: skip


class Kind(StrEnum):
    """The ``notification_type`` on the wire."""

    PAYMENT_DETECTED = "payment_detected"
    PAYMENT_CONFIRMED = "payment_confirmed"
    PAYMENT_SPENT = "payment_spent"
    PAYMENT_UNSPENT = "payment_unspent"
    PAYMENT_ORPHANED = "payment_orphaned"
    ADDRESS_REUSED = "address_reused"
    BLOCK_MINED = "block_mined"
    BLOCK_DISCONNECTED = "block_disconnected"
    PAYMENT_UPDATE = "payment_update"
    SYNC_MESSAGE = "sync_message"
    RELAY_CONNECTED = "relay_connected"
    RELAY_DISCONNECTED = "relay_disconnected"


@frozen
class Notice:
    """A notification before it has a position: for whoever holds ``wallet_id`` or is its ``creator``; with neither, public."""

    kind: Kind
    topic: Topic
    data: NoticeData
    wallet_id: str | None = None
    creator: str | None = None


@frozen
class Entry:
    """A notification in the log: ``number`` orders it, ``body`` is its data as JSON, ``at`` seconds since the epoch."""

    number: int
    kind: Kind
    topic: Topic
    wallet_id: str | None
    body: bytes
    at: int
    creator: str | None = None

    def is_for(self, names: frozenset[str]) -> bool:
        """Whether somebody who holds these wallets, or goes by these names, may hear it."""
        return (self.wallet_id is None and self.creator is None) or not names.isdisjoint((self.wallet_id, self.creator))
