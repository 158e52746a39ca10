"""What the two kinds of connections of the bus have in common: how they are set up, counted, given time, and ended."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ...domain.access import Certificate
from ...domain.measure import BUS_CUTS
from ..net.http import is_secure
from ..net.tls import peer_certificate

if TYPE_CHECKING:
    from .door import BusDoor
    from .pair import Pair

log = Logger()

#: Seconds for what was sent last to arrive, and for the other side to say goodbye too.
CLOSE_SECONDS = 5.0
#: A client that hears the goodbye closes by itself; one whose connection closes first may never come to read it.
GOODBYE_SECONDS = 0.5
#: Milliseconds without any sign from the other machine after which the system gives a connection up.
UNANSWERED = 60_000


@implementer(IHandshakeListener)
class BusConnection(Protocol):
    """One connection. It begins once TLS, if there is any, has been agreed; until it has a pair its time is limited."""

    transport: Any
    pair: Pair | None = None
    certificate: Certificate | None = None
    _timer: IDelayedCall | None = None
    is_open = True
    #: Seconds for the other side to read why it is turned away.
    farewell = 0.0

    def __init__(self, door: BusDoor) -> None:
        self.door = door

    @property
    def host(self) -> str:
        """Who connected."""
        return str(getattr(self.transport.getPeer(), "host", ""))

    @property
    def secure(self) -> bool:
        """Whether nobody in between can read along."""
        return is_secure(self.transport, {})

    def connectionMade(self) -> None:
        if not self.door.arrived(self):
            self.cut("full")
            return
        _set_up(self.transport)
        self.wait()
        if not ISSLTransport.providedBy(self.transport):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """All is known of the other side that a connection tells by itself."""
        if not self.is_open:
            return
        self.certificate = peer_certificate(self.transport)
        if self.certificate is None and self.door.around.certificate_required:
            self.turn_away()
        else:
            self.begin()

    def begin(self) -> None:
        """The connection may be used."""

    def turn_away(self) -> None:
        """The other side has not shown a certificate, which it must."""
        self._tell("certificate")
        self.end(self.farewell)

    def wait(self) -> None:
        """From now on its other half has some time to be found."""
        self._forget_timer()
        seconds = self.door.around.limits.pairing_seconds
        self._timer = self.door.around.reactor.callLater(seconds, lambda: self.cut("unpaired"))

    def joined(self, pair: Pair) -> None:
        """It belongs to this client."""
        self.pair = pair
        self._forget_timer()

    def cut(self, why: str) -> None:
        """End the connection for a fault of the other side; the word says which."""
        if self.is_open:
            self.is_open = False
            self._tell(why)
            self.transport.abortConnection()

    def _tell(self, why: str) -> None:
        log.info("a bus connection from {address} is cut: {why}", address=self.host, why=why)
        self.door.around.meter.count(BUS_CUTS, why)

    def end(self, after: float = 0.0) -> None:
        """Close the connection once all is sent, and be gone soon whatever the other side does.

        ``after`` so many seconds, in which the other side may close it first; nothing more is said meanwhile.
        """
        if not self.is_open:
            return
        self.is_open = False
        self.door.leaves(self)
        self._forget_timer()
        if after:
            self._timer = self.door.around.reactor.callLater(after, self.close)
        else:
            self.close()

    def close(self) -> None:
        """Close it now."""
        self.transport.loseConnection()
        self._timer = self.door.around.reactor.callLater(CLOSE_SECONDS, self.transport.abortConnection)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.is_open = False
        self._forget_timer()
        self.door.lost(self)
        if self.pair is not None:
            self.pair.lost(self)

    def _forget_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def _set_up(transport: Any) -> None:
    """Send at once, and do not wait for ever for a machine that has gone."""
    connection = getattr(transport, "transport", transport)
    with suppress(AttributeError, OSError):
        connection.setTcpNoDelay(True)
        connection.setTcpKeepAlive(True)
        connection.getHandle().setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED)
