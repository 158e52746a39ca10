"""The node as the services see it: the port ``Chain`` on a bitcoind that may be away, starting, or the wrong one.

One loop asks it every few seconds how it is. Only that loop changes the condition; any other failed question makes it ask
at once. Nothing here ends the process, and a condition is told once, however often it is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ...domain.chain import BlockHash, BlockId, Network, Txid, display, from_display
from ...domain.measure import Unmetered
from ...domain.status import NodeCondition, NodeState
from ...messages.bitcoin.rpc import NOT_FOUND, OUT_OF_RANGE, BlockchainInfo, RpcFailure, decode_value
from ...ports import Compute, Entropy, Hint, Meter, RawBlock, RawTransaction, Unavailable
from ..net.backoff import Backoff
from .blocks import BlockSource
from .credentials import Cookie, Credentials, Password
from .follow import Follower
from .http import NodeHttp
from .mempool import mempool_transaction, still_loading, whole_mempool
from .pool import PoolLimits
from .rest import BitcoinRest
from .retry import Retrying, RetryLimits
from .rpc import Batcher, BitcoinRpc
from .times import height_at_time
from .trouble import Trouble, from_refusal
from .zmq import ZmqListener

T = TypeVar("T")

#: bitcoind's words for a wallet that is not loaded, and for having none at all.
NO_WALLET = (-18, -19, -32601)
#: How often the node is asked for its tip when all is well, in seconds.
POLL_INTERVAL = 5.0


class Inline:
    """``Compute`` without workers, for tests and tools."""

    workers = 1

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """The function's result, here and now."""
        return function(*arguments)


