"""A relay with a canned node behind its HTTP requests: the node can be away, broken, or slow."""

from __future__ import annotations

from collections.abc import Awaitable
from decimal import Decimal
from typing import Any

from attrs import define

from sdkrelay.domain.chain import display
from sdkrelay.domain.status import IndexerCondition, Live, NodeCondition, NodeState
from sdkrelay.io.cache import BoundedCache
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.messages.rest.node import Connections
from sdkrelay.ports import Unavailable
from sdkrelay.services.answers import Answers
from sdkrelay.services.node import Doors, NodeService
from sdkrelay.services.router import Router
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Gate

from .conversation import IDENTITY, Relay, handled


@define
class CannedNode:
    """As much of a chain as the HTTP requests ask for."""

    away: str = ""
    broken: bool = False
    waiting: Awaitable[None] | None = None

    def condition(self) -> NodeCondition:
        """Connected, unless it is away."""
        return NodeCondition(NodeState.DISCONNECTED, self.away) if self.away else NodeCondition(NodeState.CONNECTED)

    async def info(self) -> dict[str, Any]:
        """A little of what bitcoind says."""
        if self.waiting is not None:
            await self.waiting
        if self.away:
            raise Unavailable(self.away)
        if self.broken:
            raise RuntimeError("a bug")
        return {
            "blockchain_info": {"chain": "regtest", "blocks": 7},
            "network_info": {"connections": 0},
            "mempool_info": {"mempoolminfee": Decimal("0.00001000")},
        }

    async def block_details(self, block_hash: bytes) -> dict[str, Any] | None:
        """One block is known."""
        if display(block_hash) != "ab" * 32:
            return None
        numbers = dict.fromkeys(("version", "time", "mediantime", "nonce", "size", "strippedsize", "weight"), 1)
        texts = {"hash": "ab" * 32, "merkleroot": "cd" * 32, "bits": "207fffff", "previousblockhash": "ef" * 32}
        return {
            **numbers,
            **texts,
            "height": 7,
            "difficulty": Decimal("4.65e-10"),
            "tx": ["12" * 32],
            "confirmations": 1,
        }


class NodeRelay(Relay):
    """A relay that answers HTTP requests too."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = CannedNode()
        self.draining = False
        self.indexer: IndexerCondition = Live(7)
        self.answers = Answers(self.chain, BoundedCache(self.time))  # type: ignore[arg-type]
        doors = Doors(lambda: Connections(websocket=2, http=1), lambda: self.draining)
        node = NodeService(IDENTITY, self.answers, self.store, lambda: self.indexer, doors, self.time)
        services = [self.handshake, self.hub, self.small, node, self.access]
        catalogs = [Catalog(handled([*native.REQUESTS, *rest.REQUESTS], services))]
        self.dispatch = Dispatch(Router(catalogs, services), Gate(), self.access)
