"""A client of the relay for Twisted programs: one WebSocket, requests that are awaited, and what the relay tells.

It is thin on purpose: messages are dictionaries as the protocol has them. The demo and the tests use it too.
"""

from __future__ import annotations

import json
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.ssl import optionsForClientTLS

__all__ = ["Closed", "Connection", "Refused", "connect"]


class Refused(Exception):
    """The relay answered a request with an error: its ``code``, message and ``details``."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['error_code']}: {error['message']}")
        self.code: str = error["error_code"]
        self.details: dict[str, Any] = error.get("details", {})


class Closed(Exception):
    """The connection ended: the close ``code`` (None without a closing handshake) and the reason given."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"the connection was closed ({code}): {reason}")
        self.code = code


class Connection:
    """One conversation with a relay, from an accepted handshake on (:attr:`greeting` is its answer)."""

    def __init__(self, protocol: _Protocol) -> None:
        self._protocol = protocol
        self._answers: dict[str, Deferred[dict[str, Any]]] = {}
        self._told: DeferredQueue[dict[str, Any] | None] = DeferredQueue()
        self._ended: Closed | None = None
        self._count = 0
        self.greeting: dict[str, Any] = {}

    async def request(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send a message of this ``type`` and return its answer. Refused if it is an error, Closed without one."""
        if self._ended is not None:
            raise self._ended
        self._count += 1
        identity = str(self._count)
        answer: Deferred[dict[str, Any]] = Deferred()
        self._answers[identity] = answer
        self._protocol.sendMessage(json.dumps({"type": kind, "id": identity, **fields}).encode())
        return await answer

    async def next(self) -> dict[str, Any]:
        """The next message that answers no request: a notification, the progress or the result of a scan. Closed at the end."""
        message = await self._told.get()
        if message is None:
            self._told.put(None)
            assert self._ended is not None, "the end is told after it is known"
            raise self._ended
        return message

    def close(self) -> None:
        """Say goodbye."""
        self._protocol.sendClose(1000)

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._protocol.dropConnection(abort=True)

    def received(self, payload: bytes) -> None:
        """A text frame came."""
        message = json.loads(payload)
        answer = self._answers.pop(message.get("id", ""), None)
        if answer is None:
            self._told.put(message)
        elif message["type"] == "error":
            answer.errback(Refused(message))
        else:
            answer.callback(message)

    def ended(self, code: int | None, reason: str) -> None:
        """The connection is gone; whoever waits is told."""
        self._ended = Closed(code, reason)
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            answer.errback(self._ended)
        self._told.put(None)


class _Protocol(WebSocketClientProtocol):
    """The socket: hands over what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[Connection] | None = Deferred()
        self.connection = Connection(self)

    def onOpen(self) -> None:
        opened, self.opened = self.opened, None
        if opened is not None:
            opened.callback(self.connection)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.connection.received(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.connection.ended(code, reason or "")
        opened, self.opened = self.opened, None
        if opened is not None:
            opened.errback(Closed(code, reason or "the relay did not accept the WebSocket"))


async def connect(reactor: Any, url: str, *, context: Any = None, **handshake: Any) -> Connection:
    """Connect to ``ws://`` or ``wss://`` and shake hands; fields of ``handshake`` are those of the protocol.

    ``wss`` checks the relay's certificate against ``context``, by default what the system trusts. Raises Closed, Refused, or
    what connecting raises.
    """
    factory = WebSocketClientFactory(url, reactor=reactor)
    factory.protocol = _Protocol
    factory.setProtocolOptions(maxMessagePayloadSize=16_000_000, openHandshakeTimeout=10)
    endpoint: Any = HostnameEndpoint(reactor, factory.host, factory.port)
    if factory.isSecure:
        endpoint = wrapClientTLS(context or optionsForClientTLS(factory.host), endpoint)
    protocol = await endpoint.connect(factory)
    connection: Connection = await (protocol.opened or _opened(protocol))
    connection.greeting = await connection.request("handshake", **{"version": "1.0.0", **handshake})
    if connection.greeting["status"] == "rejected":
        raise Closed(1008, connection.greeting.get("reason", "rejected"))
    return connection


async def _opened(protocol: _Protocol) -> Connection:
    return protocol.connection
