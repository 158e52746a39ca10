"""Makes events: who has a secret key and 32 random bytes gets a signed event."""

from __future__ import annotations

from hashlib import sha256

from ...crypto import schnorr
from .event import Event, Tag, canonical


def sign_event(
    secret: bytes, auxiliary: bytes, *, kind: int, created_at: int, content: str = "", tags: tuple[Tag, ...] = ()
) -> Event:
    """A signed event of the key's owner; ``secret`` and ``auxiliary`` (fresh randomness) are 32 bytes. ValueError for a bad key."""
    pubkey = schnorr.xonly(secret).hex()
    digest = sha256(canonical(pubkey, created_at, kind, tags, content)).digest()
    signature = schnorr.sign(secret, digest, auxiliary)
    return Event(digest.hex(), pubkey, created_at, kind, tags, content, signature.hex())
