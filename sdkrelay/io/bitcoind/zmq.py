"""bitcoind's ZMQ publishers, listened to: announcements as they come, and a word whenever a connection is made anew.

txZMQ knows messages of two parts, reads until the queue is empty however long it is, and says nothing about connections:
the three are put right here. Importing this module installs the reactor (txZMQ does): never import it from a plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.logger import Logger
from txzmq import ZmqConnection, ZmqFactory
from zmq import Event, SocketOption, SocketType
from zmq.error import Again, ZMQError
from zmq.utils.monitor import parse_monitor_message

from ...messages.bitcoin.zmq import TOPICS

#: So many messages are read before the reactor gets its turn.
BATCH = 100
#: So many may wait on our side; what comes above is lost, which the counters show.
HIGH_WATER_MARK = 5_000

Heard = Callable[[str, Sequence[bytes]], None]
Joined = Callable[[str], None]


class ZmqListener:
    """Subscribes to ``hashblock`` and ``sequence`` at each of ``urls``.

    ``heard(url, parts)`` is called for each message, ``joined(url)`` for each connection made, also the first.
    """

    log = Logger()

    def __init__(self, reactor: Any, urls: Sequence[str], heard: Heard, joined: Joined) -> None:
        self._reactor = reactor
        self._urls = urls
        self._heard = heard
        self._joined = joined
        self._factory: Any = None

    def start(self) -> None:
        """Begin to connect; libzmq goes on trying for ever."""
        self._factory = ZmqFactory()
        self._factory.reactor = self._reactor
        for number, url in enumerate(self._urls):
            try:
                self._listen(url, f"inproc://connections-of-{number}")
            except ZMQError as problem:
                self.log.error("no ZMQ from {url}: {problem}; polling instead", url=url, problem=str(problem))

    def stop(self) -> None:
        """Close everything; may be called when nothing is open."""
        factory, self._factory = self._factory, None
        if factory is not None:
            factory.shutdown()

    def _listen(self, url: str, monitor: str) -> None:
        subscription = _Reader(self._factory, SocketType.SUB, lambda parts: self._heard(url, parts))
        subscription.socket.setsockopt(SocketOption.HEARTBEAT_IVL, 30_000)
        subscription.socket.setsockopt(SocketOption.HEARTBEAT_TIMEOUT, 60_000)
        subscription.socket.monitor(monitor, Event.HANDSHAKE_SUCCEEDED)
        connections = _Reader(self._factory, SocketType.PAIR, lambda parts: self._connected(url, parts))
        connections.socket.connect(monitor)
        for topic in TOPICS:
            subscription.socket.subscribe(topic)
        subscription.socket.connect(url)
        # libzmq wakes only a reader that has once found nothing, so each must have read after it was connected.
        connections.doRead()
        subscription.doRead()

    def _connected(self, url: str, parts: Sequence[bytes]) -> None:
        if parse_monitor_message(list(parts))["event"] == Event.HANDSHAKE_SUCCEEDED:
            self._joined(url)


class _Reader(ZmqConnection):
    """A socket that is only read, a bounded number of messages a turn."""

    highWaterMark = HIGH_WATER_MARK
    reconnectInterval = 200
    reconnectIntervalMax = 2_000
    read_scheduled: Any = None

    def __init__(self, factory: Any, kind: int, received: Callable[[list[bytes]], None]) -> None:
        self.socketType = kind
        self.messageReceived = received
        super().__init__(factory)

    def doRead(self) -> None:
        """Read what is there; when there is more, come back in the next turn."""
        if self.read_scheduled is not None and self.read_scheduled.active():
            self.read_scheduled.cancel()
        self.read_scheduled = None
        for _ in range(BATCH):
            if self.factory is None:
                return
            try:
                parts = self.socket.recv_multipart(flags=1)
            except Again:
                return
            self.messageReceived(parts)
        self.read_scheduled = self.factory.reactor.callLater(0, self.doRead)
