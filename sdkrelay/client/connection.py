"""One WebSocket conversation with a relay: requests that are awaited, and what the relay tells.

It is thin on purpose: messages are dictionaries as the protocol has them. :class:`~sdkrelay.client.Client` keeps one up for
good; the demo and the tests use one alone where they want to see it end.
"""

from __future__ import annotations

from typing import Any

import msgspec
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from .errors import Closed, RelayError, TimedOut
from .stream import Bound, Stream

#: Bytes of the largest message that is taken from a relay.
MESSAGE_BYTES = 16_000_000
#: Seconds for TCP, TLS, the upgrade and the handshake, all together.
CONNECT_SECONDS = 15.0
#: Seconds of silence after which a ping is sent, and after which the relay is taken for dead.
PING_SECONDS, SILENCE_SECONDS = 20.0, 60.0
#: Seconds an answer is awaited unless said otherwise.
ANSWER_SECONDS = 60.0
#: Messages that may wait before reading pauses.
MOST = 1_000
#: Seconds until a connection that was said goodbye to is cut.
CLOSE_SECONDS = 5.0


class Connection:
    """One conversation with a relay, from an accepted handshake on (:attr:`greeting` is its answer).

    At most ``most`` messages wait to be taken; then reading pauses, and the relay keeps what it has. While an answer is awaited
    eight times as many may wait, so that whoever handles a message can ask something meanwhile.
    """

    def __init__(self, protocol: Any, reactor: Any, most: int = MOST) -> None:
        self._protocol = protocol
        self._reactor = reactor
        self._answers: dict[str, Deferred[dict[str, Any]]] = {}
        self._bound = Bound(most, protocol.pause, protocol.resume)
        self._told = Stream(self._bound)
        self._scans: dict[str, Stream] = {}
        self._ended: Closed | None = None
        self._waiting: list[Deferred[Closed]] = []
        self._count = 0
        self.greeting: dict[str, Any] = {}

    @property
    def ended(self) -> Closed | None:
        """Why it ended; None while it lasts."""
        return self._ended

    async def request(self, kind: str, *, within: float = ANSWER_SECONDS, **fields: Any) -> dict[str, Any]:
        """Send a message of this ``type`` and return its answer. RelayError if it is an error, Closed or TimedOut without one."""
        if self._ended is not None:
            raise self._ended
        self._count += 1
        identity = str(self._count)
        answer: Deferred[dict[str, Any]] = Deferred()
        self._answers[identity] = answer
        self._bound.stretch(True)
        self._protocol.sendMessage(msgspec.json.encode({"type": kind, "id": identity, **fields}))
        try:
            return await answer.addTimeout(within, self._reactor)
        except DeferredTimeout:
            raise TimedOut(f"{kind} was not answered within {within:g} seconds") from None
        finally:
            self._answers.pop(identity, None)
            self._bound.stretch(bool(self._answers))

    async def next(self) -> dict[str, Any]:
        """The next message that answers no request. What came before the end is still told; then Closed is raised."""
        return await self._told.next()

    def scan(self, *names: str) -> Stream:
        """What comes of a scan from now on, apart from all else: by its ``scan_id``, and an error by its request's ``id``."""
        stream = Stream(self._bound)
        self._scans.update(dict.fromkeys(names, stream))
        return stream

    def forget(self, *names: str) -> None:
        """Nobody takes what comes of this scan any more."""
        for name in names:
            stream = self._scans.pop(name, None)
            if stream is not None:
                stream.drain()

    async def lost(self) -> Closed:
        """Wait for the end; why it came."""
        if self._ended is None:
            waiting: Deferred[Closed] = Deferred()
            self._waiting.append(waiting)
            return await waiting
        return self._ended

    def close(self) -> None:
        """Say goodbye; who does not answer that is cut."""
        self._bound.release()
        self._protocol.leave()

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._protocol.dropConnection(abort=True)

    def received(self, payload: bytes) -> None:
        """A text frame came; one that is no message ends the conversation."""
        try:
            message = msgspec.json.decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            message = None
        if not (isinstance(message, dict) and isinstance(message.get("type"), str)):
            self.refuse("sent what is no message")
            return
        identity = message.get("id")
        answer = self._answers.pop(identity, None) if isinstance(identity, str) else None
        if answer is None:
            self._told_of(message).put(message)
        elif message["type"] == "error":
            answer.errback(RelayError.of(message))
        else:
            answer.callback(message)

    def refuse(self, why: str) -> None:
        """The other side is no relay, or a broken one: end this."""
        self.finish(Closed(None, f"the relay {why}"))
        self.abort()

    def finish(self, closed: Closed) -> None:
        """The connection is gone; whoever waits is told."""
        if self._ended is not None:
            return
        self._ended = closed
        for answer in tuple(self._answers.values()):
            answer.errback(closed)
        for stream in (self._told, *self._scans.values()):
            stream.end(closed)
        for waiting in self._waiting:
            waiting.callback(closed)

    def _told_of(self, message: dict[str, Any]) -> Stream:
        name = message.get(
            {"scan_progress": "scan_id", "scan_response": "scan_id", "error": "id"}.get(message["type"], "")
        )
        return self._scans.get(name, self._told) if isinstance(name, str) else self._told


