"""The encrypted conversation: two sides agree on keys over any connection, and nobody in between can read or change a message.

Scheme ``X25519-HKDF-SHA256-AES-256-GCM``: the client's key is fresh; of the relay's two, one is fresh and one is its identity,
which clients know beforehand. Nothing here draws a key: private keys are given as 32 unpredictable bytes.
"""

from __future__ import annotations

from hashlib import sha256

from attrs import define, field, frozen
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SCHEME = "X25519-HKDF-SHA256-AES-256-GCM"
KEY_SIZE = 32
IV_SIZE = 12

TO_RELAY = b"sdkrelay/1 client to relay"
TO_CLIENT = b"sdkrelay/1 relay to client"


class Undecryptable(ValueError):
    """What came was not sealed by the other side of this conversation, or not as its next message."""


@frozen
class Agreed:
    """The public keys of a conversation (32 bytes each) and its session id; both sides must have the very same."""

    client: bytes
    relay: bytes
    identity: bytes
    session_id: str

    def keys(self, secret: bytes) -> tuple[bytes, bytes]:
        """The two keys of 32 bytes, to the relay and to the client, from both shared secrets one after the other."""
        salt = sha256(self.client + self.relay + self.identity + self.session_id.encode()).digest()
        return derived(secret, salt, TO_RELAY), derived(secret, salt, TO_CLIENT)


@define(eq=False)
class Channel:
    """One side's end: seals with one key and opens with the other; each message has the next number of its direction."""

    _sealing: AESGCM = field(repr=False)
    _opening: AESGCM = field(repr=False)
    _associated: bytes = field(repr=False)
    sent: int = 0
    received: int = 0

    def seal(self, plaintext: bytes) -> tuple[bytes, bytes]:
        """``iv`` (12 bytes) and ``ciphertext ‖ tag`` of the next message of ours."""
        iv = _iv(self.sent)
        self.sent += 1
        return iv, self._sealing.encrypt(iv, plaintext, self._associated)

    def open(self, iv: bytes, data: bytes) -> bytes:
        """The other side's next message; :class:`Undecryptable` for any other iv or whatever was altered."""
        if iv != _iv(self.received):
            raise Undecryptable("iv: expected the next one of this direction")
        try:
            plaintext = self._opening.decrypt(iv, data, self._associated)
        except InvalidTag:
            raise Undecryptable("the message is not from the other side of this conversation") from None
        self.received += 1
        return plaintext


def public_key(private_key: bytes) -> bytes:
    """The public key of 32 private bytes (X25519, RFC 7748)."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def shared_secret(private_key: bytes, peer: bytes) -> bytes:
    """What both sides of X25519 come to; ValueError for a peer's point of small order, which would make it known to all."""
    secret = X25519PrivateKey.from_private_bytes(private_key).exchange(X25519PublicKey.from_public_bytes(peer))
    if not any(secret):
        raise ValueError("a public key of small order")
    return secret


def derived(secret: bytes, salt: bytes, info: bytes, length: int = KEY_SIZE) -> bytes:
    """HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), length, salt, info).derive(secret)


def relay_channel(ephemeral: bytes, identity: bytes, client: bytes, session_id: str) -> Channel:
    """The relay's end, from its two private keys and the client's public one; ValueError for a bad public key."""
    agreed = Agreed(client, public_key(ephemeral), public_key(identity), session_id)
    to_relay, to_client = agreed.keys(shared_secret(ephemeral, client) + shared_secret(identity, client))
    return Channel(AESGCM(to_client), AESGCM(to_relay), session_id.encode())


def client_channel(ephemeral: bytes, relay: bytes, identity: bytes, session_id: str) -> Channel:
    """The client's end, from its private key and the relay's two public ones; ValueError for a bad public key."""
    agreed = Agreed(public_key(ephemeral), relay, identity, session_id)
    to_relay, to_client = agreed.keys(shared_secret(ephemeral, relay) + shared_secret(ephemeral, identity))
    return Channel(AESGCM(to_relay), AESGCM(to_client), session_id.encode())


def _iv(number: int) -> bytes:
    return bytes(4) + number.to_bytes(8, "big")
