"""Dials: a reconnecting WebSocket client for each address, whatever is spoken over it.

A pause before the next attempt is left to chance, between one second and a bound that doubles; it is short again only once the
greeting has succeeded, because whoever accepts connections and refuses conversations would else be dialled every second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.application.service import Service
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.python.failure import Failure

from ...ports import Clock, Entropy, Line
from .backoff import Backoff
from .shell import Heart, Shell
from .tls import TlsError

#: The close code of a side that goes (RFC 6455 §7.4.1).
GOING_AWAY = 1001
#: Seconds for a connection, and for the WebSocket handshake on it.
CONNECT_SECONDS, UPGRADE_SECONDS = 10.0, 10.0
#: What is kept of another side's words about a failure.
LONGEST = 200


@frozen
class Pauses:
    """The shortest and the longest pause before dialling again, in seconds."""

    shortest: float = 1.0
    longest: float = 30.0


class Trust(Protocol):
    """Whose certificates are believed."""

    def over(self, factory: Any, host: str, reactor: Any) -> Any:
        """The factory, spoken to over TLS with this host, whose certificate is verified."""


class CallProtocol(Shell, WebSocketClientProtocol):  # type: ignore[misc]
    """The socket of whoever was dialled; it is the conversation's wire."""

    factory: CallFactory

    began = 0.0
    why: str | None = None

    def connectionMade(self) -> None:
        self.began = self.factory.seconds()
        self.factory.connected(self)
        super().connectionMade()

    def startHandshake(self) -> None:
        self.why = self.factory.unwelcome(self)
        if self.why is None:
            super().startHandshake()
        else:
            self.transport.abortConnection()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.why = self.why or reason
        super().onClose(wasClean, code, reason)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason)
        self.factory.disconnected(self, self.why)

    def send(self, payload: bytes) -> None:
        if self.state == self.STATE_OPEN:
            self.sendMessage(payload)

    def resume_reading(self) -> None:
        self.transport.resumeProducing()

    def beat(self, now: float) -> None:
        if self.session is not None:
            super().beat(now)
        elif now - self.began >= UPGRADE_SECONDS:
            self.transport.abortConnection()


class Watch(Protocol):
    """Whoever wants a line, as :class:`~sdkrelay.ports.LineWatch` and its kin have it."""

    def wanted(self) -> bool:
        """Whether to dial now."""

    def opened(self, conversation: Any) -> Any:
        """A conversation has begun."""

    def failed(self, why: str) -> None:
        """There was none."""


