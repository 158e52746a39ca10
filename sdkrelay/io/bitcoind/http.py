"""HTTP to one bitcoind: a bounded pool, one time limit for the whole exchange, and an end to what it may send.

treq's own time limit ends with the headers, and its body collectors have no bound; a node that hangs in the middle of a
body, or that is none and sends without end, must cost neither memory nor a stuck task.
"""

from __future__ import annotations

from typing import Any, TypeVar

from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from ...domain.measure import RPC_EXCHANGES, RPC_SECONDS, Unmetered
from ...ports import Meter
from .pool import CountedPool, PoolLimits
from .trouble import Crowded, Trouble, from_exception
from .turns import Turns

T = TypeVar("T")

#: So many exchanges may wait for the pool before another is refused.
MAX_WAITING = 5_000


class NodeHttp:
    """The node at ``url`` (scheme, host, port), over a bounded pool; each exchange takes at most ``timeout`` seconds."""

    log = Logger()

    def __init__(self, reactor: Any, url: str, limits: PoolLimits | None = None, timeout: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self.meter: Meter = Unmetered()
        self._clock: IReactorTime = reactor
        self._timeout = timeout
        self._limits = limits or PoolLimits()
        self._pool = CountedPool(reactor, self._limits.most)
        self._turns = Turns(reactor, self._limits.most)
        self._agent = self._make_agent()
        self._opening = 0

    def resize(self, limits: PoolLimits) -> None:
        """Other bounds, from now on; connections in use are left to finish."""
        self._limits = limits
        self._agent = self._make_agent()
        self._pool.trim(limits.most)
        self._turns.resize(limits.most)

    def _make_agent(self) -> Agent:
        return Agent(self._clock, connectTimeout=self._limits.patience, pool=self._pool)

    def warm(self) -> None:
        """Begin to open what is missing of the fewest connections wanted; call this while the node is well."""
        for _ in range(self._limits.fewest - len(self._pool.open) - self._opening):
            if self._turns.free:
                Deferred.fromCoroutine(self._open_one()).addErrback(self._not_opened)

    async def _open_one(self) -> None:
        self._opening += 1
        try:
            await self._turns.take(self._limits.patience)
            try:
                place = URI.fromBytes(self.url.encode())
                await self._pool.warm((place.scheme, place.host, place.port), self._agent._getEndpoint(place))
            finally:
                self._turns.give_back()
        finally:
            self._opening -= 1

    def _not_opened(self, failure: Failure) -> None:
        self.log.debug("no connection beforehand: {why}", why=failure.getErrorMessage())

    async def exchange(
        self, method: str, path: str, headers: Headers, body: bytes | None, limit: int
    ) -> tuple[int, bytes]:
        """Status and body of one exchange; Trouble if there is none, or if the body has more than ``limit`` bytes."""
        began, outcome = self._clock.seconds(), "failed"
        await self._turn()
        try:
            exchange = Deferred.fromCoroutine(self._exchange(method, path, headers, body, limit))
            answer = await _cancellable(exchange.addTimeout(self._timeout, self._clock, self._too_late))
            outcome = "ok"
            return answer
        except CancelledError:
            raise
        except Exception as problem:
            raise from_exception(self.url, problem) from None
        finally:
            self._pool.trim(self._limits.most)
            self._turns.give_back()
            self.meter.count(RPC_EXCHANGES, outcome)
            self.meter.time(RPC_SECONDS, self._clock.seconds() - began)

    async def _turn(self) -> None:
        """Wait for one of the connections; Crowded when there is no hope, or none became free in time."""
        if len(self._turns.waiting) >= MAX_WAITING:
            raise Crowded(f"too many questions are waiting for bitcoind at {self.url}")
        limits = self._limits
        try:
            await self._turns.take(limits.patience)
        except DeferredTimeout:
            busy = f"all {limits.most} connections to bitcoind at {self.url} are busy"
            raise Crowded(f"{busy}: none became free within {limits.patience:g} seconds") from None

    def _too_late(self, _: object, seconds: float) -> Failure:
        return Failure(Trouble(f"bitcoind at {self.url} did not answer within {seconds:g} seconds"))

    async def close(self) -> None:
        """Let go of idle connections."""
        await self._pool.closeCachedConnections()

    async def _exchange(
        self, method: str, path: str, headers: Headers, body: bytes | None, limit: int
    ) -> tuple[int, bytes]:
        response = await HTTPClient(self._agent).request(
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
