"""A position names one entry of one relay's log, so that a client can say after what it wants to go on."""

from __future__ import annotations

from attrs import frozen


@frozen
class Position:
    """``<log id>-<number>`` on the wire; opaque to clients."""

    log_id: str
    number: int

    def __str__(self) -> str:
        return f"{self.log_id}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position a client sent back; ValueError if it is not one."""
        log_id, dash, number = text.rpartition("-")
        if not (log_id and dash and number.isascii() and number.isdigit() and len(number) <= 18):
            raise ValueError("not a position")
        return cls(log_id, int(number))
