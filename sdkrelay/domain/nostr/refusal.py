"""Why something of Nostr is refused: the closed set of prefixes that clients test for, and a text for people behind it."""

from __future__ import annotations

from enum import StrEnum


class Prefix(StrEnum):
    """The machine-readable first word of an OK or CLOSED (NIP-01, NIP-42)."""

    DUPLICATE = "duplicate"
    POW = "pow"
    BLOCKED = "blocked"
    RATE_LIMITED = "rate-limited"
    INVALID = "invalid"
    RESTRICTED = "restricted"
    MUTE = "mute"
    ERROR = "error"
    AUTH_REQUIRED = "auth-required"
    UNSUPPORTED = "unsupported"
    CLOSED = "closed"


class Refusal(Exception):
    """A refusal; ``reason`` is what goes on the wire, with nothing before the prefix."""

    def __init__(self, prefix: Prefix, text: str) -> None:
        super().__init__(f"{prefix}: {text}")
        self.prefix = prefix
        self.text = text

    @property
    def reason(self) -> str:
        """``prefix: text``."""
        return f"{self.prefix}: {self.text}"


def invalid(text: str) -> Refusal:
    """A refusal of what breaks the protocol."""
    return Refusal(Prefix.INVALID, text)
