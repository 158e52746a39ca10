"""How two parties who share a token, and have a key each, prove that to each other without sending the token.

Both proofs are made over one transcript that holds all that both have said of themselves, their fresh nonces, and whose proof
it is: a proof can be used neither again, nor by the other side, nor for another pair.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from attrs import frozen

from .schnorr import sign, verify

#: What separates these proofs from all else that is made with the same token or key.
_PURPOSE = b"sdkrelay mesh greeting 1"
#: Whose proof it is.
DIALLER, ANSWERER = b"dialler", b"answerer"


@frozen
class Party:
    """What one side says of itself: names and chain as text, its key (x only) and its nonce as 32 bytes each."""

    relay_id: str
    boot_id: str
    network: str
    genesis_hash: str
    key: bytes
    nonce: bytes

    def parts(self) -> tuple[bytes, ...]:
        """All of it as byte strings, in order."""
        texts = (self.relay_id, self.boot_id, self.network, self.genesis_hash)
        return (*(text.encode() for text in texts), self.key, self.nonce)


@frozen
class Transcript:
    """What both have said; ``dialler`` began."""

    dialler: Party
    answerer: Party

    def of(self, role: bytes) -> bytes:
        """The bytes that this role's proof is made over: every part after its length, so that none runs into the next."""
        parts = (_PURPOSE, role, *self.dialler.parts(), *self.answerer.parts())
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    def token_proof(self, role: bytes, token: bytes) -> bytes:
        """What only somebody with the token can make: HMAC-SHA256 (RFC 2104), 32 bytes."""
        return hmac.digest(token, self.of(role), "sha256")

    def has_token(self, role: bytes, token: bytes, proof: bytes) -> bool:
        """Whether a proof is this role's, in a time that does not depend on the proof."""
        return hmac.compare_digest(self.token_proof(role, token), proof)

    def signed(self, role: bytes, secret: bytes, auxiliary: bytes) -> bytes:
        """This role's BIP340 signature, 64 bytes; ``auxiliary`` is 32 fresh random bytes."""
        return sign(secret, sha256(self.of(role)).digest(), auxiliary)

    def has_key(self, role: bytes, signature: bytes) -> bool:
        """Whether a signature was made with the key this role has named."""
        party = self.dialler if role == DIALLER else self.answerer
        return verify(party.key, sha256(self.of(role)).digest(), signature)
