"""The node, what it hints at, and the cache beside it, described from the services' side."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import frozen

from ..domain.chain import BlockHash, BlockId, Txid, TxOut
from ..domain.status import NodeCondition


@frozen
class RawBlock:
    """A block as bytes: ``raw`` as serialised on the wire, ``undo`` in the layout of ``/rest/spenttxouts``."""

    height: int
    raw: bytes
    undo: bytes


@frozen
class RawTransaction:
    """A mempool transaction: its bytes and what each of its inputs spends, in order."""

    raw: bytes
    prevouts: tuple[TxOut, ...]


class Chain(Protocol):
    """The node. Raises :class:`Unavailable` for a node that is away, warming up, refusing, pruned, or on another network."""

    def condition(self) -> NodeCondition:
        """How the connection stands now; costs nothing."""

    async def tip(self) -> BlockId:
        """The best block."""

    async def hash_at(self, height: int) -> BlockHash | None:
        """The best chain's block at a height; None above the tip."""

    async def height_at_time(self, timestamp: int) -> int:
        """The first height whose block's time, or a later one's, is at or after ``timestamp`` less two hours."""

    async def block(self, block_hash: BlockHash) -> RawBlock | None:
        """The block with its undo data; None if the node has never heard of it."""

    async def mempool(self) -> list[Txid]:
        """All transactions in the mempool; Unavailable also while the node, just started, has not loaded all of it."""

    async def transaction(self, txid: Txid) -> RawTransaction | None:
        """A mempool transaction with its prevouts; None when it, or what it spends, has just left the mempool.

        Unavailable for one that is not there while the node has not loaded all of its mempool.
        """

    async def info(self) -> dict[str, Any]:
        """``blockchain_info``, ``network_info``, ``mempool_info`` as bitcoind gives them (floats as it prints them)."""

    async def block_details(self, block_hash: BlockHash) -> dict[str, Any] | None:
        """``getblock`` verbosity 1, with amounts untouched; None if unknown."""

    async def wallet_info(self, wallet: str) -> dict[str, Any] | None:
        """``getwalletinfo`` of one of bitcoind's wallets; None if it has not loaded one of this name."""


@frozen
class TipChanged:
    """The node has, or may have, another best block; hints can be missed and repeated."""


@frozen
class MempoolAdded:
    """A transaction came into the mempool."""

    txid: Txid


@frozen
class MempoolRemoved:
    """A transaction left the mempool for another reason than a block."""

    txid: Txid


@frozen
class MempoolUnknown:
    """Hints were lost or the node restarted: compare the whole mempool."""


Hint = TipChanged | MempoolAdded | MempoolRemoved | MempoolUnknown


@frozen
class CacheFigures:
    """Lookups that found something and that did not since the start of the process; bytes and entries held now."""

    hits: int
    misses: int
    bytes: int
    entries: int


class Cache(Protocol):
    """What the node was asked before, kept for a while in bounded memory; keys begin with a word for their kind."""

    def get(self, key: tuple[Any, ...]) -> Any | None:
        """What is held under a key; None if there is nothing, or not any more."""

    def put(self, key: tuple[Any, ...], value: Any, size: int, seconds: float | None = None) -> None:
        """Hold a value of ``size`` bytes, for ``seconds`` if that is less than what is usual."""

    def forget(self, kind: str) -> None:
        """Let go of all of one kind."""

    def figures(self) -> CacheFigures:
        """How much it holds, and how often it helped."""
