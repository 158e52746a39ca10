"""What sender and receiver of a silent payment derive alike: the tweak of each output, and labels (BIP352)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from .digest import tagged
from .secp256k1 import ORDER, add, is_point, is_secret, public_key

#: At most so many outputs of one transaction are paid to one scan key: the receiver stops after k = 2322.
K_MAX = 2323

#: Change goes to this label; it is always scanned for and never announced.
CHANGE_LABEL = 0

#: At most so many labels beside the change label: each costs one point addition for every transaction.
MAX_LABELS = 100

#: The midstate of the hash that makes t_k; copy it, never update it.
SHARED_SECRET = tagged("BIP0352/SharedSecret")
_LABEL = tagged("BIP0352/Label")


def shared_secret_state(shared_secret: bytes) -> hashlib._Hash:
    """SHA-256 after it has read the tag and the 33 bytes of a shared secret; give it k to get t_k."""
    state = SHARED_SECRET.copy()
    state.update(shared_secret)
    return state


def tweak_at(state: hashlib._Hash, k: int) -> bytes:
    """t_k, 32 bytes, from what :func:`shared_secret_state` made; whoever uses it finds out whether it is in range."""
    hasher = state.copy()
    hasher.update(k.to_bytes(4, "big"))
    return hasher.digest()


def add_tweaks(first: bytes, second: bytes) -> bytes:
    """The sum of two 32-byte scalars modulo the order of the curve."""
    return ((int.from_bytes(first, "big") + int.from_bytes(second, "big")) % ORDER).to_bytes(32, "big")


def label_tweak(scan_secret: bytes, label: int) -> bytes:
    """What label ``label`` (0 is change, at most 2³²-1) adds to the spend key, 32 bytes; ValueError if out of range."""
    check_scan_secret(scan_secret)
    if not 0 <= label < 2**32:
        raise ValueError("a label must be from 0 to 4294967295")
    state = _LABEL.copy()
    state.update(scan_secret + label.to_bytes(4, "big"))
    return state.digest()


def labelled_spend_key(scan_secret: bytes, spend_key: bytes, label: int) -> bytes:
    """The 33-byte spend key an address with this label has; ValueError for keys that are none."""
    check_spend_key(spend_key)
    return add([spend_key, public_key(label_tweak(scan_secret, label))])


def check_scan_secret(scan_secret: bytes) -> None:
    """ValueError, which never shows it, for a scan secret that is not 32 bytes from 1 to the order of the curve less 1."""
    if not is_secret(scan_secret):
        raise ValueError("the scan secret must be 32 bytes, from 1 to the order of the curve less 1")


def check_spend_key(spend_key: bytes) -> None:
    """ValueError for a spend key that is not the 33 bytes of a point of the curve."""
    if not is_point(spend_key):
        raise ValueError("the spend key must be 33 bytes, a compressed point of the curve")


def check_labels(labels: Sequence[int]) -> None:
    """ValueError for more than 100 labels, or one that is not from 1 to 2³²-1 (0, change, is implied)."""
    if len(labels) > MAX_LABELS:
        raise ValueError(f"at most {MAX_LABELS} labels a wallet")
    if not all(1 <= label < 2**32 for label in labels):
        raise ValueError("a label must be from 1 to 4294967295")
