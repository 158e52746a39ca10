"""Something said to all who subscribed and kept nowhere: who was not there has missed nothing that the next one does not say."""

from __future__ import annotations

from collections.abc import Callable

from .message import Message


class Bulletin:
    """A message with its time (seconds since the epoch), and what each dialect (by name) made of it; it has no position."""

    __slots__ = ("at", "forms", "message")

    position = None

    def __init__(self, message: Message, at: float) -> None:
        self.message = message
        self.at = at
        self.forms: dict[str, bytes] = {}

    def written(self, dialect: str, write: Callable[[Message, float], bytes]) -> bytes:
        """The message in this dialect: the very same bytes for everybody."""
        payload = self.forms.get(dialect)
        if payload is None:
            payload = self.forms[dialect] = write(self.message, self.at)
        return payload
