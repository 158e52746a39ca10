"""One host of the simulated network, as the reactor of a process on it: timers, ports, connections; it can die.

All it does ends with its death: timers that were set never fire, what is written goes nowhere, and whoever was connected
hears of it. Whatever fails in a timer or a protocol is logged, as a reactor does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConnector, IListeningPort, IReactorTCP, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from .network import End, Network

log = Logger()


@implementer(IReactorTime, IReactorTCP)
class Host:
    """The reactor of one simulated process. It never says that it runs, so that nothing waits for threads."""

    running = False

    def __init__(self, network: Network, address: str) -> None:
        self.network = network
        self.address = address
        self.dead = False
        self.ports: dict[int, Port] = {}
        network.hosts[address] = self

    def seconds(self) -> float:
        now: float = self.network.clock.seconds()
        return now

    def callLater(self, delay: float, function: Callable[..., Any], *arguments: Any, **named: Any) -> DelayedCall:
        if self.dead:
            return DelayedCall(self.seconds() + delay, function, arguments, named, _nothing, _nothing)
        call: DelayedCall = self.network.clock.callLater(delay, self.guarded, function, *arguments, **named)
        return call

    def callFromThread(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        self.callLater(0, function, *arguments, **named)

    def callWhenRunning(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        self.callLater(0, function, *arguments, **named)

    def getDelayedCalls(self) -> list[DelayedCall]:
        return []

    def addSystemEventTrigger(self, *arguments: Any, **named: Any) -> None:
        """Nobody here shuts down in good order."""

    def guarded(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        """Call it, if the process lives; what it raises is logged."""
        if not self.dead:
            try:
                function(*arguments, **named)
            except Exception:
                log.failure("a call of {address} failed", address=self.address)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Port:
        if port in self.ports:
            raise error.CannotListenError(interface, port, OSError("in use"))
        self.ports[port] = listening = Port(self, port, factory)
        listening.startListening()
        return listening

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> Connector:
        connector = Connector(self, host, port, factory, timeout)
        connector.connect()
        return connector

    def die(self) -> None:
        """The process is gone, with all that it was about to do."""
        self.dead = True
        self.ports.clear()
        self.network.clock.forget(self.guarded)
        for end in [end for end in self.network.ends if end._host is self]:
            end.crash()


@implementer(IListeningPort)
class Port:
    """A listening port."""

    def __init__(self, host: Host, number: int, factory: Any) -> None:
        self._host = host
        self._number = number
        self.factory = factory

    def startListening(self) -> None:
        self.factory.doStart()

    def stopListening(self) -> Deferred[None]:
        if self._host.ports.pop(self._number, None) is self:
            self.factory.doStop()
        return succeed(None)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", self._host.address, self._number)

    def accept(self, end: End) -> None:
        """Somebody has connected."""
        protocol = self.factory.buildProtocol(end.getPeer())
        end.protocol = protocol
        protocol.makeConnection(end)


@implementer(IConnector)
class Connector:
    """Connects a factory to an address, again each time it is asked."""

    def __init__(self, host: Host, address: str, port: int, factory: Any, timeout: float) -> None:
        self._host = host
        self._address, self._port = address, port
        self.factory = factory
        self._timeout = timeout
        self._end: End | None = None
        self._waiting: DelayedCall | None = None
        self.state = "disconnected"
        self._started = False

    def connect(self) -> None:
        self.state = "connecting"
        if not self._started:
            self._started = True
            self.factory.doStart()
        self.factory.startedConnecting(self)
        path = self._host.network.path(self._host.address, self._address)
        wait = path.latency if path.is_open else self._timeout
        self._waiting = self._host.callLater(wait, self._connected if path.is_open else self._timed_out)

    def disconnect(self) -> None:
        if self.state == "connecting":
            self.stopConnecting()
        elif self._end is not None:
            self._end.loseConnection()

    def stopConnecting(self) -> None:
        if self._waiting is not None and self._waiting.active():
            self._waiting.cancel()
        self._failed(error.TimeoutError("given up"))

    def getDestination(self) -> IPv4Address:
        return IPv4Address("TCP", self._address, self._port)

    def _timed_out(self) -> None:
        self._failed(error.TimeoutError())

    def _connected(self) -> None:
        network = self._host.network
        called = network.hosts.get(self._address)
        port = None if called is None or called.dead else called.ports.get(self._port)
        if called is None or port is None:
            self._failed(error.ConnectionRefusedError())
            return
        near, far = network.connect(self._host, called, self._port)
        self.state, self._end = "connected", near
        near.on_lost = self._lost
        called.guarded(port.accept, far)
        near.protocol = protocol = self.factory.buildProtocol(near.getPeer())
        protocol.makeConnection(near)

    def _failed(self, reason: Exception) -> None:
        self._end_with(self.factory.clientConnectionFailed, Failure(reason))

    def _lost(self, reason: Failure) -> None:
        self._end_with(self.factory.clientConnectionLost, reason)

    def _end_with(self, told: Callable[..., None], reason: Failure) -> None:
        self.state, self._end = "disconnected", None
        told(self, reason)
        if self.state == "disconnected":
            self._started = False
            self.factory.doStop()


def _nothing(call: DelayedCall) -> None:
    """A timer of the dead is neither stopped nor moved."""
