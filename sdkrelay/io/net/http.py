"""What every listening HTTP port has, whatever it serves: bounded connections, headers, bodies and times.

``guarded`` puts a Twisted ``Site`` behind a counting wrapper. Each connection always has a deadline: for its first
request's head, for the whole of a request, and for the next one to come. A WebSocket that has opened has none here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
from ipaddress import IPv6Address as IPv6
from ipaddress import ip_address
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from .proxies import DIRECT, Proxies


@frozen
class HttpLimits:
    """What one listening port takes: connections, bytes of a body and of a head, seconds for a head and for all of a request."""

    connections: int = 100
    body_bytes: int = 10_000_000
    head_seconds: float = 10.0
    request_seconds: float = 30.0
    head_bytes: int = 16_384


#: Seconds added to ``request_seconds`` before a connection is dropped: the handler's own time-out answers first.
GRACE = 5.0


#: When to try again where all connections are taken: whoever says nothing has been dropped by then.
RETRY_SECONDS = 10


#: Bytes read from a socket at a time: thousands of tiny WebSocket frames in one read would hold the reactor for long.
READ_BYTES = 4096


def bare_response(status: str, code: str, message: str, now: float, retry_after: int | None = None) -> bytes:
    """A whole HTTP response that ends the connection, for where no request can be answered any more; ``now`` is in seconds."""
    again = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
    body = f'{{"error":{{"code":"{code}","message":"{message}","details":{{}}}},"timestamp":{int(now)}}}'.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{again}Connection: close\r\n\r\n"
    return head.encode() + body


@frozen
class Upload:
    """An exception for one path: so many bytes may come there, and take as long as they keep coming, from whom is admitted.

    ``admit`` is asked while the body waits; what it answers is None, or a whole response that ends the connection.
    """

    body_bytes: int
    admit: Callable[[Request], Awaitable[bytes | None]]


class Refusal(Protocol):
    """Says that all connections are taken, and closes."""

    def __init__(self, limits: HttpLimits, now: float) -> None:
        self._limits = limits
        self._now = now

    def connectionMade(self) -> None:
        assert self.transport is not None
        message = f"all {self._limits.connections} connections are taken: try again in {RETRY_SECONDS} s"
        response = bare_response("503 Service Unavailable", "LIMIT_EXCEEDED", message, self._now, RETRY_SECONDS)
        self.transport.write(response)
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
            if seconds is not None:
                self._deadline.reset(seconds)
                return
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
        self.uploads: Mapping[bytes, Upload] = {}

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.connections >= self.limits.connections:
            return Refusal(self.limits, self.reactor.seconds())
        return super().buildProtocol(addr)


class BoundedRequest(Request):
    """A request whose body has a limit; more than that is answered with 413 as soon as it is known, and not kept."""

    _overflowed = False
    _upload: Upload | None = None

    def _guard(self) -> tuple[GuardedConnection, HttpLimits]:
        connection: Any = self.channel.transport
        return connection, connection.factory.limits

    def keep(self) -> None:
        """The connection is in good use: its time for this request begins anew."""
        connection, limits = self._guard()
        connection.expect(limits.request_seconds + GRACE)

    def _most(self) -> int:
        return self._guard()[1].body_bytes if self._upload is None else self._upload.body_bytes

    def _await_admission(self, connection: GuardedConnection, upload: Upload) -> None:
        """Let no more of a large body come until it is known whose it is."""
        self.method, self.clientproto = self.channel._command, self.channel._version
        network = connection.transport
        network.pauseProducing()

        def admitted(refusal: bytes | None) -> None:
            network.resumeProducing()
            if refusal is not None and not self._overflowed and not self.finished:
                self._refuse(connection, refusal)

        Deferred.fromCoroutine(_awaited(upload.admit(self))).addCallbacks(
            admitted, lambda _: connection.loseConnection()
        )

    def gotLength(self, length: int | None) -> None:
        connection, limits = self._guard()
        connection.expect(limits.request_seconds + GRACE)
        self._upload = connection.factory.uploads.get(self.channel._path.partition(b"?")[0])
        if self._upload is not None and (length is None or length > limits.body_bytes):
            self._await_admission(connection, self._upload)
        if length is not None and length > self._most():
            self._overflow(connection)
            length = 0
        super().gotLength(length)

    def handleContentChunk(self, data: bytes) -> None:
        connection, _ = self._guard()
        assert self.content is not None
        if self._upload is not None:
            self.keep()
        if not self._overflowed and self.content.tell() + len(data) > self._most():
            self._overflow(connection)
        if not self._overflowed:
            super().handleContentChunk(data)

    def _overflow(self, connection: GuardedConnection) -> None:
        message, now = f"a body has at most {self._most()} bytes", connection.factory.reactor.seconds()
        self._refuse(connection, bare_response("413 Content Too Large", "TOO_LARGE", message, now))

    def _refuse(self, connection: GuardedConnection, response: bytes) -> None:
        self._overflowed = True
        connection.write(response)
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


async def _awaited(answer: Awaitable[bytes | None]) -> bytes | None:
    return await answer


def access_line(timestamp: str, request: Any, proxies: Proxies = DIRECT) -> str:
    """A line of the access log: who, when, what, with what result and size; no query, which may hold what it should not."""
    path = repr(request.uri.partition(b"?")[0].decode("latin-1"))[1:-1]
    method = repr(request.method.decode("latin-1"))[1:-1]
    peer = getattr(request.getClientAddress(), "host", "-")
    address = proxies.client(peer, lower_headers(request)) if peer in proxies.trusted else peer
    return f"{address} {timestamp} {method} {path} {request.code} {request.sentLength}"


class BoundedChannel(HTTPChannel):
    """Reads heads up to a limit; whoever sends more is told so, and in JSON too whoever sends what is no HTTP."""

    def makeConnection(self, transport: Any) -> None:
        self.totalHeadersSize = self.MAX_LENGTH = transport.factory.limits.head_bytes
        super().makeConnection(transport)

    def lineLengthExceeded(self, line: bytes) -> None:
        self._receivedHeaderSize = self.totalHeadersSize + 1
        self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        transport: Any = self.transport
        now = transport.factory.reactor.seconds()
        if self._receivedHeaderSize > self.totalHeadersSize:
            message = f"the head of a request has at most {self.totalHeadersSize} bytes"
            transport.write(bare_response("431 Request Header Fields Too Large", "TOO_LARGE", message, now))
        else:
            transport.write(bare_response("400 Bad Request", "VALIDATION_ERROR", "this is not HTTP/1.1", now))
        self.loseConnection()


class BoundedSite(Site):
    """Makes the channels of a guarded port."""

    protocol: Any = BoundedChannel


def guarded(resource: IResource, limits: HttpLimits, reactor: IReactorTime, proxies: Proxies = DIRECT) -> Guard:
    """The factory that serves this resource within the limits."""
    written = partial(access_line, proxies=proxies)
    site = BoundedSite(resource, BoundedRequest, logFormatter=written, timeout=limits.request_seconds, reactor=reactor)
    site.displayTracebacks = False
    site.noisy = False
    return Guard(site, limits, reactor)


def lower_headers(request: Request) -> dict[str, str]:
    """The headers of a request by lower-case name; several of one name joined by commas, as RFC 9110 has it."""
    return {
        name.lower().decode("latin-1"): b", ".join(values).decode("latin-1")
        for name, values in request.requestHeaders.getAllRawHeaders()
    }


#: Headers that a proxy puts in, beside all that begin with ``x-forwarded``.
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


def names_a_proxy(headers: Mapping[str, str]) -> bool:
    """Whether one of the headers, by lower-case name, is a proxy's; one is enough for a request not to be direct."""
    return any(name in _PROXY_HEADERS or name.startswith("x-forwarded") for name in headers)


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
    if names_a_proxy(headers):
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


@lru_cache(maxsize=4096)
def is_loopback(host: str) -> bool:
    """Whether this IP address is the machine's own; also an IPv4 address that came over IPv6 (``::ffff:127.0.0.1``)."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6) else None
    return (mapped or address).is_loopback
