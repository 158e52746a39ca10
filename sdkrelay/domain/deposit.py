"""Messages that clients leave with the relay for others, and what becomes of one that is left."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


@frozen
class KeptMessage:
    """A message: ``author`` is a user or a session, ``content`` JSON with sorted keys, times are seconds since the epoch.

    ``number`` is its entry in the log; 0 before it has one.
    """

    message_id: str
    author: str
    content: bytes
    received_at: int
    expires_at: int
    number: int = 0


class Outcome(StrEnum):
    """What the store did with a message."""

    KEPT = "kept"
    SAME = "same"
    """The very same is kept already; nothing changed."""

    REPLACED = "replaced"
    """Its author's earlier content is gone."""

    TAKEN = "taken"
    """Somebody else's is kept under this id; nothing changed."""

    FULL = "full"
    """Its author, or all together, have as many as they may; nothing changed."""
