"""Scanning a range of blocks once, for a wallet the session holds or for keys that live as long as the scan."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from ...domain.access import Access
from ..message import Reply, Request
from ..values import Address, Height, Labels, PrivateKey, PublicKey, ScanId
from .wallets import EXAMPLE_ADDRESS, EXAMPLE_HASH


class ScanKeys(Struct, frozen=True, kw_only=True):
    """The keys of one wallet, forgotten when the scan ends."""

    scan_private_key: PrivateKey
    spend_public_key: PublicKey
    labels: Labels = ()


class ScanRequest(Request, frozen=True, kw_only=True, tag="scan_request"):
    """What was paid to these addresses in the blocks ``from_block`` to ``to_block``, both included?

    An address alone cannot be scanned for: each belongs to a wallet this session holds, or comes with its ``scan_keys``
    (taken over TLS or loopback only). The first ``scan_progress`` is the answer; the scan runs beside other requests.
    """

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 20
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "scan_request",
        "id": "s7",
        "addresses": [EXAMPLE_ADDRESS],
        "from_block": 800000,
        "to_block": 800001,
    }

    addresses: Annotated[tuple[Address, ...], Meta(max_length=100)] = ()
    from_block: Height
    to_block: Height
    scan_keys: Annotated[tuple[ScanKeys, ...], Meta(max_length=100)] = ()

    def carries_private_keys(self) -> bool:
        return bool(self.scan_keys)


class ScanCancel(Request, frozen=True, kw_only=True, tag="scan_cancel"):
    """Stop a scan of this session; the answer is its last ``scan_progress``."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "scan_cancel", "id": "s8", "scan_id": "c0ffee0123456789"}

    scan_id: ScanId


class ScanProgress(Reply, frozen=True, kw_only=True, tag="scan_progress"):
    """How far a scan is: ``block`` is done, ``progress`` goes from 0 to 1.

    ``rate`` is in blocks a second; it and ``remaining_seconds`` are null while unknown. ``wallet_id`` says which wallet is
    being caught up, null for a ``scan_request``; ``cancelled`` marks the last one of a scan that was stopped.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "scan_progress",
        "id": "s7",
        "timestamp": 1703001600,
        "scan_id": "c0ffee0123456789",
        "from_block": 800000,
        "to_block": 800001,
        "block": 800000,
        "progress": 0.5,
        "rate": 210.5,
        "remaining_seconds": 0.1,
        "wallet_id": None,
        "cancelled": False,
    }

    scan_id: str
    from_block: int
    to_block: int
    block: int
    progress: float
    rate: float | None = None
    remaining_seconds: float | None = None
    wallet_id: str | None = None
    cancelled: bool = False


class FoundTransaction(Struct, frozen=True, kw_only=True):
    """One output found: hashes in display form, keys in hex, ``amount`` in BTC as a decimal string.

    ``tweak`` is the transaction's T, ``output_tweak`` what the wallet adds to its spend key, ``output`` the x-only key;
    ``ambiguous`` where the same output counts more than once. ``spent_by`` is the spender's txid, null while unspent.
    """

    txid: str
    vout: int
    amount: str
    amount_sats: int
    block_height: int
    block_hash: str
    timestamp: int
    label: int | None
    spent: bool
    spent_by: str | None
    tweak: str
    output_tweak: str
    output: str
    ambiguous: bool


class AddressResult(Struct, frozen=True, kw_only=True):
    """What was found for one address."""

    address: str
    transactions: tuple[FoundTransaction, ...]


class ScanResponse(Reply, frozen=True, kw_only=True, tag="scan_response"):
    """What was found, by address; long results come in several, ``more`` is true on all but the last."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "scan_response",
        "id": "s7",
        "timestamp": 1703001600,
        "scan_id": "c0ffee0123456789",
        "from_block": 800000,
        "to_block": 800001,
        "results": [
            {
                "address": EXAMPLE_ADDRESS,
                "transactions": [
                    {
                        "txid": "32366e86b80362e63a4a4776dccc9bb21d48748c8244af92cea45a42b5acbeb4",
                        "vout": 0,
                        "amount": "0.001",
                        "amount_sats": 100000,
                        "block_height": 800001,
                        "block_hash": EXAMPLE_HASH,
                        "timestamp": 1703001600,
                        "label": None,
                        "spent": False,
                        "spent_by": None,
                        "tweak": "02767e25bb07203a32599dc93433d8988cae2d3ff2a182c7c04a88d38a7869d4dd",
                        "output_tweak": "b243ee235bc8e49509b0088ce08158256777d60d2333e12c30f52c6f6bb1d954",
                        "output": "e2381ca05cd566371cd921b9f09b08c37fd8eab2d6573ff47285a50952bfb4b4",
                        "ambiguous": False,
                    }
                ],
            }
        ],
        "more": False,
    }

    scan_id: str
    from_block: int
    to_block: int
    results: tuple[AddressResult, ...]
    more: bool = False
