"""Agreeing on keys with a client, under the identity that clients can know this relay by."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Never

from ..crypto.channel import KEY_SIZE, SCHEME, Channel, public_key, relay_channel
from ..domain.problem import Code, Problem, invalid
from ..messages.native.encryption import EncryptedMessage, EncryptionAnswer, EncryptionOffer
from ..ports import Caller, Entropy
from .router import handles


class EncryptionService:
    """Keeps the identity's private key (32 bytes), and draws a fresh key for each conversation."""

    def __init__(self, identity: bytes, entropy: Entropy) -> None:
        self._identity = identity
        self._entropy = entropy
        self.identity_key = b64encode(public_key(identity)).decode()

    def agree(self, offer: EncryptionOffer, session_id: str) -> tuple[Channel, EncryptionAnswer]:
        """The channel to a client, and what it needs to open its own end. Problem for a key that gives no secret."""
        ephemeral = self._entropy.bytes(KEY_SIZE)
        try:
            channel = relay_channel(ephemeral, self._identity, b64decode(offer.public_key, validate=True), session_id)
        except ValueError:
            raise invalid(
                "encryption.public_key", "32 bytes in base64, a point of X25519 that is not of small order"
            ) from None
        ours = b64encode(public_key(ephemeral)).decode()
        return channel, EncryptionAnswer(scheme=SCHEME, public_key=ours, identity_key=self.identity_key)

    @handles(EncryptedMessage)
    async def unexpected(self, request: EncryptedMessage, caller: Caller) -> Never:
        """Always a Problem: where keys are agreed, sessions open these messages before anything is asked."""
        if caller.encrypted:
            raise invalid("type", "any message but handshake and encrypted_message inside an encrypted_message")
        caller.refuse("no keys were agreed in the handshake")
        details = {"field": "type", "expected": "encryption in the handshake before it"}
        raise Problem(Code.DECRYPTION_FAILED, "no keys were agreed in the handshake", **details)
