"""HTTP to one bitcoind: a bounded pool, one time limit for the whole exchange, and an end to what it may send.

treq's own time limit ends with the headers, and its body collectors have no bound; a node that hangs in the middle of a
body, or that is none and sends without end, must cost neither memory nor a stuck task.
"""

from __future__ import annotations

from typing import Any, TypeVar

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    ResponseDone,
    _HTTP11ClientFactory,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent

from .trouble import Trouble, from_exception

T = TypeVar("T")

#: So many exchanges may wait for the pool before another is refused.
MAX_WAITING = 5_000


class NodeHttp:
    """``size`` connections to the node at ``url`` (scheme, host, port), each exchange at most ``timeout`` seconds."""

    def __init__(
        self, reactor: Any, url: str, size: int = 4, timeout: float = 30.0, agent: IAgent | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._clock: IReactorTime = reactor
        self._timeout = timeout
        self._pool = _Pool(reactor, persistent=True)
        self._pool.maxPersistentPerHost = size
        self._pool.retryAutomatically = False
        self._client = HTTPClient(agent or Agent(reactor, connectTimeout=timeout, pool=self._pool))
        self._turns = DeferredSemaphore(size)

    async def exchange(
        self, method: str, path: str, headers: Headers, body: bytes | None, limit: int
    ) -> tuple[int, bytes]:
        """Status and body of one exchange; Trouble if there is none, or if the body has more than ``limit`` bytes."""
        if len(self._turns.waiting) >= MAX_WAITING:
            raise Trouble(f"too many questions are waiting for bitcoind at {self.url}")
        await self._turns.acquire()
        try:
            exchange = Deferred.fromCoroutine(self._exchange(method, path, headers, body, limit))
            return await _cancellable(exchange.addTimeout(self._timeout, self._clock, self._too_late))
        except CancelledError:
            raise
        except Exception as problem:
            raise from_exception(self.url, problem) from None
        finally:
            self._turns.release()

    def _too_late(self, _: object, seconds: float) -> Failure:
        return Failure(Trouble(f"bitcoind at {self.url} did not answer within {seconds:g} seconds"))

    async def close(self) -> None:
        """Let go of idle connections."""
        await self._pool.closeCachedConnections()

    async def _exchange(
        self, method: str, path: str, headers: Headers, body: bytes | None, limit: int
    ) -> tuple[int, bytes]:
        response = await self._client.request(
            method,
            self.url + path,
            headers=headers,
            data=body,
            allow_redirects=False,
            unbuffered=True,
            reactor=self._clock,  # type: ignore[arg-type]
        )
        collector = _Body(limit)
        response.deliverBody(collector)
        if response.length is not UNKNOWN_LENGTH:
            collector.expect(response.length)
        return response.code, await collector.finished


class _Connections(_HTTP11ClientFactory):
    """Does not log every connection made: a node that is away would fill the log."""

    noisy = False


class _Pool(HTTPConnectionPool):
    _factory = _Connections


def _cancellable(exchange: Deferred[T]) -> Deferred[T]:
    """The same result, and plain CancelledError when it is cancelled: the agent has a dozen other names for that."""

    def give_up(answer: Deferred[T]) -> None:
        answer.errback(CancelledError())
        exchange.cancel()

    def deliver(result: Any) -> None:
        if not answer.called:
            answer.callback(result)

    answer: Deferred[T] = Deferred(give_up)
    exchange.addBoth(deliver)
    return answer


class _Body(Protocol):
    """Collects a body up to its limit; cancelled or too long, it drops the connection."""

    def __init__(self, limit: int) -> None:
        self.finished: Deferred[bytes] = Deferred(lambda _: self._drop())
        self._limit = limit
        self._size = 0
        self._parts: list[bytes] = []

    def expect(self, size: int) -> None:
        """The sender announced so many bytes: if they are too many, do not wait for them."""
        if size > self._limit:
            self._refuse()

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._limit:
            self._parts.append(data)
        else:
            self._refuse()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.finished.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.finished.callback(b"".join(self._parts))
        else:
            self.finished.errback(reason)

    def _refuse(self) -> None:
        self._parts.clear()
        if not self.finished.called:
            self.finished.errback(Trouble(f"an answer of more than {self._limit} bytes: this is not bitcoind"))
        self._drop()

    def _drop(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