class BitcoinNode(Service):
    """One bitcoind.

    ``url`` is that of its RPC port; who we are is ``user`` and ``password``, or else the cookie at ``cookie_path``.
    ``on_hint`` may be set until the service starts; ``on_condition`` is called at each change. ``needed_height`` is the
    lowest block that will still be asked for, to tell a pruned node that is not enough. Times in seconds.
    """

    log = Logger()
    _loop: Deferred[None] | None = None
    _pause: Deferred[None] | None = None
    _woken = False

    def __init__(
        self,
        reactor: Any,
        entropy: Entropy,
        url: str,
        network: Network,
        *,
        cookie_path: Path | None = None,
        user: str = "",
        password: str = "",
        zmq_urls: Sequence[str] = (),
        pool: PoolLimits | None = None,
        retry: RetryLimits | None = None,
        timeout: float = 30.0,
        poll_interval: float = POLL_INTERVAL,
        compute: Compute | None = None,
        needed_height: Callable[[], int] = lambda: 0,
        on_hint: Callable[[Hint], None] = lambda hint: None,
        on_condition: Callable[[NodeCondition], None] = lambda condition: None,
        meter: Meter | None = None,
    ) -> None:
        self.on_hint, self.on_condition, self.needed_height = on_hint, on_condition, needed_height
        self._clock, self._network, self._entropy = reactor, network, entropy
        self._poll_interval = poll_interval
        self._http = NodeHttp(reactor, url, pool, timeout)
        self._patient = Retrying(reactor, entropy, self._http, retry or RetryLimits(), self._wake)
        self._condition = NodeCondition(NodeState.CONNECTING, f"not asked yet: {url}", reactor.seconds())
        self._backoff = self._make_backoff()
        self._make_parts(_credentials(cookie_path, user, password), zmq_urls, compute or Inline())
        self._http.meter = self._rpc.meter = self._probe.meter = meter or Unmetered()

    def _make_parts(self, credentials: Credentials, zmq_urls: Sequence[str], compute: Compute) -> None:
        """Questions of others are asked again when they fail; the loop that looks has pauses of its own."""
        self._rpc = BitcoinRpc(self._patient, credentials)
        self._probe = BitcoinRpc(self._http, credentials)
        self._rest = BitcoinRest(self._patient)
        self._blocks = BlockSource(self._rpc, self._rest, compute)
        self._batcher = Batcher(self._clock, self._rpc)
        self._follower = Follower(self._clock, self._probe, self._tell)
        self._listener = ZmqListener(self._clock, zmq_urls, self._follower.heard, self._follower.joined)

    def startService(self) -> None:
        """Begin to connect and to follow."""
        super().startService()
        self._listener.start()
        self._loop = Deferred.fromCoroutine(self._run())
        self._loop.addErrback(lambda failure: failure.trap(CancelledError))

    async def _stop(self, loop: Deferred[None]) -> None:
        loop.cancel()
        await loop
        await self._http.close()

    def stopService(self) -> Deferred[None] | None:
        """Stop following and let go of the connections."""
        super().stopService()
        self._listener.stop()
        loop, self._loop = self._loop, None
        return None if loop is None else Deferred.fromCoroutine(self._stop(loop))

    def tune(self, pool: PoolLimits, retry: RetryLimits) -> None:
        """Other bounds for connections and attempts, from now on."""
        self._http.resize(pool)
        self._patient.limits = retry
        self._backoff = self._make_backoff()
        if self._condition.state is NodeState.CONNECTED:
            self._http.warm()
        else:
            self._wake()

    def _make_backoff(self) -> Backoff:
        return Backoff(self._entropy, self._patient.limits.first, self._patient.limits.longest)

    def condition(self) -> NodeCondition:
        """How the connection stands now."""
        return self._condition

    async def tip(self) -> BlockId:
        """The best block; the node's network is checked each time, since the index follows from here."""
        return await self._guard(self._tip())

    async def hash_at(self, height: int) -> BlockHash | None:
        """The best chain's block at a height; None above the tip."""
        return await self._guard(self._hash_at(height))

    async def height_at_time(self, timestamp: int) -> int:
        """The first height that can hold a transaction made at ``timestamp`` or later; tip + 1 if no block can yet."""
        return await self._guard(height_at_time(self._rpc, timestamp))

    async def block(self, block_hash: BlockHash) -> RawBlock | None:
        """The block with its undo data; None if the node has never heard of it."""
        return await self._guard(self._blocks.block(block_hash))

    async def mempool(self) -> list[Txid]:
        """All transactions in the mempool. Unavailable while the node still loads it."""
        names = await self._guard(whole_mempool(self._rpc))
        if names is None:
            raise still_loading()
        return [Txid(_hash(name)) for name in names]

    async def transaction(self, txid: Txid) -> RawTransaction | None:
        """A mempool transaction with its prevouts; None when it, or what it spends, has just left the mempool.

        Unavailable when it is not there and the node still loads its mempool.
        """
        return await self._guard(mempool_transaction(self._batcher, txid))

    async def info(self) -> dict[str, Any]:
        """``blockchain_info``, ``network_info``, ``mempool_info`` as bitcoind gives them."""
        names = ("blockchain_info", "network_info", "mempool_info")
        answers = await self._guard(self._rpc.ask_all([("get" + name.replace("_", ""), ()) for name in names]))
        return {name: _given(answer) for name, answer in zip(names, answers, strict=True)}

    async def block_details(self, block_hash: BlockHash) -> dict[str, Any] | None:
        """``getblock`` verbosity 1; None if the node has never heard of it."""
        return await self._guard(self._details(block_hash))

    async def wallet_info(self, wallet: str) -> dict[str, Any] | None:
        """``getwalletinfo`` of a wallet; None if bitcoind has not loaded one of this name."""
        return await self._guard(self._wallet(wallet))

    async def _wallet(self, wallet: str) -> dict[str, Any] | None:
        try:
            return await self._rpc.ask_wallet(wallet, "getwalletinfo")
        except RpcFailure as failure:
            if failure.code in NO_WALLET:
                return None
            raise

    def _tell(self, hint: Hint) -> None:
        self.on_hint(hint)

    async def _tip(self) -> BlockId:
        info = await self._rpc.ask(BlockchainInfo, "getblockchaininfo")
        self._check_network(info)
        return BlockId(info.blocks, _hash(info.bestblockhash))

    async def _details(self, block_hash: BlockHash) -> dict[str, Any] | None:
        try:
            return await self._rpc.ask(dict[str, Any], "getblock", display(block_hash), 1)
        except RpcFailure as failure:
            if failure.code == NOT_FOUND:
                return None
            raise

    async def _hash_at(self, height: int) -> BlockHash | None:
        try:
            return _hash(await self._rpc.ask(str, "getblockhash", height))
        except RpcFailure as failure:
            if failure.code == OUT_OF_RANGE:
                return None
            raise

    async def _guard(self, question: Coroutine[Any, Any, T]) -> T:
        """Ask only a node that is fit; a failure becomes Trouble, and the loop looks what is wrong."""
        if self._condition.state is not NodeState.CONNECTED:
            question.close()
            raise Unavailable(self._condition.reason)
        try:
            return await question
        except RpcFailure as failure:
            raise from_refusal(failure) from None
        except Trouble as trouble:
            if trouble.state is not NodeState.CONNECTED:
                self._wake()
            raise

    async def _run(self) -> None:
        """Look, wait, and again, until the service stops."""
        while self.running:
            self._woken = False
            delay = await self._look()
            if self._woken and self._condition.state is NodeState.CONNECTED:
                continue
            self._pause = Deferred()
            timer = self._clock.callLater(delay, self._wake)
            try:
                await self._pause
            finally:
                self._pause = None
                if timer.active():
                    timer.cancel()

    async def _look(self) -> float:
        """Ask how the node is, set the condition, hint at news; how long to wait before the next time."""
        try:
            info = await self._probe.ask(BlockchainInfo, "getblockchaininfo")
            self._check_network(info)
            returned = self._condition.state is not NodeState.CONNECTED
            self._set(NodeState.CONNECTED, self._shortcoming(info))
            if returned:
                self._rest.available = True
                self._follower.start_over()
            await self._follower.look(info)
        except RpcFailure as failure:
            return self._failed(from_refusal(failure))
        except Trouble as trouble:
            return self._failed(trouble)
        except CancelledError:
            raise
        except Exception:
            self.log.failure("looking after bitcoind failed; it is tried again")
            return self._failed(Trouble("the relay failed to understand bitcoind: see its log"))
        self._backoff.reset()
        self._http.warm()
        return self._poll_interval

    def _failed(self, trouble: Trouble) -> float:
        state = NodeState.DISCONNECTED if trouble.state is NodeState.CONNECTED else trouble.state
        self._set(state, trouble.reason)
        return self._backoff.delay()

    def _check_network(self, info: BlockchainInfo) -> None:
        if info.chain != self._network:
            raise Trouble(f"bitcoind is on network {info.chain!r}, the relay is configured for {self._network.value!r}")

    def _shortcoming(self, info: BlockchainInfo) -> str | None:
        needed = self.needed_height()
        if info.pruned and info.pruneheight > needed:
            return f"bitcoind has pruned the blocks below {info.pruneheight}, but those from {needed} on are needed"
        if info.initialblockdownload:
            return f"bitcoind is still downloading the chain: block {info.blocks} of {info.headers}"
        return None

    def _set(self, state: NodeState, reason: str | None) -> None:
        before = self._condition
        if (before.state, before.reason) == (state, reason):
            return
        since = before.since if before.state is state else self._clock.seconds()
        self._condition = NodeCondition(state, reason, since)
        self.log.info("bitcoind: {state}: {reason}", state=state.value, reason=reason or "all is well")
        self.on_condition(self._condition)

    def _wake(self) -> None:
        """Look now; or again, when this comes in the middle of a look, which may have asked before."""
        if self._pause is None:
            self._woken = True
        elif not self._pause.called:
            self._pause.callback(None)


def _credentials(cookie_path: Path | None, user: str, password: str) -> Credentials:
    return Cookie(cookie_path) if cookie_path and not user else Password(user, password)


def _hash(text: str) -> BlockHash:
    try:
        return BlockHash(from_display(text))
    except ValueError:
        raise Trouble("bitcoind gave something else than a hash") from None


def _given(answer: msgspec.Raw | RpcFailure) -> Any:
    if isinstance(answer, RpcFailure):
        raise from_refusal(answer)
    return decode_value(answer, dict[str, Any])
