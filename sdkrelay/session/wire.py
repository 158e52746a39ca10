"""What a conversation is carried by, and what else it may carry beside our own messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Wire(Protocol):
    """What carries the conversation."""

    def send(self, payload: bytes) -> None:
        """Send a text frame."""

    def send_all(self, payloads: Sequence[bytes]) -> None:
        """Send text frames, in one write."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame, and be gone soon whatever the other side does."""

    def pause_reading(self) -> None:
        """Let no more frames come."""

    def resume_reading(self) -> None:
        """Let frames come again."""


class Tongue(Protocol):
    """Another protocol that a conversation may be in at the same time, frame by frame."""

    async def receive(self, frame: bytes) -> None:
        """A frame of it has come."""

    def refuse(self, reason: str) -> None:
        """What came is not even a frame of text: too large, or binary."""

    def farewell(self) -> None:
        """The relay is about to say goodbye."""

    def ended(self, why: str) -> None:
        """The connection is gone."""


def is_array(frame: bytes) -> bool:
    """Whether a text frame is a JSON array, as those of Nostr are; all others are objects or nothing."""
    return frame[:1] != b"{" and frame.lstrip(b" \t\r\n")[:1] == b"["
