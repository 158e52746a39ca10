"""A network in memory between hosts that share one clock: connections with latency, bandwidth and back pressure, that can be cut.

What TCP promises holds here too: bytes arrive in order and once, or the connection ends. A path that is closed loses nothing:
what was sent waits, as TCP's retransmissions would, and arrives when the path opens; only who is patient lives to see it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.python.failure import Failure
from zope.interface import implementer

#: Bytes on the way beyond which a sender is asked to pause, and below which it may go on.
HIGH, LOW = 65_536, 16_384
#: Seconds that bytes travel and bytes a second, where nothing else is said.
LATENCY, RATE = 0.01, 1_000_000.0
#: Bytes handed to a protocol at a time.
CHUNK = 65_536


@define(eq=False)
class Path:
    """The way between two hosts: seconds that bytes travel, bytes a second, and whether anything passes now."""

    latency: float = LATENCY
    rate: float = RATE
    is_open: bool = True


@define(eq=False)
class Traffic:
    """What two hosts sent each other: bytes, and how often something was handed over."""

    sent: int = 0
    pieces: int = 0


@define(eq=False)
class _Ended:
    """The last thing on the way: what the other side's protocol is told then."""

    reason: Exception


@define(eq=False)
class _Travelling:
    """Bytes, or the end, that arrive at a time."""

    at: float
    content: bytes | _Ended


