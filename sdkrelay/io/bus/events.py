"""The connection on which a client hears: answers, events, and the heartbeat; it says nothing there itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer, ISSLTransport
from zope.interface import implementer

from ...messages.bus.envelope import Message, Rejection, encode
from ...messages.bus.frames import member
from ...messages.bus.names import CERTIFICATE_REJECTED, GAME_OVER, HEARTBEAT, REJECT, SHUTDOWN
from ..net.direct import Direct
from .connection import GOODBYE_SECONDS, BusConnection
from .event import stamped

if TYPE_CHECKING:
    from .door import BusDoor
    from .pair import Pair

BEAT = encode(Message(HEARTBEAT))
REJECTED = encode(Message(REJECT, Rejection(code=CERTIFICATE_REJECTED, message="Unauthorized client connection")))


@implementer(IPushProducer)
class EventConnection(BusConnection):
    """One client's ears. ``token`` is drawn for this connection and shown on it alone: who sends it reads here."""

    #: The original's client inflates what it reads beside, and loses what is not done when the connection closes.
    farewell = GOODBYE_SECONDS

    def __init__(self, door: BusDoor) -> None:
        super().__init__(door)
        self.token = door.draw()
        self.orc_name = f"Relay{door.draw()[:8]}@{door.bus_id}"
        self._stamp = self.token.encode()
        self._paused = False
        self._has_begun = False

    def begin(self) -> None:
        self.transport.registerProducer(self, True)
        self._write = self.transport.write if ISSLTransport.providedBy(self.transport) else Direct(self.transport).send
        self._has_begun = True
        self.door.listens(self)
        self.beat()

    def turn_away(self) -> None:
        self.transport.write(REJECTED)
        super().turn_away()

    def close(self) -> None:
        if self._has_begun:
            self.transport.unregisterProducer()
        super().close()

    def dataReceived(self, data: bytes) -> None:
        self.cut("spoke")

    def joined(self, pair: Pair) -> None:
        super().joined(pair)
        if self._paused:
            pair.session.pause_sending()

    def send(self, frame: bytes) -> None:
        """Send an event that is not stamped yet."""
        if self.is_open and self._has_begun:
            self._write(member(stamped(frame, self._stamp)))

    def say_goodbye(self) -> None:
        """Say that the relay stops, and that nobody need come back."""
        language = self.door.around.language
        self.send(language.event(SHUTDOWN))
        self.send(language.event(GAME_OVER, b"{}"))

    def beat(self) -> None:
        """Say that the relay is there, unless there is no room for it."""
        if not self._paused and self.is_open:
            self._write(BEAT)

    def pauseProducing(self) -> None:
        self._paused = True
        if self.pair is not None:
            self.pair.session.pause_sending()

    def resumeProducing(self) -> None:
        self._paused = False
        if self.pair is not None:
            self.pair.session.resume_sending()

    def stopProducing(self) -> None:
        """The connection is going; :meth:`connectionLost` follows."""
