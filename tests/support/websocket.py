"""WebSocket as bytes: a small raw client for tests, and a relay's port over transports in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransportWithDisconnection

from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits, WebSocketService

from .conversation import Relay

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8090\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


def frame(payload: bytes, opcode: int = TEXT, final: bool = True) -> bytes:
    """A client's frame, masked with zeros, which leave the payload readable."""
    size = len(payload)
    head = bytes([opcode | (0x80 if final else 0)])
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return head + length + bytes(4) + payload


@define
class Frames:
    """A server's bytes, taken apart: first an HTTP head, then frames."""

    data: bytes = b""
    head: bytes = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The opcode and payload of every frame that is complete."""
        self.data += data
        if not self.head:
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                return
            self.head, self.data = head, rest
        while (one := self._next()) is not None:
            yield one

    def _next(self) -> tuple[int, bytes] | None:
        if len(self.data) < 2:
            return None
        size, start = self.data[1] & 127, 2
        if size > 125:
            start += 2 if size == 126 else 8
            size = int.from_bytes(self.data[2:start], "big")
        if len(self.data) < start + size:
            return None
        opcode, payload = self.data[0] & 15, self.data[start : start + size]
        self.data = self.data[start + size :]
        return opcode, payload


class MemoryTransport(StringTransportWithDisconnection):
    """A transport in memory that can be aborted, and remembers that it was."""

    aborted = False

    def abortConnection(self) -> None:
        """Close without sending what waits."""
        self.aborted = True
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is nothing to delay."""


@define
class MemoryClient:
    """One connection to a port in memory."""

    protocol: Any
    transport: MemoryTransport
    frames: Frames = field(factory=Frames)

    def send(self, data: bytes) -> None:
        """Let bytes arrive, as long as the connection lasts."""
        if self.transport.connected:
            self.protocol.dataReceived(data)

    def say(self, kind: str, **fields: Any) -> None:
        """Let a native message arrive."""
        self.send(frame(json.dumps({"type": kind, **fields}).encode()))

    def raw(self) -> bytes:
        """All bytes that came; they are forgotten."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def received(self) -> list[tuple[int, bytes]]:
        """All frames that came; they are forgotten."""
        return list(self.frames.feed(self.raw()))

    def heard(self) -> list[Any]:
        """All messages that came, decoded."""
        return [json.loads(payload) for opcode, payload in self.received() if opcode == TEXT]

    def close_codes(self) -> list[int]:
        """The codes of all close frames that came."""
        return [int.from_bytes(payload[:2], "big") for opcode, payload in self.received() if opcode == CLOSE]


class MemoryPort:
    """A relay's WebSocket port without a socket."""

    def __init__(self, limits: WebSocketLimits | None = None, http: HttpLimits | None = None) -> None:
        self.relay = Relay()
        self.time = self.relay.time
        reactor: Any = self.time.reactor
        self.factory = RelayFactory(self.relay.around, limits or WebSocketLimits(), self.relay.entropy, reactor)
        self.relay.handshake._crowded = self.factory.crowded
        self.guard = guarded(WebSocketDoor(self.factory), http or HttpLimits(), reactor)
        self.service = WebSocketService(self.factory, reactor)
        self.service.startService()

    def connect(self, host: str = "127.0.0.1") -> MemoryClient:
        """A new connection, nothing sent yet."""
        peer = IPv4Address("TCP", host, 50000)
        return connect(self.guard, peer)

    def upgraded(self, host: str = "127.0.0.1", headers: bytes = b"") -> MemoryClient:
        """A new connection after the WebSocket handshake."""
        client = self.connect(host)
        client.send(UPGRADE + headers + b"\r\n")
        client.received()
        return client


def connect(factory: Any, peer: IPv4Address) -> MemoryClient:
    """A connection in memory to a factory."""
    transport = MemoryTransport(IPv4Address("TCP", "127.0.0.1", 8090), peer)
    protocol = factory.buildProtocol(peer)
    transport.protocol = protocol
    protocol.makeConnection(transport)
    return MemoryClient(protocol, transport)
