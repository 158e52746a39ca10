"""Keeps a wallet's scan secret unreadable at rest: AES-256-GCM under the relay's master key.

What is sealed says for whom (the context, usually the wallet id), so a sealed secret moved to another wallet's row does not
open. Here too are the two one-way names: a wallet's id, and what is kept of a token.
"""

from __future__ import annotations

from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16
VERSION = b"\x01"

_WALLET_TAG = sha256(b"sdkrelay/wallet id").digest() * 2


class Unsealable(ValueError):
    """Sealed under another key, for another context, or tampered with; which of these cannot be told."""


def seal(master_key: bytes, nonce: bytes, secret: bytes, context: bytes) -> bytes:
    """``version (1) ‖ nonce (12) ‖ ciphertext ‖ tag (16)``; the version is authenticated with the context.

    A nonce (12 unpredictable bytes) must never be used twice under one master key. ValueError for a wrong length.
    """
    _check(master_key, nonce)
    return VERSION + nonce + AESGCM(master_key).encrypt(nonce, secret, VERSION + context)


def open_sealed(master_key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The secret that :func:`seal` was given; :class:`Unsealable` unless key and context are the same and nothing changed."""
    if len(sealed) < 1 + NONCE_SIZE + TAG_SIZE or sealed[:1] != VERSION:
        raise Unsealable("not a sealed secret of a version known here")
    nonce = sealed[1 : 1 + NONCE_SIZE]
    _check(master_key, nonce)
    try:
        return AESGCM(master_key).decrypt(nonce, sealed[1 + NONCE_SIZE :], VERSION + context)
    except InvalidTag:
        raise Unsealable("the secret was sealed with another master key, or was altered") from None


def wallet_id_of(scan_key: bytes, spend_key: bytes) -> str:
    """The id of the wallet with these compressed public keys (33 bytes each): 32 hex characters, the same on every relay."""
    if (len(scan_key), len(spend_key)) != (33, 33):
        raise ValueError("a wallet is named by two public keys of 33 bytes")
    return sha256(_WALLET_TAG + scan_key + spend_key).hexdigest()[:32]


def token_hash(token: str) -> bytes:
    """What is kept of a token: its SHA-256. Any text has one, also text that UTF-8 forbids."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def _check(master_key: bytes, nonce: bytes) -> None:
    if len(master_key) != KEY_SIZE:
        raise ValueError("a master key is 32 bytes")
    if len(nonce) != NONCE_SIZE:
        raise ValueError("a nonce is 12 bytes")