@implementer(ITCPTransport, IConsumer, IPushProducer)
class End:
    """One end of a connection: the transport of a protocol on a host."""

    def __init__(self, network: Network, host: Any, here: IPv4Address, there: IPv4Address) -> None:
        self._network = network
        self._host = host
        self._here, self._there = here, there
        self.protocol: Any = None
        self.other: End = self
        self.on_lost: Any = None
        self.connected = True
        self.disconnecting = self.disconnected = False
        self._reading = True
        self._producer: Any = None
        self._paused = False
        self._arriving: deque[_Travelling] = deque()
        self._waiting = 0
        self._pumping = False

    def getPeer(self) -> IPv4Address:
        return self._there

    def getHost(self) -> IPv4Address:
        return self._here

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is delayed for company's sake here."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nobody forgets connections here."""

    def getTcpNoDelay(self) -> bool:
        return True

    def getTcpKeepAlive(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        if data and self.connected and not self.disconnecting and not self._host.dead:
            self.other.send(data)
            self._hold_back()

    def writeSequence(self, iovec: Any) -> None:
        self.write(b"".join(iovec))

    def loseConnection(self) -> None:
        if self.connected and not self.disconnecting:
            self.disconnecting = True
            self._finish()

    def abortConnection(self) -> None:
        if self.connected:
            self.other.reset()
            self._lose(ConnectionAborted())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer, self._paused = producer, False
        self._hold_back()

    def unregisterProducer(self) -> None:
        self._producer = None
        self._finish()

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        if self.connected and not self._reading:
            self._reading = True
            self._pump_soon()

    def stopProducing(self) -> None:
        self.loseConnection()

    @property
    def path(self) -> Path:
        """The way to the other host."""
        return self._network.path(self._here.host, self._there.host)

    def send(self, data: bytes) -> None:
        """The other side sends this to here."""
        self._waiting += len(data)
        self._travel(data, len(data))
        traffic = self._network.traffic(self._here.host, self._there.host)
        traffic.sent += len(data)
        traffic.pieces += 1

    def reset(self) -> None:
        """The other side is gone without a word: what it sent and what has not arrived is lost."""
        self._arriving.clear()
        self._travel(_Ended(ConnectionLost()), 0)

    def cut(self) -> None:
        """The connection breaks, and both sides learn it at once."""
        for end in (self, self.other):
            end._lose(ConnectionLost())

    def crash(self) -> None:
        """The process of this end dies; its system tells the other one."""
        if self.connected:
            self.other.reset()
            self.connected = False
            self._network.ended(self)

    def pump(self) -> None:
        """Hand over what has arrived; come back for what has not."""
        self._pumping = False
        now = self._network.clock.seconds()
        while self.connected and self._reading and self.path.is_open and self._arriving:
            if self._arriving[0].at > now:
                self._pump_at(self._arriving[0].at)
                break
            self._take(now)

    def _travel(self, content: bytes | _Ended, size: int) -> None:
        now, path = self._network.clock.seconds(), self.path
        before = self._arriving[-1].at if self._arriving else 0.0
        self._arriving.append(_Travelling(max(before, now + path.latency) + size / path.rate, content))
        if len(self._arriving) == 1:
            self._pump_at(self._arriving[0].at)

    def _take(self, now: float) -> None:
        """The next piece: as many bytes as have arrived, to a bound, or the end."""
        first = self._arriving.popleft().content
        if isinstance(first, _Ended):
            self._lose(first.reason)
            return
        pieces, size = [first], len(first)
        while self._arriving and self._arriving[0].at <= now and size < CHUNK:
            following = self._arriving[0].content
            if isinstance(following, _Ended):
                break
            self._arriving.popleft()
            pieces.append(following)
            size += len(following)
        self._waiting -= size
        self._host.guarded(self.protocol.dataReceived, b"".join(pieces))
        self.other._drained()

    def _pump_at(self, at: float) -> None:
        if not self._pumping:
            self._pumping = True
            self._network.clock.callLater(max(0.0, at - self._network.clock.seconds()), self.pump)

    def _pump_soon(self) -> None:
        if self._arriving:
            self._pump_at(0.0)

    def _hold_back(self) -> None:
        if self._producer is not None and not self._paused and self.other._waiting > HIGH:
            self._paused = True
            self._producer.pauseProducing()

    def _drained(self) -> None:
        if self.other._waiting > LOW or not self.connected:
            return
        if self._paused and self._producer is not None:
            self._paused = False
            self._host.guarded(self._producer.resumeProducing)
        self._finish()

    def _finish(self) -> None:
        """Close once what was written is as good as gone, and nobody writes on."""
        if self.connected and self.disconnecting and self.other._waiting <= HIGH:
            self.other._travel(_Ended(ConnectionDone()), 0)
            self._lose(ConnectionDone())

    def _lose(self, reason: Exception) -> None:
        if self.connected:
            self.connected = False
            self._arriving.clear()
            self._network.ended(self)
            self._network.clock.callLater(0, self._host.guarded, self._lost, Failure(reason))

    def _lost(self, reason: Failure) -> None:
        self.disconnected = True
        self.protocol.connectionLost(reason)
        if self.on_lost is not None:
            self.on_lost(reason)


@define(eq=False)
class Network:
    """Hosts by address, the paths between them, and all connections."""

    clock: Any
    hosts: dict[str, Any] = field(factory=dict)
    ends: dict[End, None] = field(factory=dict)
    _paths: dict[tuple[str, str], Path] = field(factory=dict)
    _traffic: dict[tuple[str, str], Traffic] = field(factory=dict)
    _ports: int = 49_152

    def path(self, one: str, other: str) -> Path:
        """The way between two addresses, the same in both directions."""
        return self._paths.setdefault((min(one, other), max(one, other)), Path())

    def traffic(self, one: str, other: str) -> Traffic:
        """What has gone between two addresses, both directions together."""
        return self._traffic.setdefault((min(one, other), max(one, other)), Traffic())

    def shut(self, one: str, other: str) -> None:
        """Nothing passes between two addresses any more; what is on the way waits."""
        self.path(one, other).is_open = False

    def open(self, one: str, other: str) -> None:
        """Things pass again, first what has waited."""
        self.path(one, other).is_open = True
        for end in self.between(one, other):
            end._pump_soon()

    def between(self, one: str, other: str) -> list[End]:
        """Both ends of all connections between two addresses."""
        return [end for end in self.ends if {end.getHost().host, end.getPeer().host} == {one, other}]

    def connect(self, caller: Any, called: Any, port: int) -> tuple[End, End]:
        """Two joined ends, without their protocols."""
        self._ports += 1
        near, far = IPv4Address("TCP", caller.address, self._ports), IPv4Address("TCP", called.address, port)
        here, there = End(self, caller, near, far), End(self, called, far, near)
        here.other, there.other = there, here
        self.ends.update({here: None, there: None})
        return here, there

    def ended(self, end: End) -> None:
        """This end is gone."""
        self.ends.pop(end, None)
