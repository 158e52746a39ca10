"""A registered wallet: what the relay must know to watch for it while it sleeps."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from .chain import BlockId

#: At most this many labels (change label 0 not counted) may be watched for one wallet.
MAX_LABELS = 100


@frozen
class Keys:
    """A wallet's scan secret (32 bytes), its compressed spend key (33 bytes), and its labels, ascending, 0 not listed.

    The secret is kept out of ``repr`` by :meth:`__repr__`, so no log or traceback can show it.
    """

    scan_secret: bytes
    spend_key: bytes
    labels: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Keys(spend_key={self.spend_key.hex()}, labels={len(self.labels)})"


@frozen
class Wallet:
    """One registered wallet; ``cursor`` is the last block scanned for it (height birthday-1 with any hash before the first)."""

    wallet_id: str
    address: str
    keys: Keys
    birthday: int
    cursor: BlockId
    created_at: int


@frozen
class SealedWallet:
    """A wallet as the store keeps it: ``sealed_keys`` is the scan secret encrypted (AES-256-GCM), the rest in clear."""

    wallet_id: str
    address: str
    sealed_scan_secret: bytes
    spend_key: bytes
    labels: tuple[int, ...]
    birthday: int
    cursor: BlockId
    created_at: int


class Standing(StrEnum):
    """Where a found output stands: in the mempool, in the best chain, or in neither."""

    MEMPOOL = "mempool"
    CONFIRMED = "confirmed"
    ORPHANED = "orphaned"


@frozen
class Output:
    """A taproot output found for a wallet; ``block`` is where it is confirmed, ``spent_by``/``spent_in`` who spends it and where.

    ``outpoint`` is 36 bytes (txid internal order, vout LE); ``tweak`` the transaction's T (33 bytes), ``output_tweak`` 32 bytes.
    ``reuse_of`` is the txid of the earlier payment when this is a reused address rather than a silent payment.
    ``spent_in`` is None while the spend is only in the mempool.
    """

    outpoint: bytes
    value: int
    key: bytes
    k: int
    label: int | None
    tweak: bytes
    output_tweak: bytes
    fee: int
    size: int
    ambiguous: bool
    standing: Standing
    block: BlockId | None
    time: int
    spent_by: bytes | None = None
    spent_in: BlockId | None = None
    reuse_of: bytes | None = None
