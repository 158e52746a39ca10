"""Frames that have come and wait to be handled: when too many do, the wire is read no further until few are left."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .wire import Wire

#: Frames that may wait before reading pauses, and to which it must shrink before reading goes on.
MOST, FEW = 32, 8


class Inbox:
    """Frames in order; ``reading`` says whether more may come."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._frames: deque[bytes] = deque()
        self.reading = True

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frames: Sequence[bytes]) -> None:
        """What has come is to be handled."""
        self._frames.extend(frames)

    def take(self) -> bytes:
        """The next frame."""
        return self._frames.popleft()

    def clear(self) -> None:
        """Nothing of it will be handled."""
        self._frames.clear()

    def pace(self) -> None:
        """Pause reading while too many wait."""
        if self.reading and len(self._frames) >= MOST:
            self.reading = False
            self._wire.pause_reading()

    def handled(self) -> None:
        """A frame has been dealt with: go on reading when few wait."""
        if not self.reading and len(self._frames) <= FEW:
            self.reading = True
            self._wire.resume_reading()
