"""What every listening HTTP port has, whatever it serves: bounded connections, headers, bodies and times.

``guarded`` puts a Twisted ``Site`` behind a counting wrapper. Each connection always has a deadline: for its first
request's head, for the whole of a request, and for the next one to come. A WebSocket that has opened has none here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address as IPv6
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


#: Headers that a proxy puts in, beside all that begin with ``x-forwarded-``.
_PROXY_HEADERS = frozenset(
    {
        "cf-connecting-ip",
        "fastly-client-ip",
        "forwarded",
        "forwarded-for",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-real-ip",
    }
)

#: A host, an IPv6 address in brackets, and perhaps a port (RFC 3986 §3.2, without what a header cannot have).
_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^][:/@\s]+))(?::[0-9]{1,5})?", re.IGNORECASE)


def is_secure(transport: Any, headers: Mapping[str, str]) -> bool:
    """Whether nobody in between can read along: TLS, or a program of this machine that speaks for itself.

    ``headers`` has the request's headers by lower-case name. Behind a proxy on this machine it is the proxy's word
    (``X-Forwarded-Proto``) that the client's side is encrypted.
    """
    if ISSLTransport.providedBy(transport):
        return True
    if not _is_local(transport.getPeer()):
        return False
    return headers.get("x-forwarded-proto", "").lower() in ("https", "wss") or _speaks_for_itself(headers)


def _speaks_for_itself(headers: Mapping[str, str]) -> bool:
    """Neither passed on by a proxy, nor sent by a browser for a page from elsewhere, whose name may be made to lead here."""
    if any(name in _PROXY_HEADERS or name.startswith("x-forwarded-") for name in headers):
        return False
    scheme, separator, origin = headers.get("origin", "").partition("://")
    is_ours = "origin" not in headers or bool(scheme and separator and _names_loopback(origin))
    return is_ours and ("host" not in headers or _names_loopback(headers["host"]))


def _names_loopback(authority: str) -> bool:
    found = _AUTHORITY.fullmatch(authority)
    host = (found[1] or found[2]) if found else ""
    return host.lower() == "localhost" or is_loopback(host)


def _is_local(peer: IAddress) -> bool:
    if isinstance(peer, IPv4Address | IPv6Address):
        return is_loopback(peer.host)
    return isinstance(peer, UNIXAddress)


def is_loopback(host: str) -> bool:
    """Whether this IP address is the machine's own; also an IPv4 address that came over IPv6 (``::ffff:127.0.0.1``)."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6) else None
    return (mapped or address).is_loopback
