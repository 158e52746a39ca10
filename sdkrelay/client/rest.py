"""The relays' HTTP interface: asks the relay in use, and the others when that one does not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from .errors import NotConnected, RelayError, TimedOut
from .relay import Relay
from .trust import Trust

#: Bytes of the longest answer, and seconds for one.
ANSWER_BYTES = 16_000_000
SECONDS = 10.0


class Rest:
    """Requests over HTTP; ``relays`` gives those to be asked, in order, with the bearer token for each."""

    def __init__(self, reactor: Any, trust: Trust, relays: Callable[[], Iterable[tuple[Relay, str | None]]]) -> None:
        self._reactor = reactor
        self._relays = relays
        self._pool = HTTPConnectionPool(reactor)
        self._client = HTTPClient(Agent(reactor, trust, connectTimeout=SECONDS, pool=self._pool))

    async def call(self, method: str, path: str, body: Any = None, within: float = SECONDS, **query: Any) -> Any:
        """The JSON answer of the first relay that answers. RelayError when that refuses, NotConnected when none answers."""
        failures: list[str] = []
        for relay, token in self._relays():
            try:
                return await self._ask(relay, token, method, path, body, within, query)
            except (RelayError, CancelledError):
                raise
            except Exception as failure:
                failures.append(f"{relay.rest}: {failure}")
        raise NotConnected(f"no relay answers: {'; '.join(failures)}")

    async def close(self) -> None:
        """Let go of idle connections."""
        await self._pool.closeCachedConnections()

    async def _ask(
        self, relay: Relay, token: str | None, method: str, path: str, body: Any, within: float, query: dict[str, Any]
    ) -> Any:
        late = Failure(TimedOut(f"no answer within {within:g} seconds"))
        exchange = Deferred.fromCoroutine(self._exchange(relay.rest + path, token, method, body, query))
        status, answer = await exchange.addTimeout(within, self._reactor, lambda _, __: late)
        told = _decoded(answer)
        if status >= 400 and isinstance(told, dict) and isinstance(told.get("error"), dict):
            raise RelayError.of(told["error"])
        if told is None or (status >= 300 and status != 503):
            raise ValueError(f"HTTP status {status} without an answer of a relay")
        return told

    async def _exchange(
        self, url: str, token: str | None, method: str, body: Any, query: dict[str, Any]
    ) -> tuple[int, bytes]:
        headers = Headers({"Accept": ["application/json"]})
        if token is not None:
            headers.addRawHeader("Authorization", f"Bearer {token}")
        if body is not None:
            headers.addRawHeader("Content-Type", "application/json")
        response = await self._client.request(
            method,
            url,
            headers=headers,
            params={name: value for name, value in query.items() if value is not None},
            data=None if body is None else msgspec.json.encode(body),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
        )
        collector = _Body()
        response.deliverBody(collector)
        return response.code, await collector.finished


def _decoded(answer: bytes) -> Any:
    """JSON, or None for what is not."""
    try:
        return msgspec.json.decode(answer)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


class _Body(Protocol):
    """Collects a body up to a limit."""

    def __init__(self) -> None:
        self.finished: Deferred[bytes] = Deferred(lambda _: self._drop())
        self._parts: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= ANSWER_BYTES:
            self._parts.append(data)
        elif not self.finished.called:
            self.finished.errback(ValueError(f"an answer of more than {ANSWER_BYTES} bytes"))
            self._drop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.finished.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):
            self.finished.callback(b"".join(self._parts))
        else:
            self.finished.errback(reason)

    def _drop(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
