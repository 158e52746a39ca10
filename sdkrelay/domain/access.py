"""What a request asks of whoever sends it, so that one gate can decide for every door."""

from __future__ import annotations

import hashlib
from enum import StrEnum


class Access(StrEnum):
    """How far a conversation must have come before a request is taken."""

    OPEN = "open"
    """At any time, before a handshake too."""

    GREETED = "greeted"
    """After an accepted handshake; over HTTP, where every request stands alone, at any time."""


def token_hash(token: str) -> bytes:
    """What is kept of a token: its SHA-256; tokens are random and long, so no salt is needed."""
    return hashlib.sha256(token.encode()).digest()
