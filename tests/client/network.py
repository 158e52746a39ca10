"""A network in memory on a clock that a test drives: clients connect to the ports of relays, and bytes take one turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IResolutionReceiver,
    ITransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

Address = tuple[str, int]


@implementer(ITransport)
@define(eq=False)
class Pipe:
    """One end of a connection; what is written arrives at the other end on a later turn, unless that does not read."""

    clock: Clock
    host: IPv4Address
    peer: IPv4Address
    other: Pipe | None = None
    protocol: Any = None
    connected: bool = True
    disconnecting: bool = False
    reading: bool = True
    waiting: list[bytes] = field(factory=list)
    producer: Any = None
    bufferSize: int = 65_536

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self.connected and self.other is not None:
            self.other.waiting.append(bytes(data))
            self.clock.callLater(0, self.other.deliver)

    def writeSequence(self, parts: list[bytes]) -> None:
        """Send bytes in parts."""
        self.write(b"".join(parts))

    def deliver(self) -> None:
        """Let what waits arrive."""
        while self.reading and self.connected and self.waiting:
            self.protocol.dataReceived(self.waiting.pop(0))

    def pauseProducing(self) -> None:
        """Read nothing."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Read again."""
        self.reading = True
        self.clock.callLater(0, self.deliver)

    def loseConnection(self, *_: Any) -> None:
        """End it when all that was sent has arrived."""
        self.disconnecting = True
        self.clock.callLater(0, self._end, ConnectionDone())

    def abortConnection(self) -> None:
        """Cut it."""
        self._end(ConnectionLost())

    def _end(self, reason: Exception) -> None:
        for end in (self, self.other):
            if end is not None and end.connected:
                end.connected = False
                self.clock.callLater(0, end.protocol.connectionLost, Failure(reason))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """There is always room here."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        """Nobody is told of room."""
        self.producer = None

    def getPeer(self) -> IPv4Address:
        """The other side."""
        return self.peer

    def getHost(self) -> IPv4Address:
        """This side."""
        return self.host

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is nothing to delay."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nothing dies unseen."""

    def getTcpNoDelay(self) -> bool:
        """There is nothing to delay."""
        return True


@implementer(IReactorTime, IReactorTCP, IReactorPluggableNameResolver, IHostnameResolver)
class Network(Clock):  # type: ignore[misc]
    """The reactor: its clock, and relays that listen at addresses; ``tried`` are all attempts to connect."""

    def __init__(self) -> None:
        super().__init__()
        self.listening: dict[Address, Any] = {}
        self.pipes: dict[Address, list[Pipe]] = {}
        self.tried: list[Address] = []
        self.silent: set[Address] = set()
        self.nameResolver = self

    def installNameResolver(self, resolver: Any) -> Any:
        """Use another resolver."""
        before, self.nameResolver = self.nameResolver, resolver
        return before

    def resolveHostName(self, receiver: Any, name: str, portNumber: int = 0, *_: Any, **__: Any) -> Any:
        """Every name is its own address."""
        IResolutionReceiver(receiver, receiver).resolutionBegan(None)  # type: ignore[call-arg]
        receiver.addressResolved(IPv4Address("TCP", name, portNumber))
        receiver.resolutionComplete()

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "127.0.0.1") -> None:
        """Take connections at this address."""
        self.listening[(interface, port)] = factory

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Any:
        """Connect, unless nobody listens there (refused) or nobody answers there (silent)."""
        self.tried.append((host, port))
        connector = Connector(self, (host, port), factory)
        factory.doStart()
        if (host, port) not in self.silent:
            self.callLater(0, connector.go)
        return connector

    def cut(self, address: Address) -> None:
        """Cut all connections to an address."""
        for pipe in self.pipes.pop(address, []):
            pipe.abortConnection()

    def kill(self, address: Address) -> Any:
        """Nobody listens there any more, and all connections are cut; what was there, to be put back."""
        server = self.listening.pop(address)
        self.cut(address)
        return server

    def run(self, turns: int = 200) -> None:
        """Let happen what is due now."""
        for _ in range(turns):
            self.advance(0)

    def until(self, condition: Callable[[], Any], seconds: float = 300.0) -> None:
        """Let time pass until something is so. AssertionError when it does not come to that."""
        end = self.seconds() + seconds
        while not condition():
            if self.seconds() > end:
                raise AssertionError(f"not so after {seconds} seconds")
            self.run(20)
            if not condition():
                self.advance(0.25)

    def result(self, coroutine: Any, seconds: float = 300.0) -> Any:
        """The result of a coroutine, letting time pass as it needs."""
        results: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(results.append)
        self.until(lambda: results, seconds)
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]


@define
class Connector:
    """One attempt to connect."""

    network: Network
    address: Address
    factory: Any
    given_up: bool = False

    def go(self) -> None:
        """Connect both ends, or be refused."""
        server = self.network.listening.get(self.address)
        if self.given_up:
            return
        if server is None:
            self.factory.clientConnectionFailed(self, Failure(ConnectError()))
            return
        here, there = IPv4Address("TCP", "127.0.0.1", 50_000), IPv4Address("TCP", *self.address)
        pipe, far = Pipe(self.network, here, there), Pipe(self.network, there, here)
        pipe.other, far.other = far, pipe
        far.protocol, pipe.protocol = server.buildProtocol(here), self.factory.buildProtocol(there)
        self.network.pipes.setdefault(self.address, []).append(pipe)
        far.protocol.makeConnection(far)
        pipe.protocol.makeConnection(pipe)

    def stopConnecting(self) -> None:
        """Give up."""
        self.given_up = True
        self.factory.clientConnectionFailed(self, Failure(ConnectError()))

    disconnect = stopConnecting
