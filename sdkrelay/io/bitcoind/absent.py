"""No bitcoind at all, for a relay that only serves what it has: every question is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from twisted.application.service import Service

from ...domain.chain import BlockHash, BlockId, Txid
from ...domain.status import NodeCondition, NodeState
from ...ports import Hint, RawBlock, RawTransaction, Unavailable
from .pool import PoolLimits
from .retry import RetryLimits


class AbsentNode(Service):
    """The port ``Chain`` without a node behind it."""

    def __init__(self) -> None:
        self.on_hint: Callable[[Hint], None] = lambda hint: None
        self.needed_height: Callable[[], int] = lambda: 0

    def tune(self, pool: PoolLimits, retry: RetryLimits) -> None:
        """There is nothing to connect to."""

    def condition(self) -> NodeCondition:
        """Not configured, and nothing wrong with that."""
        return NodeCondition(NodeState.NOT_CONFIGURED)

    async def tip(self) -> BlockId:
        _refuse()

    async def hash_at(self, height: int) -> BlockHash | None:
        _refuse()

    async def height_at_time(self, timestamp: int) -> int:
        _refuse()

    async def block(self, block_hash: BlockHash) -> RawBlock | None:
        _refuse()

    async def mempool(self) -> list[Txid]:
        _refuse()

    async def transaction(self, txid: Txid) -> RawTransaction | None:
        _refuse()

    async def info(self) -> dict[str, Any]:
        _refuse()

    async def block_details(self, block_hash: BlockHash) -> dict[str, Any] | None:
        _refuse()

    async def wallet_info(self, wallet: str) -> dict[str, Any] | None:
        _refuse()


def _refuse() -> NoReturn:
    raise Unavailable("this relay runs without a bitcoind (standalone)")
