"""Taking out what a relay holds, and taking it in again, on this relay or another."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from ...domain.access import Access
from ...domain.expected import PaymentStatus
from ..message import Reply, Request
from ..native.payments import PaymentId, Sats, Time
from ..values import Address, Hash, Height, Label, Password, PrivateKey, PublicKey

#: The layout of what is exported.
VERSION = 1

_Hex64 = Annotated[str, Meta(min_length=64, max_length=64, pattern=r"\A[0-9a-f]{64}\Z")]


class ExportData(Request, frozen=True, kw_only=True, tag="export_data"):
    """All that this relay holds and could not find in the chain, as one JSON object, sent piece by piece.

    It has ``version, relay_id, network, exported_at, payments, messages, relays, alerts, config``; with a passphrase in the
    header ``X-Export-Passphrase`` also ``wallets``, each sealed by it (Argon2id, AES-256-GCM). No secret is in it in clear.
    """

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 50
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "export_data"}

    passphrase: Password | None = None

    def carries_private_keys(self) -> bool:
        return self.passphrase is not None


class ImportData(Request, frozen=True, kw_only=True, tag="import_data"):
    """Take in what ``/export/data`` gave; the body is that object.

    It is read through first, and nothing is taken in from one that is broken, or of another network. What is there already
    is skipped, what is there otherwise is a conflict and stays as it is here, so the same again changes nothing. ``wallets``
    need the passphrase they were exported with, in the header ``X-Export-Passphrase``, and are skipped without one;
    ``config`` is for people to read and never taken in.
    """

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 50
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "import_data"}

    passphrase: Password | None = None
    document: Any = None

    def carries_private_keys(self) -> bool:
        return self.passphrase is not None


class Exported(Reply, frozen=True, kw_only=True, tag="exported"):
    """The pieces of a JSON object: ``parts`` is an asynchronous iterator of bytes, sent as they come."""

    parts: Any


class Imported(Reply, frozen=True, kw_only=True, tag="imported"):
    """What became of the items: taken in, there already, or there otherwise (``conflicts``, named in ``conflicting``).

    ``sections`` has the same three counts for each section; at most 100 names are listed.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "imported",
        "timestamp": 1703001600,
        "status": "imported",
        "imported": 2,
        "skipped": 1,
        "conflicts": 0,
        "conflicting": [],
        "sections": {"payments": {"imported": 2, "skipped": 1, "conflicts": 0}},
    }

    status: str = "imported"
    imported: int
    skipped: int
    conflicts: int
    conflicting: tuple[str, ...] = ()
    sections: dict[str, dict[str, int]]


class PaymentRecord(Struct, frozen=True, kw_only=True):
    """An expected payment as it is exported: hashes in display form, ``digest`` and the others as the relay keeps them."""

    payment_id: PaymentId
    creator: Annotated[str, Meta(max_length=256, pattern=r"\A(session|user):")] | None
    recipient: Address
    amount_sats: Sats
    metadata: Annotated[dict[str, Any], Meta(max_length=64)]
    confirmations_required: Annotated[int, Meta(ge=1, le=1000)]
    expected_txid: Hash | None
    digest: _Hex64
    created_at: Time
    created_height: Height
    expires_at: Time
    updated_at: Time
    status: PaymentStatus
    txid: Hash | None
    vout: Annotated[int, Meta(ge=0, le=4_294_967_295)] | None
    received_sats: Sats | None
    block_height: Height | None
    block_hash: Hash | None


class WalletRecord(Struct, frozen=True, kw_only=True):
    """A wallet as it is exported, sealed: its keys, and the SHA-256 of its tokens, which go on being good."""

    scan_private_key: PrivateKey
    spend_public_key: PublicKey
    labels: Annotated[tuple[Label, ...], Meta(max_length=100)]
    birthday: Height
    created_at: Time
    tokens: Annotated[tuple[_Hex64, ...], Meta(max_length=100_000)]


class Sealed(Struct, frozen=True, kw_only=True):
    """Something encrypted by a passphrase, in base64: ``salt`` of the key, and version, nonce, ciphertext and tag."""

    salt: Annotated[str, Meta(max_length=64)]
    sealed: Annotated[str, Meta(max_length=16_000_000)]