class _Protocol(WebSocketClientProtocol):
    """The socket: hands over what comes, pings who is silent and cuts who stays so."""

    factory: _Factory
    transport: Any
    heard = 0.0
    paused = False
    cutting: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.opened: Deferred[Connection] = Deferred(self._give_up)
        self.beating = LoopingCall(self._beat)

    def _give_up(self, opened: Deferred[Connection]) -> None:
        opened.errback(CancelledError())
        self.dropConnection(abort=True)

    def onOpen(self) -> None:
        self.connection = Connection(self, self.factory.reactor, self.factory.most)
        self.heard = self.factory.reactor.seconds()
        self.beating.clock = self.factory.reactor
        self.beating.start(PING_SECONDS, now=False)
        self.opened.callback(self.connection)

    def dataReceived(self, data: bytes) -> None:
        self.heard = self.factory.reactor.seconds()
        super().dataReceived(data)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if isBinary:
            self.connection.refuse("sent a binary frame")
        else:
            self.connection.received(payload)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        if self.cutting is not None and self.cutting.active():
            self.cutting.cancel()
        if self.beating.running:
            self.beating.stop()
            self.connection.finish(Closed(code, reason or ""))
        elif not self.opened.called:
            self.opened.errback(Closed(code, reason or "the relay did not accept the WebSocket"))

    def pause(self) -> None:
        """Read nothing for now."""
        self.paused = True
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again; silence is counted from now on."""
        self.paused = False
        self.heard = self.factory.reactor.seconds()
        self.transport.resumeProducing()

    def leave(self) -> None:
        """Close, and cut the connection when that is not answered."""
        if self.state == self.STATE_OPEN:
            self.sendClose(1000)
            self.cutting = self.factory.reactor.callLater(CLOSE_SECONDS, self.dropConnection, abort=True)

    def _beat(self) -> None:
        silent = self.factory.reactor.seconds() - self.heard
        if silent >= SILENCE_SECONDS and not self.paused:
            self.connection.finish(Closed(None, "the relay does not answer"))
            self.dropConnection(abort=True)
        elif silent >= PING_SECONDS / 2:
            self.sendPing()


class _Factory(WebSocketClientFactory):
    """Makes the protocol of one connection; Autobahn's timers stay off, because they know only the global reactor."""

    protocol: Any = _Protocol
    noisy = False

    def __init__(self, url: str, reactor: Any, most: int) -> None:
        super().__init__(url, reactor=reactor)
        self.most = most
        self.setProtocolOptions(
            maxMessagePayloadSize=MESSAGE_BYTES,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
            autoPingInterval=0,
        )


async def connect(
    reactor: Any, url: str, *, context: Any = None, within: float = CONNECT_SECONDS, most: int = MOST, **handshake: Any
) -> Connection:
    """Connect to ``ws://`` or ``wss://`` and shake hands; fields of ``handshake`` are those of the protocol.

    ``wss`` checks the relay's certificate against ``context``, by default what the system trusts. Raises Closed, RelayError,
    TimedOut after ``within`` seconds, or what connecting raises.
    """
    began = reactor.seconds()
    connection = await _open(reactor, url, context, within, most)
    try:
        left = max(within - (reactor.seconds() - began), 0.0)
        connection.greeting = await connection.request("handshake", within=left, **{"version": "1.0.0", **handshake})
        if connection.greeting.get("status") not in ("accepted", "success"):
            raise Closed(1008, str(connection.greeting.get("reason", "rejected")))
    except Exception:
        connection.abort()
        raise
    return connection


async def _open(reactor: Any, url: str, context: Any, within: float, most: int) -> Connection:
    """The upgraded connection, nothing said yet."""
    factory = _Factory(url, reactor, most)
    endpoint: Any = HostnameEndpoint(reactor, factory.host, factory.port, timeout=within)
    if factory.isSecure:
        endpoint = wrapClientTLS(context or optionsForClientTLS(factory.host), endpoint)
    late = Failure(TimedOut(f"no WebSocket within {within:g} seconds"))
    opening = Deferred.fromCoroutine(_upgraded(endpoint, factory))
    return await opening.addTimeout(within, reactor, lambda _, __: late)


async def _upgraded(endpoint: Any, factory: _Factory) -> Connection:
    try:
        protocol = await endpoint.connect(factory)
    except ConnectingCancelledError:
        raise CancelledError from None
    connection: Connection = await protocol.opened
    return connection
