"""Wallets' keys between the wire, memory and the store: checked when they come, sealed before they are kept.

The scan secret is in clear only in the values that watch for the wallet, which do not print it.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence

from ..crypto.seal import NONCE_SIZE, open_sealed, seal
from ..crypto.silent import Scanner, check_labels, check_scan_secret, check_spend_key
from ..domain.problem import invalid
from ..domain.wallet import MAX_LABELS, Keys, SealedWallet, Wallet
from ..ports import Entropy


def checked_keys(scan_private_key: str, spend_public_key: str, labels: Sequence[int], where: str = "") -> Keys:
    """Keys given as hex. Problem for a secret out of range, a key that is no point of the curve, or bad labels; no secret in it."""
    secret, spend_key = bytes.fromhex(scan_private_key), bytes.fromhex(spend_public_key)
    try:
        check_scan_secret(secret)
    except ValueError:
        raise invalid(f"{where}scan_private_key", "a number from 1 to the order of secp256k1 less 1") from None
    try:
        check_spend_key(spend_key)
    except ValueError:
        raise invalid(f"{where}spend_public_key", "a compressed point of secp256k1", value=spend_public_key) from None
    keys = Keys(secret, spend_key, checked_labels(labels, where))
    try:
        Scanner(keys.scan_secret, keys.spend_key, keys.labels)
    except ValueError:
        raise invalid(f"{where}spend_public_key", "a key that no label of the wallet cancels") from None
    return keys


def checked_labels(labels: Sequence[int], where: str = "") -> tuple[int, ...]:
    """Labels ascending and once each. Problem for more than 100, or one out of range."""
    unique = tuple(sorted(set(labels)))
    try:
        check_labels(unique)
    except ValueError:
        raise invalid(f"{where}labels", f"at most {MAX_LABELS} integers from 1 to 4294967295") from None
    return unique


class Vault:
    """Seals scan secrets under the master key, and makes the tokens that prove who may see a wallet."""

    def __init__(self, master_key: bytes, entropy: Entropy) -> None:
        self._master_key = master_key
        self._entropy = entropy

    def seal(self, wallet: Wallet) -> SealedWallet:
        """The wallet as the store keeps it."""
        nonce = self._entropy.bytes(NONCE_SIZE)
        context = wallet.wallet_id.encode()
        return SealedWallet(
            wallet_id=wallet.wallet_id,
            address=wallet.address,
            sealed_scan_secret=seal(self._master_key, nonce, wallet.keys.scan_secret, context),
            spend_key=wallet.keys.spend_key,
            labels=wallet.keys.labels,
            birthday=wallet.birthday,
            cursor=wallet.cursor,
            created_at=wallet.created_at,
        )

    def open(self, sealed: SealedWallet) -> Wallet:
        """The wallet in clear; Unsealable under another master key."""
        secret = open_sealed(self._master_key, sealed.sealed_scan_secret, sealed.wallet_id.encode())
        return Wallet(
            wallet_id=sealed.wallet_id,
            address=sealed.address,
            keys=Keys(secret, sealed.spend_key, sealed.labels),
            birthday=sealed.birthday,
            cursor=sealed.cursor,
            created_at=sealed.created_at,
        )

    def token(self) -> str:
        """A new token of 256 bits, safe in URLs and headers."""
        return urlsafe_b64encode(self._entropy.bytes(32)).rstrip(b"=").decode()

    def name(self) -> str:
        """A short name for something that lives a while."""
        return self._entropy.bytes(8).hex()
