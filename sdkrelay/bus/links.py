"""The two kinds of connections as Twisted sees them: one only hears, the other only speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, ISSLTransport, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ..io.net.direct import Direct
from .errors import Congested, ConnectionLost


class Once(Factory):
    """Makes the one protocol it was given."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: Any) -> Protocol:
        """The protocol."""
        return self._protocol


class Link(Protocol):
    """What both have: the end is told once, and awaited where it was asked for."""

    name = "event"
    transport: Any

    def __init__(self, lost: Callable[[Exception], None]) -> None:
        self._lost = lost
        self._is_open = False
        self._closed: Deferred[None] | None = None

    def connectionMade(self) -> None:
        """Small messages go at once, and a dead peer is noticed some time."""
        self._is_open = True
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell."""
        self._is_open = False
        closed, self._closed = self._closed, None
        if closed is not None:
            closed.callback(None)
        why = reason.getErrorMessage() or type(reason.value).__name__
        self._lost(ConnectionLost(f"the {self.name} connection was lost: {why}"))

    def cut(self) -> None:
        """End it without a word."""
        if self._is_open and self.transport is not None:
            self.transport.abortConnection()

    async def close(self) -> None:
        """End it after what was written is sent."""
        if self._is_open and self.transport is not None:
            closed = self._closed = Deferred()
            self.transport.loseConnection()
            await closed


class EventLink(Link):
    """Hears; never says a byte."""

    def __init__(self, heard: Callable[[bytes], None], lost: Callable[[Exception], None]) -> None:
        super().__init__(lost)
        self._heard = heard

    def dataReceived(self, data: bytes) -> None:
        """Hand on."""
        if self._is_open:
            self._heard(data)

    @property
    def port(self) -> int | None:
        """The local port of the connection; None for one that has none."""
        return None if self.transport is None else getattr(self.transport.getHost(), "port", None)


@implementer(IPushProducer)
class CommandLink(Link):
    """Speaks, and counts what a server that does not read leaves waiting."""

    name = "command"

    def __init__(self, bound: int, lost: Callable[[Exception], None]) -> None:
        super().__init__(lost)
        self._bound = bound
        self._waiting = 0
        self._is_paused = False

    def connectionMade(self) -> None:
        """Ask to be told when bytes wait."""
        super().connectionMade()
        is_plain = not ISSLTransport.providedBy(self.transport)
        self._write = Direct(self.transport).send if is_plain else self.transport.write
        self.transport.registerProducer(self, True)

    def send(self, wire: bytes) -> None:
        """Send. Raises :class:`Congested` while too much waits."""
        if self._is_paused:
            if self._waiting + len(wire) > self._bound:
                raise Congested(f"{self._waiting} bytes wait for a server that does not read")
            self._waiting += len(wire)
        self._write(wire)

    def pauseProducing(self) -> None:
        """The server does not read as fast as we write."""
        self._is_paused = True

    def resumeProducing(self) -> None:
        """All that waited is sent."""
        self._is_paused, self._waiting = False, 0

    def stopProducing(self) -> None:
        """The connection ends: what waits is never sent."""
        self._waiting = 0

    async def close(self) -> None:
        """As others, without waiting for more."""
        if self._is_open and self.transport is not None:
            self.transport.unregisterProducer()
        await super().close()
