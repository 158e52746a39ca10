"""Questions to bitcoind over JSON-RPC, one by one or many in one request.

Thousands of mempool transactions mean tens of thousands of small questions: those asked in the same turn of the reactor go
out together (:class:`Batcher`), which costs a fifth of asking one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers

from ...domain.measure import RPC_CALLS, Unmetered
from ...messages.bitcoin import Malformed
from ...messages.bitcoin.rpc import WARMING_UP, RpcFailure, decode_batch, decode_reply, encode_batch, encode_call
from ...ports import Meter
from .credentials import Credentials
from .retry import Exchange
from .trouble import Trouble, from_refusal, from_status

T = TypeVar("T")
Call = tuple[str, Sequence[Any]]

#: The whole mempool of a busy day is 20 MB of JSON; a block with everything it spends may be far larger.
MAX_ANSWER = 64 * 2**20
MAX_BLOCK_ANSWER = 320 * 2**20
#: bitcoind answers a batch in one piece, held whole in memory on both sides.
MAX_BATCH = 50


class BitcoinRpc:
    """JSON-RPC to one node. Every method raises Trouble when the node does not answer."""

    def __init__(self, http: Exchange, credentials: Credentials) -> None:
        self._http = http
        self._credentials = credentials
        self.meter: Meter = Unmetered()

    async def ask(self, kind: type[T], method: str, *parameters: Any) -> T:
        """One answer as a typed value; RpcFailure when bitcoind refuses this question (and not any question now)."""
        return self.decode(await self.ask_raw(method, *parameters), kind)

    async def ask_wallet(self, wallet: str, method: str) -> dict[str, Any]:
        """One answer about a wallet that bitcoind has loaded; RpcFailure when it has not, or refuses."""
        self.meter.count(RPC_CALLS, method)
        body = await self._post(encode_call(0, method, ()), MAX_ANSWER, f"/wallet/{quote(wallet, safe='')}")
        return self.decode(body, dict[str, Any])

    async def ask_all(self, calls: Sequence[Call]) -> list[msgspec.Raw | RpcFailure]:
        """The answers to several questions, in order and undecoded; a refused one stands there as RpcFailure."""
        if not calls:
            return []
        for method, _ in calls:
            self.meter.count(RPC_CALLS, method)
        body = await self._post(encode_batch(calls), MAX_ANSWER)
        try:
            answers = decode_batch(body, len(calls), msgspec.Raw)
        except (RpcFailure, Malformed) as problem:
            raise self._sorted(problem) from None
        for answer in answers:
            if isinstance(answer, RpcFailure) and answer.code == WARMING_UP:
                raise from_refusal(answer)
        return answers

    async def ask_raw(self, method: str, *parameters: Any, limit: int = MAX_ANSWER) -> bytes:
        """One answer as it came, for :meth:`decode` (or to be decoded elsewhere as the answer to question 0)."""
        self.meter.count(RPC_CALLS, method)
        return await self._post(encode_call(0, method, parameters), limit)

    def decode(self, body: bytes, kind: type[T]) -> T:
        """The typed value of :meth:`ask_raw`'s answer; raises as :meth:`ask` does."""
        try:
            return decode_reply(body, 0, kind)
        except (RpcFailure, Malformed) as problem:
            raise self._sorted(problem) from None

    def _sorted(self, problem: RpcFailure | Malformed) -> Exception:
        if isinstance(problem, Malformed):
            return Trouble(f"what listens at {self._http.url} does not answer like bitcoind: {problem}")
        return from_refusal(problem) if problem.code == WARMING_UP else problem

    async def _post(self, question: bytes, limit: int, path: str = "/") -> bytes:
        used = self._credentials.header()
        status, body = await self._exchange(path, question, limit, used)
        if status == 401 and self._credentials.renew(used):
            status, body = await self._exchange(path, question, limit, self._credentials.header())
        # A refusal comes with status 404 or 500 in protocol 1.0, and its body says more than the status.
        if status != 200 and not body.startswith((b"{", b"[")):
            raise from_status(self._http.url, status, body, str(self._credentials))
        return body

    async def _exchange(self, path: str, question: bytes, limit: int, authorization: bytes) -> tuple[int, bytes]:
        headers = Headers({b"Authorization": [authorization], b"Content-Type": [b"application/json"]})
        return await self._http.exchange("POST", path, headers, question, limit)


class Batcher:
    """Small questions asked in the same turn of the reactor, sent together."""

    def __init__(self, clock: IReactorTime, rpc: BitcoinRpc) -> None:
        self._clock = clock
        self._rpc = rpc
        self._waiting: list[tuple[Call, Deferred[msgspec.Raw | RpcFailure]]] = []

    async def ask(self, method: str, *parameters: Any) -> msgspec.Raw | RpcFailure:
        """One answer, undecoded, or bitcoind's refusal. Trouble when the node does not answer."""
        if not self._waiting:
            self._clock.callLater(0, self._send)
        answer: Deferred[msgspec.Raw | RpcFailure] = Deferred()
        self._waiting.append(((method, parameters), answer))
        return await answer

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MAX_BATCH):
            Deferred.fromCoroutine(self._ask(waiting[start : start + MAX_BATCH]))

    async def _ask(self, batch: list[tuple[Call, Deferred[msgspec.Raw | RpcFailure]]]) -> None:
        """Ends every waiting answer, one way or the other; never raises."""
        try:
            answers = await self._rpc.ask_all([call for call, _ in batch])
        except Exception as problem:
            for _, answer in batch:
                _fail(answer, problem)
            return
        for (_, answer), given in zip(batch, answers, strict=True):
            if not answer.called:
                answer.callback(given)


def _fail(answer: Deferred[Any], problem: Exception) -> None:
    if not answer.called:
        answer.errback(problem)
