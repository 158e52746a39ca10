"""What every WebSocket connection has in common, whichever side dialled: Autobahn hands text to a session, and is its wire.

All times are ours: one call every few seconds pings, and cuts whoever is silent, does not read, or does not answer a close
frame. Autobahn's own timers stay off, because they know only the global reactor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ...session.session import Session

log = Logger()

PING_SECONDS, SILENCE_SECONDS, CLOSE_SECONDS, BEAT_SECONDS = 30.0, 60.0, 5.0, 5.0


class Port(Protocol):
    """What makes connections, and knows those that are open."""

    def seconds(self) -> float:
        """The clock by which silence is measured."""

    def opened(self, protocol: Any) -> Session:
        """A new conversation over this protocol."""

    def lost(self, protocol: Any) -> None:
        """This protocol's connection is gone."""


class Shell:
    """One socket, as a part of an Autobahn protocol that comes after it among the bases."""

    factory: Any
    transport: Any
    state: Any
    STATE_OPEN: Any
    sendCloseFrame: Any
    sendPing: Any
    send: Any
    dropConnection: Any

    session: Session | None = None
    heard = pinged = 0.0
    closing_since: float | None = None

    def onOpen(self) -> None:
        self.heard = self.pinged = self.factory.seconds()
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self.session = self.factory.opened(self)

    def dataReceived(self, data: bytes) -> None:
        self.heard = self.factory.seconds()
        super().dataReceived(data)  # type: ignore[misc]

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        assert self.session is not None
        if isBinary:
            self.session.receive_binary()
        else:
            self.session.receive(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.session is not None:
            self.factory.lost(self)
            self.session.ended(clean=wasClean)

    def _max_message_size_exceeded(self, msg_size: int, max_msg_size: int, reason: str) -> None:
        assert self.session is not None
        self.session.receive_too_large(max_msg_size)
        self.failedByMe = True

    def pauseProducing(self) -> None:
        if self.session is not None:
            self.session.pause_sending()

    def resumeProducing(self) -> None:
        if self.session is not None:
            self.session.resume_sending()

    def stopProducing(self) -> None:
        """The connection is going; :meth:`onClose` follows."""

    def send_all(self, payloads: Sequence[bytes]) -> None:
        for payload in payloads:
            self.send(payload)

    def close(self, code: int, reason: str) -> None:
        self.sendCloseFrame(code, reason.encode()[:123], isReply=False)
        self.transport.resumeProducing()

    def pause_reading(self) -> None:
        self.transport.pauseProducing()

    def beat(self, now: float) -> None:
        """Ping when it is time; drop who is silent or does not finish closing."""
        assert self.session is not None
        if self.state != self.STATE_OPEN:
            self.closing_since = self.closing_since or now
            if now - self.closing_since >= CLOSE_SECONDS:
                self.transport.abortConnection()
        elif now - self.heard >= SILENCE_SECONDS and self.session.reading:
            self.session.give_up("silent")
            self.dropConnection(abort=True)
        else:
            self.session.check_patience()
            if now - self.pinged >= PING_SECONDS and self.state == self.STATE_OPEN:
                self.pinged = now
                self.sendPing()


class Heart:
    """Lets the connections that are open beat."""

    def __init__(self, connections: set[Any], seconds: Callable[[], float], reactor: IReactorTime) -> None:
        self._connections = connections
        self._seconds = seconds
        self._beating = LoopingCall(self.beat)
        self._beating.clock = reactor

    def start(self) -> None:
        """From now on."""
        self._beating.start(BEAT_SECONDS, now=False)

    def stop(self) -> None:
        """No more."""
        if self._beating.running:
            self._beating.stop()

    def beat(self) -> None:
        """Once, for each of them."""
        now = self._seconds()
        for protocol in tuple(self._connections):
            try:
                protocol.beat(now)
            except Exception:
                log.failure("a connection could not be kept alive")
