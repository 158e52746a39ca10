"""The connection on which a client sends commands; nothing is ever said there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ...messages.bus.frames import Decoder, Frame, Limits
from ...messages.bus.malformed import Malformed
from .command import joined
from .connection import BusConnection

if TYPE_CHECKING:
    from .door import BusDoor
    from .events import EventConnection


class CommandConnection(BusConnection):
    """One client's mouth: what comes is inflated no further than it can be taken, and read while the turn has time.

    ``hopes`` are the event connections on which it may have been welcomed. A client that only hears never says which one is
    its own: it stays as long as one of them does.
    """

    def __init__(self, door: BusDoor) -> None:
        super().__init__(door)
        self._decoder = Decoder(Limits(frame=door.around.limits.frame_bytes))
        self._unread: deque[bytes] = deque()
        self._frames: Iterator[Frame] = iter(())
        self._reading = True
        self._busy = False
        self._waits = False
        self.hopes: set[EventConnection] = set()

    def hope(self, welcomed: Iterable[EventConnection]) -> None:
        """It was welcomed on these."""
        self.hopes.update(welcomed)
        if self.hopes:
            self._forget_timer()

    def give_up(self, events: EventConnection) -> None:
        """This one is lost, or another's."""
        if self.is_open and self.pair is None and events in self.hopes:
            self.hopes.discard(events)
            if not self.hopes:
                self.wait()

    def dataReceived(self, data: bytes) -> None:
        self._unread.append(data)
        self._read_on()

    def pause_reading(self) -> None:
        """Let no more commands come."""
        self._reading = False
        self.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Let commands come again, first those that wait here."""
        self._reading = True
        self._read_on()
        self._resume()

    def _turned(self) -> None:
        self._waits = False
        self._read_on()
        self._resume()

    def _resume(self) -> None:
        if self._reading and self.is_open and not self._waits:
            self.transport.resumeProducing()

    def _read_on(self) -> None:
        if self._busy or self._waits:
            return
        self._busy = True
        try:
            while self._reading and self.is_open and not self._waits and (frame := self._next()) is not None:
                self.door.take(self, joined(frame))
                self._look_at_the_time()
        except Malformed:
            self.cut("garbage")
        finally:
            self._busy = False

    def _look_at_the_time(self) -> None:
        """Let what is left wait for a later turn of the reactor, when others have had theirs."""
        if self.is_open and not self.door.turn.has_time():
            self._waits = True
            self.transport.pauseProducing()
            self.door.turn.wait(self._turned)

    def _next(self) -> Frame | None:
        """The next frame of all that was read; None while there is no whole one."""
        frame = next(self._frames, None)
        while frame is None and self._unread:
            self._frames = self._decoder.feed(self._unread.popleft())
            frame = next(self._frames, None)
        return frame
