"""The WebSocket port: whoever connects gets a session, as long as there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import autobahn.websocket
from attrs import frozen
from autobahn.twisted.resource import WebSocketResource
from autobahn.twisted.util import peer2str
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.http import Request
from twisted.web.resource import Resource

from ...ports import Entropy
from ...session.session import GOING_AWAY, Session, Surroundings
from .arrival import approach_of, make_origin_readable
from .direct import Direct
from .frames import MANY, short_texts, text_frame
from .http import READ_BYTES, RETRY_SECONDS, is_secure
from .proxies import DIRECT, Proxies
from .shell import Heart, Shell
from .turn import Turn

log = Logger()

_WELCOME = "This is the WebSocket port of an sdkrelay. Connect with a WebSocket client and send a handshake."
#: When to try again where there are too many clients.
FULL_SECONDS = 30


@frozen
class WebSocketLimits:
    """Sessions at a time, and bytes of one message."""

    connections: int = 1000
    message_bytes: int = 1_000_000


class GuardedProtocol(WebSocketServerProtocol):
    """Autobahn's protocol where something of ours stands between it and TLS; its own start asks for the bare TLS connection."""

    transport: Any
    tcpNoDelay: bool

    def connectionMade(self) -> None:
        self.peer = peer2str(self.transport)
        with suppress(AttributeError, OSError):
            self.transport.setTcpNoDelay(self.tcpNoDelay)
        self._connectionMade()

    def _closeConnection(self, abort: bool = False) -> None:
        # Aborting would take back the close frame that says what was wrong with the client's.
        super()._closeConnection(abort and not self.failedByMe)


class PatientProtocol(GuardedProtocol):
    """A socket that reads in small pieces, short texts many at a time, and keeps the rest for a later turn of the reactor when
    this one's time is used up."""

    factory: RelayFactory
    transport: Any
    session: Session | None = None
    unread = b""
    data: bytes
    state: Any
    STATE_OPEN: Any
    STATE_CLOSING: Any
    STATE_CLOSED: Any
    processData: Callable[[], bool]
    inside_message: bool
    current_frame: Any
    maxMessagePayloadSize: int

    def dataReceived(self, data: bytes) -> None:
        if self.unread or not self.factory.turn.has_time():
            self._keep(data)
        else:
            self._read(data)

    def consumeData(self) -> None:
        if self.state not in (self.STATE_OPEN, self.STATE_CLOSING):
            super().consumeData()
            return
        left, more = MANY, False
        if self.state == self.STATE_OPEN and not (self.inside_message or self.current_frame):
            texts, end, more = short_texts(self.data, self.maxMessagePayloadSize)
            if texts:
                assert self.session is not None
                self.data = self.data[end:]
                self.session.receive(*texts)
            left -= len(texts)
        while left and not more and self.processData() and self.state != self.STATE_CLOSED:
            left -= 1
        if not left and self.data:
            # For a later turn: it may be much, and if it ends the conversation that comes after the answers to these.
            rest, self.data = self.data, b""
            self._keep(rest)

    def resume_reading(self) -> None:
        if not self.unread and (self.session is None or self.session.reading):
            self.transport.resumeProducing()

    def _read(self, data: bytes) -> None:
        """Read no more than comes at a time over plain TCP: what TLS hands over may be four times that."""
        super().dataReceived(data[:READ_BYTES])
        if len(data) > READ_BYTES and self.transport.connected:
            self._keep(data[READ_BYTES:])

    def _keep(self, data: bytes) -> None:
        if not self.unread:
            self.factory.turn.wait(self._read_on)
        self.unread += data
        self.transport.pauseProducing()

    def _read_on(self) -> None:
        data, self.unread = self.unread, b""
        if self.transport.connected:
            self._read(data)
            self.resume_reading()


class RelayProtocol(Shell, PatientProtocol):  # type: ignore[misc]
    """One client's socket; it is the session's wire."""

    def onOpen(self) -> None:
        self._direct = Direct(self.transport)
        super().onOpen()

    def send(self, payload: bytes) -> None:
        if self.state == self.STATE_OPEN:
            last, ready = self.factory.last_frame
            self._direct.send(ready if last is payload else self.factory.framed(payload))

    def send_all(self, payloads: Sequence[bytes]) -> None:
        if len(payloads) == 1:
            self.send(payloads[0])
        elif self.state == self.STATE_OPEN:
            self._direct.send(b"".join(map(text_frame, payloads)))


