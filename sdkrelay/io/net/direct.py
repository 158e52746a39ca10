"""Frames straight to the socket: while nothing waits before them, the way through the reactor costs twice the sending."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.tcp import Connection


class Direct:
    """Sends over a transport, by the shortest way that keeps the order.

    Only a plain TCP connection has one, found through what wraps it: over TLS, or while the transport still has bytes to
    send, it is the transport's ``write``. So it is for what the socket does not take at once; a broken connection is left for
    the transport to find out.
    """

    __slots__ = ("_connection", "_socket_send", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        connection = getattr(transport, "transport", transport)
        # TLS over memory is a transport around the connection, which is found below it: never send past it.
        plain = isinstance(connection, Connection) and not connection.TLS and not ISSLTransport.providedBy(transport)
        self._connection: Any = connection if plain else None
        self._socket_send: Any = connection.socket.send if plain else None

    def send(self, frame: bytes) -> None:
        """Send a frame, or what is left of it, after everything sent before."""
        connection = self._connection
        if connection is None or connection._tempDataBuffer or connection.dataBuffer or connection.disconnecting:
            self._transport.write(frame)
            return
        try:
            sent = self._socket_send(frame)
        except OSError:
            sent = 0
        if sent < len(frame):
            self._transport.write(frame[sent:])
