"""A way between two relays on this machine that can be cut and mended, so that the demo and the tests can part relays.

A cut ends what runs over it at once, without a word to either side; whoever connects while it is cut is hung up on.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import connectionDone
from twisted.protocols.portforward import ProxyClient, ProxyClientFactory, ProxyFactory, ProxyServer
from twisted.python.failure import Failure


class Wire(ProxyFactory):
    """Forwards connections to a port of the loopback interface while it is whole; ``entrance`` is the port where it listens.

    ``carried`` counts the bytes that have passed, both ways.
    """

    noisy = False

    def __init__(self, reactor: Any, target: int) -> None:
        super().__init__("127.0.0.1", target)
        self.reactor = reactor
        self.is_whole = True
        self.carried = 0
        self.passages: set[_Entrance] = set()
        self._listening = reactor.listenTCP(0, self, interface="127.0.0.1")
        self.entrance: int = self._listening.getHost().port

    @property
    def url(self) -> str:
        """The address of the relay at its end, over the wire."""
        return f"ws://127.0.0.1:{self.entrance}"

    def buildProtocol(self, address: Any) -> _Entrance | None:
        """A passage, or nothing while it is cut."""
        if not self.is_whole:
            return None
        passage = _Entrance()
        passage.factory, passage.reactor = self, self.reactor
        return passage

    def cut(self) -> None:
        """End what runs over it, and let nothing through."""
        self.is_whole = False
        self.interrupt()

    def mend(self) -> None:
        """Let connections through again."""
        self.is_whole = True

    def interrupt(self) -> None:
        """End what runs over it; new connections pass."""
        for passage in tuple(self.passages):
            passage.abort()

    async def close(self) -> None:
        """Be gone."""
        self.cut()
        # A reactor that stops has ended it already, and then there is nothing to wait for.
        await maybeDeferred(self._listening.stopListening)


class _Ending:
    """A side whose end is the other side's, once that has sent what it was given."""

    peer: Any

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        peer, self.peer = self.peer, None
        if peer is not None:
            peer.transport.unregisterProducer()
            peer.transport.loseConnection()


class _Exit(_Ending, ProxyClient):
    """The side towards the relay that was dialled."""

    def dataReceived(self, data: bytes) -> None:
        cast("_Entrance", self.peer).factory.carried += len(data)
        super().dataReceived(data)


class _ExitFactory(ProxyClientFactory):
    protocol = _Exit
    noisy = False


class _Entrance(_Ending, ProxyServer):
    """The side towards the relay that dials."""

    clientProtocolFactory = _ExitFactory
    factory: Wire

    def connectionMade(self) -> None:
        self.factory.passages.add(self)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.passages.discard(self)
        super().connectionLost(reason)

    def dataReceived(self, data: bytes) -> None:
        self.factory.carried += len(data)
        super().dataReceived(data)

    def abort(self) -> None:
        """End both sides without sending anything more."""
        sides: tuple[Any, ...] = (self.peer, self)
        for side in filter(None, sides):
            side.transport.abortConnection()
