"""The sockets to one bitcoind: counted, so that there are never more than allowed and, while idle, not fewer than wanted.

Twisted's pool keeps connections that were used; it neither bounds how many are open nor opens any beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory


@frozen
class PoolLimits:
    """Connections at most, and at least; ``patience`` is in seconds, for a free one and for a new one."""

    most: int = 16
    fewest: int = 0
    patience: float = 30.0


class CountedConnection(HTTP11ClientProtocol):
    """One socket, which tells its pool when it is gone."""

    def __init__(self, quiescent: Callable[[Any], None], lost: Callable[[CountedConnection], None]) -> None:
        super().__init__(quiescent)
        self._tell_lost = lost

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._tell_lost(self)
        super().connectionLost(reason)


class CountedConnections(_HTTP11ClientFactory):
    """Makes the connections of one pool; says nothing in the log, which a node that is away would fill."""

    noisy = False

    def __init__(self, quiescent: Callable[[Any], None], metadata: str, pool: CountedPool) -> None:
        super().__init__(quiescent, metadata)
        self._pool = pool

    def buildProtocol(self, addr: IAddress | None) -> CountedConnection:
        connection = CountedConnection(self._quiescentCallback, self._pool.lost)
        self._pool.open.add(connection)
        return connection


class CountedPool(HTTPConnectionPool):
    """Connections to one place; ``open`` are all of them, in use or idle."""

    def __init__(self, reactor: Any, most: int) -> None:
        super().__init__(reactor, persistent=True)
        self.retryAutomatically = False
        self.maxPersistentPerHost = most
        self.open: set[CountedConnection] = set()

    def _newConnection(self, key: Any, endpoint: IStreamClientEndpoint) -> Deferred[HTTP11ClientProtocol]:
        factory = CountedConnections(partial(self._putConnection, key), repr(endpoint), self)
        connecting: Deferred[Any] = endpoint.connect(factory)
        return connecting

    async def warm(self, key: Any, endpoint: IStreamClientEndpoint) -> None:
        """Open one connection more and keep it for later. Raises what connecting raises."""
        self._putConnection(key, await self._newConnection(key, endpoint))

    def lost(self, connection: CountedConnection) -> None:
        """This connection is gone; it must not be found idle any more."""
        self.open.discard(connection)
        timeout = self._timeouts.pop(connection, None)
        if timeout is not None and timeout.active():
            timeout.cancel()
        for idle in self._connections.values():
            if connection in idle:
                idle.remove(connection)

    def trim(self, most: int) -> None:
        """Close idle connections, the longest idle first, as far as there are more than ``most``."""
        self.maxPersistentPerHost = most
        for idle in self._connections.values():
            while idle and len(self.open) > most:
                connection = idle[0]
                self.lost(connection)
                connection.transport.loseConnection()
