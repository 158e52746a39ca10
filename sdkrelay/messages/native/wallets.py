"""Registering a wallet, so that the relay watches for its payments while it sleeps."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct

from ...domain.access import Access
from ..message import Reply, Request
from ..values import Birthday, Labels, PageCursor, PageLimit, PrivateKey, PublicKey, WalletId

EXAMPLE_HASH = "000000aeab996eeaaa9c39e05b5c5c2f251ce6a2bab3274ac4ac290366431aa3"
_SPEND_KEY = "03dfa1113b19e33d0c769a2ddc2cae8be572a546b05d7d6eafc37169b7fcb54fc6"
EXAMPLE_ADDRESS = (
    "tsp1qqgpq06hvh7zqsssjhwh455as58cenlrphruqfx38ul74u0h6gs3uzq7"
    "l5ygnkx0r85x8dx3dmsk2azl9w2j5dvza04h2lsm3dxmled20ccxttl6w"
)


class BlockRef(Struct, frozen=True, kw_only=True):
    """A block by height and hash (as block explorers show it); ``hash`` is null before the first block was scanned."""

    height: int
    hash: str | None


class NostrContact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the owner is told of payments while no session is there, as gift wraps (NIP-17) signed by the relay's identity key.

    ``pubkey`` is a Nostr key (64 hexadecimal characters); without ``relays`` the key's list of kind 10050 counts, as this
    relay has it, else this relay itself.
    """

    pubkey: Annotated[str, Meta(min_length=64, max_length=64, pattern=r"\A[0-9a-f]{64}\Z")]
    relays: Annotated[tuple[Annotated[str, Meta(max_length=512)], ...], Meta(max_length=10)] = ()


class RegisterWallet(Request, frozen=True, kw_only=True, tag="register_wallet"):
    """Watch for this wallet for good. Taken over TLS or loopback only.

    ``scan_private_key`` (hex) finds payments and cannot spend them, ``spend_public_key`` (hex, compressed) is the wallet's
    B_spend. ``labels`` are integers from 1; change (label 0) is always watched. ``birthday`` is a height, or above
    500,000,000 seconds since the epoch: nothing earlier is looked for; without it the wallet is new. The same keys again
    give the same wallet, the union of the labels, the earliest birthday and one more token. With ``nostr`` the owner is
    told of payments at these relays from now on; without it that stays as it was.
    """

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 20
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "register_wallet",
        "id": "w1",
        "scan_private_key": "97fd553fed2cc5e68bcbdc38b5e51304d0510aa31264203777d0d2dff6b5ab56",
        "spend_public_key": _SPEND_KEY,
        "labels": [1, 2],
        "birthday": 200000,
        "nostr": {
            "pubkey": "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "relays": ["wss://relay.example"],
        },
    }

    scan_private_key: PrivateKey
    spend_public_key: PublicKey
    labels: Labels = ()
    birthday: Birthday | None = None
    nostr: NostrContact | None = None

    def carries_private_keys(self) -> bool:
        return True


class WalletRegistered(Reply, frozen=True, kw_only=True, tag="wallet_registered"):
    """The wallet is watched. ``wallet_token`` proves later that one may see it; only its hash is kept, so keep it safe.

    ``birthday`` is the height from which blocks are scanned, ``cursor`` the last block that was; what lies between is told
    as ``payment_detected`` while ``scan_progress`` shows how far it is.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "wallet_registered",
        "id": "w1",
        "timestamp": 1703001600,
        "address": EXAMPLE_ADDRESS,
        "wallet_id": "6b1f0c2d9e8a7755",
        "wallet_token": "V0pXb3JkLW9mLWEtd2FsbGV0",
        "labels": [1, 2],
        "birthday": 200000,
        "cursor": {"height": 199999, "hash": None},
        "created_at": 1703001600,
    }

    address: str
    wallet_id: str
    wallet_token: str
    labels: tuple[int, ...]
    birthday: int
    cursor: BlockRef
    created_at: int


class UnregisterWallet(Request, frozen=True, kw_only=True, tag="unregister_wallet"):
    """Forget a wallet this session holds: its keys, tokens, outputs and history."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "unregister_wallet", "id": "w2", "wallet_id": "6b1f0c2d9e8a7755"}

    wallet_id: WalletId


class WalletUnregistered(Reply, frozen=True, kw_only=True, tag="wallet_unregistered"):
    """The wallet is forgotten."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "wallet_unregistered",
        "id": "w2",
        "timestamp": 1703001600,
        "wallet_id": "6b1f0c2d9e8a7755",
    }

    wallet_id: str


class ListWallets(Request, frozen=True, kw_only=True, tag="list_wallets"):
    """The wallets this session holds, with where they stand; paged."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "list_wallets", "id": "w3", "limit": 100}

    limit: PageLimit = 100
    cursor: PageCursor | None = None


class WalletItem(Struct, frozen=True, kw_only=True):
    """One wallet; ``cursor`` is the last block scanned for it.

    ``balance_sats`` is the sum of its ``unspent`` outputs (a count), mempool included.
    """

    wallet_id: str
    address: str
    labels: tuple[int, ...]
    birthday: int
    cursor: BlockRef
    balance_sats: int
    unspent: int
    created_at: int


class Wallets(Reply, frozen=True, kw_only=True, tag="wallets"):
    """One page of wallets; ``cursor`` is for the next page, null on the last."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "wallets",
        "id": "w3",
        "timestamp": 1703001600,
        "wallets": [
            {
                "wallet_id": "6b1f0c2d9e8a7755",
                "address": EXAMPLE_ADDRESS,
                "labels": [1, 2],
                "birthday": 200000,
                "cursor": {"height": 200417, "hash": EXAMPLE_HASH},
                "balance_sats": 100000,
                "unspent": 1,
                "created_at": 1703001600,
            }
        ],
        "cursor": None,
    }

    wallets: Annotated[tuple[WalletItem, ...], Meta(max_length=500)]
    cursor: str | None = None