class RelayFactory(WebSocketServerFactory):
    """Makes the protocols of one port and knows those that are open."""

    protocol: Any = RelayProtocol
    noisy = False
    farewell: tuple[int, str] | None = None

    def __init__(
        self,
        around: Surroundings,
        limits: WebSocketLimits,
        entropy: Entropy,
        reactor: IReactorTime,
        proxies: Proxies = DIRECT,
    ) -> None:
        super().__init__(reactor=reactor)
        self._proxies = proxies
        self._most = limits.connections
        self._crowd: dict[str, str] = {}
        self._around = around
        self._entropy = entropy
        self.open: set[RelayProtocol] = set()
        self.last_frame = (b"", b"")
        self.turn = Turn(reactor, self.seconds)
        self.setProtocolOptions(
            versions=[13],
            failByDrop=False,
            echoCloseCodeReason=True,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            autoPingInterval=0,
            serveFlashSocketPolicy=False,
        )
        self.limit(limits)

    def limit(self, limits: WebSocketLimits) -> None:
        """Other limits, for connections that are made from now on."""
        # Autobahn keeps what is not named here, but takes no word about null origins for a refusal.
        self._most = limits.connections
        self.setProtocolOptions(maxMessagePayloadSize=limits.message_bytes, allowNullOrigin=True)

    def seconds(self) -> float:
        """The clock by which silence is measured."""
        return self._around.clock.monotonic()

    def opened(self, protocol: RelayProtocol) -> Session:
        """A new conversation over this protocol."""
        transport = protocol.transport
        full = len(self.open) - len(self._crowd) >= self._most
        if hasattr(transport, "expect"):
            transport.expect(RETRY_SECONDS if full else None)
        self.open.add(protocol)
        secure = is_secure(transport, protocol.http_headers)
        approach = approach_of(transport, protocol.http_headers, self._proxies)
        # What the upgrade has said is kilobytes a client, and nobody asks for it again.
        protocol.http_headers, protocol.http_request_data, protocol.http_response_data = {}, b"", ""
        session = Session(self._around, protocol, self._entropy.bytes(16).hex(), secure, approach)
        if self.farewell is not None:
            session.close(*self.farewell)
        elif full:
            self._turn_away(session)
        return session

    def _turn_away(self, session: Session) -> None:
        """All places are taken: a handshake is answered with that, and there is little time to send one."""
        reason = f"this relay is full: {self._most} connections; try again in {FULL_SECONDS} s"
        self._crowd[session.session_id] = reason
        session.at_end(partial(self._crowd.__delitem__, session.session_id))
        session.crowd()

    def crowded(self, session_id: str) -> str | None:
        """Why there is no room for this session; None where there is."""
        return self._crowd.get(session_id)

    def dismiss(self, code: int, reason: str) -> None:
        """Say goodbye to all who are here, and to whoever still comes."""
        self.farewell = (code, reason)
        for protocol in tuple(self.open):
            if protocol.session is not None:
                protocol.session.close(code, reason)

    def lost(self, protocol: RelayProtocol) -> None:
        """This protocol's connection is gone."""
        self.open.discard(protocol)

    def framed(self, payload: bytes) -> bytes:
        """The payload as a frame; the same payload for many receivers is framed once."""
        if payload is not self.last_frame[0]:
            self.last_frame = (payload, text_frame(payload))
        return self.last_frame[1]


class WebSocketDoor(Resource):
    """The root of the port: upgrades go to Autobahn, people get a short page that begins with the introduction's lines."""

    isLeaf = True

    def __init__(self, factory: RelayFactory, introduction: Callable[[], list[str]] = list) -> None:
        super().__init__()
        self._upgrade = WebSocketResource(factory)
        self._introduction = introduction

    def render(self, request: Request) -> Any:
        is_upgrade = (request.getHeader("upgrade") or "").lower() == "websocket"
        if is_upgrade and not _has_body(request):
            make_origin_readable(request)
            return self._upgrade.render(request)
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        if is_upgrade:
            request.setResponseCode(400)
            return b"An upgrade has no body.\n"
        if request.method not in (b"GET", b"HEAD"):
            request.setResponseCode(405)
            request.setHeader("Allow", "GET, HEAD")
            return b"Only GET is understood here.\n"
        lines = [*self._introduction(), _WELCOME]
        return "".join(f"{line}\n" for line in lines).encode()


def _has_body(request: Request) -> bool:
    """Autobahn would take it for frames, all of it at once."""
    return request.content is not None and bool(request.content.read(1))


class WebSocketService(Service):
    """Keeps the open connections alive, and says goodbye to all of them (code and reason) when the relay stops."""

    farewell = (GOING_AWAY, "the relay is stopping")

    def __init__(self, factory: RelayFactory, reactor: IReactorTime) -> None:
        self._factory = factory
        self._heart = Heart(factory.open, factory.seconds, reactor)

    def startService(self) -> None:
        super().startService()
        log.info("WebSocket native code: {native}", native=autobahn.websocket.USES_NVX)
        self._heart.start()

    def stopService(self) -> None:
        super().stopService()
        self._heart.stop()
        self._factory.dismiss(*self.farewell)
