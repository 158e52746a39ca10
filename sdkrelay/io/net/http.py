"""What every listening HTTP port has, whatever it serves: bounded connections, headers, bodies and times.

``guarded`` puts a Twisted ``Site`` behind a counting wrapper. Each connection always has a deadline: for its first
request's head, for the whole of a request, and for the next one to come. A WebSocket that has opened has none here.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request, Site


@frozen
class HttpLimits:
    """What one listening port takes: connections, bytes of a body, seconds for a request's head and for all of it."""

    connections: int = 100
    body_bytes: int = 10_000_000
    head_seconds: float = 10.0
    request_seconds: float = 30.0


#: Seconds added to ``request_seconds`` before a connection is dropped: the handler's own time-out answers first.
GRACE = 5.0


#: Bytes read from a socket at a time: thousands of tiny WebSocket frames in one read would hold the reactor for long.
READ_BYTES = 4096


def bare_response(status: str, code: str, message: str) -> bytes:
    """A whole HTTP response that ends the connection, for where no request can be answered any more."""
    body = f'{{"error":{{"code":"{code}","message":"{message}","details":{{}}}}}}'.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


class Refusal(Protocol):
    """Says that all connections are taken, and closes."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(bare_response("503 Service Unavailable", "LIMIT_EXCEEDED", "too many connections"))
        self.transport.loseConnection()


class GuardedConnection(ProtocolWrapper):
    """One connection with a deadline, counted while it lasts."""

    factory: Guard
    transport: Any
    _deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.factory.connections += 1
        getattr(self.transport, "transport", self.transport).bufferSize = READ_BYTES
        self.expect(self.factory.limits.head_seconds)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.factory.connections -= 1
        self.expect(None)
        super().connectionLost(reason)

    def expect(self, seconds: float | None) -> None:
        """Drop the connection after so many seconds, unless this is called again before; None: never."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.factory.reactor.callLater(seconds, self._drop)

    def _drop(self) -> None:
        abort = getattr(self.transport, "abortConnection", None) or self.transport.loseConnection
        abort()


class Guard(WrappingFactory):
    """The factory of one port. ``connections`` is how many are open now."""

    protocol = GuardedConnection

    def __init__(self, site: Site, limits: HttpLimits, reactor: IReactorTime) -> None:
        super().__init__(site)
        self.limits = limits
        self.reactor = reactor
        self.connections = 0

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return Refusal() if self.connections >= self.limits.connections else super().buildProtocol(addr)


class BoundedRequest(Request):
    """A request whose body has a limit; more than that is answered with 413 as soon as it is known, and not kept."""

    _overflowed = False

    def _guard(self) -> tuple[GuardedConnection, HttpLimits]:
        connection: Any = self.channel.transport
        return connection, connection.factory.limits

    def gotLength(self, length: int | None) -> None:
        connection, limits = self._guard()
        connection.expect(limits.request_seconds + GRACE)
        if length is not None and length > limits.body_bytes:
            self._overflow(connection)
            length = 0
        super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        connection, limits = self._guard()
        assert self.content is not None
        if not self._overflowed and self.content.tell() + len(data) > limits.body_bytes:
            self._overflow(connection)
        if not self._overflowed:
            super().handleContentChunk(data)

    def _overflow(self, connection: GuardedConnection) -> None:
        self._overflowed = True
        connection.write(bare_response("413 Content Too Large", "TOO_LARGE", "the body is too large"))
        connection.expect(GRACE)

    def process(self) -> None:
        if self._overflowed:
            self._guard()[0].loseConnection()
        else:
            super().process()

    def finish(self) -> None:
        connection, limits = self._guard()
        connection.expect(limits.request_seconds)
        super().finish()


def guarded(resource: IResource, limits: HttpLimits, reactor: IReactorTime) -> Guard:
    """The factory that serves this resource within the limits."""
    site = Site(resource, requestFactory=BoundedRequest, timeout=limits.request_seconds, reactor=reactor)
    site.displayTracebacks = False
    site.noisy = False
    return Guard(site, limits, reactor)


def is_secure(transport: Any, headers: dict[str, str]) -> bool:
    """Whether nobody in between can read along: TLS, or this machine.

    ``headers`` has the request's headers by lower-case name. Behind a proxy on this machine (a header says so) it is the
    proxy's word that the client's side is encrypted.
    """
    if ISSLTransport.providedBy(transport):
        return True
    behind_proxy = any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
    encrypted = headers.get("x-forwarded-proto") in ("https", "wss")
    return _is_local(transport.getPeer()) and (encrypted or (not behind_proxy and "x-forwarded-proto" not in headers))


def _is_local(peer: IAddress) -> bool:
    if isinstance(peer, IPv4Address | IPv6Address):
        return is_loopback(peer.host)
    return isinstance(peer, UNIXAddress)


def is_loopback(host: str) -> bool:
    """Whether this IP address is the machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
