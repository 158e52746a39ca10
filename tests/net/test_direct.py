"""The shortest way to the socket: taken where nothing is between, and nowhere else."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.tcp import Connection
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from sdkrelay.io.net.direct import Direct


@implementer(ISSLTransport)
class OverMemory:
    """TLS as a transport around a connection."""

    def __init__(self, transport: Connection) -> None:
        self.transport = transport
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """What is to be encrypted."""
        self.written.append(data)


class Around:
    """Anything else around a connection, as HTTP is before its upgrade."""

    def __init__(self, transport: Connection) -> None:
        self.transport = transport


class DirectTests(SynchronousTestCase):
    """A connection over a pair of sockets."""

    def setUp(self) -> None:
        """Nobody runs a reactor."""
        near, self.far = socket.socketpair()
        self.far.setblocking(False)
        self.connection = Connection(near, None, None)  # type: ignore[arg-type, no-untyped-call]
        self.addCleanup(near.close)
        self.addCleanup(self.far.close)

    def sent(self) -> bytes:
        """What has come out at the other end."""
        try:
            return self.far.recv(100)
        except BlockingIOError:
            return b""

    def test_plain_text_goes_straight_to_the_socket(self) -> None:
        """Through what wraps the connection."""
        wrappers: list[Any] = [self.connection, Around(self.connection)]
        for transport in wrappers:
            Direct(transport).send(b"frame")
            self.assertEqual(self.sent(), b"frame")

    def test_nothing_goes_past_tls(self) -> None:
        """A frame is handed to what encrypts it, and not to the socket below."""
        transport = OverMemory(self.connection)
        Direct(transport).send(b"frame")
        self.assertEqual((transport.written, self.sent()), ([b"frame"], b""))
