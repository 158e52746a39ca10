"""Talking so that nobody in between can read along, where the connection itself is not protected."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from ...domain.access import Access
from ..message import Request

#: 32 bytes in base64.
EncodedKey = Annotated[str, Meta(min_length=44, max_length=44, pattern=r"\A[A-Za-z0-9+/]{43}=\Z")]
#: How messages are encrypted, and how the keys for it are agreed.
CIPHER = "AES-256-GCM"
Scheme = Literal["X25519-HKDF-SHA256-AES-256-GCM"]


class EncryptionOffer(Struct, frozen=True, kw_only=True):
    """The client's fresh X25519 key (base64), for one conversation."""

    scheme: Scheme
    public_key: EncodedKey


class EncryptionAnswer(Struct, frozen=True, kw_only=True):
    """The relay's fresh X25519 key for this conversation, and its identity key, which clients know beforehand (both base64)."""

    scheme: str
    public_key: str
    identity_key: str


class EncryptedMessage(Request, frozen=True, kw_only=True, tag="encrypted_message"):
    """A message inside another: ``data`` is base64 of ciphertext and tag, ``iv`` base64 of four zero bytes and a counter.

    The counter (8 bytes, big-endian) starts at 0 in each direction, and only the next one is taken; associated data is the
    ``session_id``. Keys are agreed by ``encryption`` in the handshake; from the handshake's answer on, everything in both
    directions is encrypted: answers, errors and news too. Inside may be any message but ``handshake`` and
    ``encrypted_message``. What cannot be decrypted, and any frame in clear, is answered in clear by ``DECRYPTION_FAILED`` and
    the socket closes with 1008. Such a conversation counts as protected: private keys are taken.
    """

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "encrypted_message",
        "encryption": "AES-256-GCM",
        "data": "1tJq0pXk5mEJbZ0yVUw6y0yJkq4GxvcRxYTqZ7vU4Tg=",
        "iv": "AAAAAAAAAAAAAAAA",
    }

    encryption: Literal["AES-256-GCM"] = "AES-256-GCM"
    data: str
    iv: Annotated[str, Meta(min_length=16, max_length=16)]
