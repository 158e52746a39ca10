"""An entry of the log on its way to clients: each dialect writes it once, whoever and how many they are."""

from __future__ import annotations

from collections.abc import Callable

from .notification import Entry
from .position import Position


class News:
    """A log entry with its position, and what each dialect made of it: ``forms``, by the dialect's name."""

    __slots__ = ("entry", "forms", "position")

    def __init__(self, entry: Entry, log_id: str) -> None:
        self.entry = entry
        self.position = Position(log_id, entry.number)
        self.forms: dict[str, bytes] = {}

    def written(self, dialect: str, write: Callable[[News], bytes]) -> bytes:
        """The entry in this dialect: the very same bytes for everybody."""
        payload = self.forms.get(dialect)
        if payload is None:
            payload = self.forms[dialect] = write(self)
        return payload
