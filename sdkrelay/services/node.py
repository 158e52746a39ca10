"""How the relay and its node are, as real values: health, and what bitcoind says of its chain."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from attrs import frozen
from msgspec import structs

from ..domain.access import Role
from ..domain.chain import BlockHash, from_display
from ..domain.problem import Code, Problem
from ..domain.status import CatchingUp, IndexerCondition, Live, NodeState, Stalled
from ..messages.rest.node import (
    BitcoinBlock,
    BitcoinInfo,
    Checks,
    Connections,
    GetBitcoinBlock,
    GetBitcoinInfo,
    GetHealth,
    Health,
    IndexerReport,
    Services,
)
from ..ports import Caller, Clock, Store, Unavailable
from .answers import Answers
from .handshake import Identity
from .router import handles


@frozen
class Doors:
    """How many clients are connected, by kind, and whether the relay is about to stop."""

    connections: Callable[[], Connections]
    draining: Callable[[], bool] = lambda: False


class NodeService:
    """Answers ``/health``, ``/bitcoin/info`` and ``/bitcoin/blocks/{hash}``."""

    def __init__(
        self,
        identity: Identity,
        chain: Answers,
        store: Store,
        indexer: Callable[[], IndexerCondition],
        doors: Doors,
        clock: Clock,
        wallet: Callable[[], str] = lambda: "",
        unreadable: Callable[[], int] = lambda: 0,
        events: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._identity = identity
        self._chain = chain
        self._store = store
        self._indexer = indexer
        self._doors = doors
        self._unreadable = unreadable
        self._events = events
        self._clock = clock
        self._wallet = wallet
        self._started = clock.monotonic()

    @handles(GetHealth)
    async def health(self, request: GetHealth, caller: Caller) -> Health:
        """The condition of every part; ``unhealthy`` when the store cannot be written or the relay is stopping."""
        return await self.report()

    async def report(self) -> Health:
        """The condition of every part, now."""
        node = self._chain.condition()
        indexer = await self.indexer_report()
        reasons = self._reasons(indexer)
        configured = node.state is not NodeState.NOT_CONFIGURED
        return Health(
            status=self._status(reasons),
            uptime=int(self._clock.monotonic() - self._started),
            version=self._identity.version,
            relay_id=self._identity.relay_id,
            network=self._identity.network.value,
            services=Services(
                bitcoin_core=node.state.value,
                blindbit=NodeState.NOT_CONFIGURED.value,
                websocket="listening",
                sync_manager="idle",
            ),
            checks=Checks(
                bitcoin_rpc=node.state is NodeState.CONNECTED if configured else None,
                blindbit_api=None,
                websocket_server=True,
                sync_manager=True,
            ),
            connections=self._doors.connections(),
            indexer=indexer,
            reasons=reasons,
        )

    def _reasons(self, indexer: IndexerReport) -> dict[str, str]:
        """What is wrong, by part; empty when nothing is."""
        node = self._chain.condition()
        told = {
            "bitcoin_core": node.reason or ("" if node.state in _FIT else f"bitcoind is {node.state.value}"),
            "indexer": indexer.reason or "",
            "store": self._store.condition() or "",
            "nostr": self._events() or "",
            "wallets": _unreadable_wallets(self._unreadable()),
            "relay": "the relay is stopping" if self._doors.draining() else "",
        }
        return {part: reason for part, reason in told.items() if reason}

    def _status(self, reasons: dict[str, str]) -> str:
        if "store" in reasons or "relay" in reasons:
            return "unhealthy"
        return "degraded" if reasons else "healthy"

    async def indexer_report(self) -> IndexerReport:
        """Where the index stands."""
        condition = self._indexer()
        if isinstance(condition, CatchingUp):
            height, target = condition.height, condition.target
            return _report("catching_up", height, target, condition.rate, condition.remaining)
        if isinstance(condition, Live):
            return _report("live", condition.height, condition.height, remaining=0.0)
        if isinstance(condition, Stalled):
            return _report("stalled", await self._height(), reason=condition.why)
        return _report("starting", await self._height())

    async def _height(self) -> int | None:
        try:
            tip = await self._store.index.tip()
        except Unavailable:
            return None
        return None if tip is None else tip.height

    @handles(GetBitcoinInfo)
    async def bitcoin_info(self, request: GetBitcoinInfo, caller: Caller) -> BitcoinInfo:
        """What the node says of itself, at this moment; operators also see the configured wallet."""
        info = msgspec.convert(await self._chain.info(), BitcoinInfo)
        operator = caller.principal is not None and Role.OPERATOR in caller.principal.roles
        name = self._wallet() if operator else ""
        return structs.replace(info, wallet_info=await self._chain.wallet_info(name)) if name else info

    @handles(GetBitcoinBlock)
    async def bitcoin_block(self, request: GetBitcoinBlock, caller: Caller) -> BitcoinBlock:
        """A block as the node describes it; NOT_FOUND if it has never heard of it."""
        details = await self._chain.block_details(BlockHash(from_display(request.block_hash)))
        if details is None:
            raise Problem(Code.NOT_FOUND, "bitcoind knows no such block", field="block_hash", value=request.block_hash)
        return msgspec.convert(details, BitcoinBlock)


def _unreadable_wallets(count: int) -> str:
    return f"{count} wallets cannot be read: put the right master key back, or register them again" if count else ""


_FIT = (NodeState.CONNECTED, NodeState.NOT_CONFIGURED)


def _report(
    state: str,
    height: int | None,
    target: int | None = None,
    rate: float | None = None,
    remaining: float | None = None,
    reason: str | None = None,
) -> IndexerReport:
    return IndexerReport(
        state=state, height=height, target=target, rate=rate, remaining_seconds=remaining, reason=reason
    )
