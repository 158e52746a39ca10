"""What a request asks of whoever sends it, so that one gate can decide for every door."""

from __future__ import annotations

from enum import StrEnum


class Access(StrEnum):
    """How far a conversation must have come before a request is taken."""

    OPEN = "open"
    """At any time, before a handshake too."""

    GREETED = "greeted"
    """After an accepted handshake; over HTTP, where every request stands alone, at any time."""