class CallFactory(ReconnectingClientFactory, WebSocketClientFactory):
    """One line: dials its address again and again. It is the :class:`~sdkrelay.ports.Line`."""

    protocol: Any = CallProtocol
    noisy = False

    def __init__(self, address: str, watch: Watch, phone: Phone) -> None:
        WebSocketClientFactory.__init__(self, address, reactor=phone.reactor)
        self.clock = phone.reactor
        self._watch = watch
        self._phone = phone
        self._pauses = Backoff(phone.entropy, phone.pauses().shortest, jitter=1.0)
        self._session: Any = None
        self._protocol: CallProtocol | None = None
        self._why: str | None = None
        self.setProtocolOptions(
            version=18,
            failByDrop=False,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
            autoPingInterval=0,
            maxMessagePayloadSize=phone.message_bytes,
        )

    def dial(self) -> None:
        """Make the next attempt, if it is wanted now."""
        self._callID = None
        self._why = None
        if not self._watch.wanted():
            self.retry()
            return
        phone = self._phone
        try:
            factory = phone.trust.over(self, self.host, phone.reactor) if self.isSecure else self
        except TlsError as error:
            self._watch.failed(str(error))
            self.retry()
        else:
            self.connector = phone.reactor.connectTCP(self.host, self.port, factory, CONNECT_SECONDS)

    def retry(self, connector: Any = None) -> None:
        if self.continueTrying:
            self.retries += 1
            self._callID = self._phone.reactor.callLater(self._pause(), self.dial)

    def resetDelay(self) -> None:
        self.retries = 0
        self._pauses.reset()

    def greeted(self) -> None:
        self.resetDelay()

    def again(self) -> None:
        if self._callID is not None:
            self.resetDelay()
            self._callID.reset(self._pause())

    def stop(self) -> None:
        self._phone.forget(self)
        self.stopTrying()
        if self._session is not None:
            self._session.close(GOING_AWAY, "this relay does not stay")
        elif self._protocol is not None:
            self._protocol.transport.abortConnection()

    def seconds(self) -> float:
        """The clock by which silence is measured."""
        return self._phone.seconds()

    def connected(self, protocol: CallProtocol) -> None:
        """There is a connection."""
        self._protocol = protocol
        self._phone.connections.add(protocol)

    def disconnected(self, protocol: CallProtocol, why: str | None) -> None:
        """There is none any more."""
        self._protocol = None
        self._why = why
        self._phone.connections.discard(protocol)

    def unwelcome(self, protocol: CallProtocol) -> str | None:
        """Why nothing is said over this connection; None if something is."""
        return self._phone.unwelcome(_host(protocol))

    def opened(self, protocol: CallProtocol) -> Any:
        """A new conversation over this connection."""
        session = self._phone.conversation(protocol, bool(self.isSecure), _host(protocol))
        self._session = protocol.session = session
        self._watch.opened(session)
        return session

    def lost(self, protocol: CallProtocol) -> None:
        """The conversation has ended; the connection follows."""

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self._watch.failed(reason.getErrorMessage()[:LONGEST])
        super().clientConnectionFailed(connector, reason)

    def clientConnectionLost(self, connector: Any, unused_reason: Failure) -> None:
        had, self._session = self._session, None
        if had is None:
            self._watch.failed((self._why or unused_reason.getErrorMessage())[:LONGEST])
        super().clientConnectionLost(connector, unused_reason)

    def _pause(self) -> float:
        pauses = self._phone.pauses()
        self._pauses.tune(pauses.shortest, pauses.longest - pauses.shortest)
        return pauses.shortest + self._pauses.delay()


class Phone(Service):
    """Makes lines, and keeps their connections alive; what is spoken over them is :meth:`conversation`'s business.

    ``pauses`` are those in force, asked anew each time.
    """

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        reactor: Any,
        trust: Trust,
        pauses: Callable[[], Pauses],
        message_bytes: int,
    ) -> None:
        self.clock = clock
        self.entropy = entropy
        self.reactor = reactor
        self.trust = trust
        self.pauses = pauses
        self.message_bytes = message_bytes
        self.connections: set[CallProtocol] = set()
        self._lines: set[CallFactory] = set()
        self._heart = Heart(self.connections, self.seconds, reactor)

    def conversation(self, protocol: CallProtocol, secure: bool, host: str) -> Any:
        """What is on this side of a connection to an address: a :class:`~sdkrelay.session.session.Session`, or like one."""
        raise NotImplementedError

    def unwelcome(self, host: str) -> str | None:
        """Why nothing is said to this address; None if something is."""
        return None

    def seconds(self) -> float:
        """The clock by which silence is measured."""
        return self.clock.monotonic()

    def startService(self) -> None:
        super().startService()
        self._heart.start()

    def stopService(self) -> None:
        super().stopService()
        self._heart.stop()
        for line in tuple(self._lines):
            line.stop()

    def line(self, address: str, watch: Watch) -> Line:
        """Dial this address from now on."""
        line = CallFactory(address, watch, self)
        self._lines.add(line)
        line.dial()
        return line

    def forget(self, line: CallFactory) -> None:
        """This line was stopped."""
        self._lines.discard(line)


def _host(protocol: CallProtocol) -> str:
    return getattr(protocol.transport.getPeer(), "host", "")
