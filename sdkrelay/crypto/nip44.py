"""Encrypts short texts between two Nostr keys (NIP-44, version 2).

Conversation key: HKDF-extract (salt ``nip44-v2``) of the x of the shared point; per message ChaCha20 (RFC 8439, counter 0) and
HMAC-SHA256 with keys expanded from a nonce of 32 bytes, which is given. Lengths are hidden by padding.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from .secp256k1 import multiply

VERSION = 2
NONCE_SIZE = 32
#: Bytes of a text in UTF-8.
SHORTEST, LONGEST = 1, 65535
_SALT = b"nip44-v2"
_MAC_SIZE = 32
#: Bytes of a payload before base64: version, nonce, padded text with its length, code; and their base64 characters.
_PAYLOAD_BYTES = (99, 65603)
_PAYLOAD_CHARACTERS = (132, 87472)


class Undecryptable(ValueError):
    """The payload is not one of this conversation, or was altered; the message never repeats any of it."""


def conversation_key(secret: bytes, pubkey: bytes) -> bytes:
    """The 32 bytes that two keys share, the same from either side; ValueError for a bad secret or a key off the curve."""
    shared = multiply(b"\x02" + pubkey, secret)[1:]
    return hmac.new(_SALT, shared, sha256).digest()


def encrypt(text: str, key: bytes, nonce: bytes) -> str:
    """The payload, in base64; ``nonce`` is 32 fresh random bytes. ValueError for an empty text or one over 65,535 bytes."""
    if len(nonce) != NONCE_SIZE:
        raise ValueError("the nonce must be 32 bytes")
    cipher_key, cipher_nonce, mac_key = message_keys(key, nonce)
    ciphertext = _chacha20(cipher_key, cipher_nonce, pad(text.encode()))
    code = hmac.new(mac_key, nonce + ciphertext, sha256).digest()
    return b64encode(bytes([VERSION]) + nonce + ciphertext + code).decode()


def decrypt(payload: str, key: bytes) -> str:
    """The text of a payload; Undecryptable for any other version, form, key or length."""
    nonce, ciphertext, code = _taken_apart(payload)
    cipher_key, cipher_nonce, mac_key = message_keys(key, nonce)
    if not hmac.compare_digest(hmac.new(mac_key, nonce + ciphertext, sha256).digest(), code):
        raise Undecryptable("the payload is not of this conversation")
    try:
        return unpad(_chacha20(cipher_key, cipher_nonce, ciphertext)).decode()
    except UnicodeDecodeError:
        raise Undecryptable("the text is not in UTF-8") from None


def message_keys(key: bytes, nonce: bytes) -> tuple[bytes, bytes, bytes]:
    """ChaCha20's key (32 bytes) and nonce (12), and HMAC's key (32), of one message."""
    expanded = HKDFExpand(SHA256(), 76, nonce).derive(key)
    return expanded[:32], expanded[32:44], expanded[44:]


def padded_size(size: int) -> int:
    """How many bytes a text of ``size`` bytes is padded to: at least 32, then in steps of an eighth of the next power of two."""
    if size <= 32:
        return 32
    power = 1 << (size - 1).bit_length()
    chunk = 32 if power <= 256 else power // 8
    return chunk * ((size - 1) // chunk + 1)


def pad(text: bytes) -> bytes:
    """Two bytes of length, the text, zeros; ValueError outside 1 … 65,535 bytes."""
    if not SHORTEST <= len(text) <= LONGEST:
        raise ValueError(f"a text must be {SHORTEST} to {LONGEST} bytes")
    return len(text).to_bytes(2, "big") + text.ljust(padded_size(len(text)), b"\0")


def unpad(padded: bytes) -> bytes:
    """The text; Undecryptable unless it is padded as it must be."""
    size = int.from_bytes(padded[:2], "big")
    text = padded[2 : 2 + size]
    if size < SHORTEST or len(text) != size or len(padded) != 2 + padded_size(size):
        raise Undecryptable("the padding is wrong")
    return text


def _taken_apart(payload: str) -> tuple[bytes, bytes, bytes]:
    if not payload or payload[0] == "#":
        raise Undecryptable("the version of the payload is not known")
    if not _PAYLOAD_CHARACTERS[0] <= len(payload) <= _PAYLOAD_CHARACTERS[1]:
        raise Undecryptable("the payload has a wrong length")
    try:
        data = b64decode(payload, validate=True)
    except (Base64Error, ValueError):
        raise Undecryptable("the payload is not in base64") from None
    if data[0] != VERSION:
        raise Undecryptable("the version of the payload is not known")
    if not _PAYLOAD_BYTES[0] <= len(data) <= _PAYLOAD_BYTES[1]:
        raise Undecryptable("the payload has a wrong length")
    return data[1 : 1 + NONCE_SIZE], data[1 + NONCE_SIZE : -_MAC_SIZE], data[-_MAC_SIZE:]


def _chacha20(key: bytes, nonce: bytes, data: bytes) -> bytes:
    return Cipher(ChaCha20(key, bytes(4) + nonce), mode=None).encryptor().update(data)
