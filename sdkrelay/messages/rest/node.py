"""How the relay and its bitcoind are: what HTTP clients, load balancers and people ask first."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, Struct, UnsetType

from ...domain.access import Access
from ..message import Reply, Request
from ..native.wallets import EXAMPLE_HASH
from ..values import Hash


class GetHealth(Request, frozen=True, kw_only=True, tag="get_health"):
    """Is the relay doing its job?"""

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_health"}


class Services(Struct, frozen=True, kw_only=True):
    """Each part in a word: ``connected | disconnected | connecting | not_configured | listening | active | idle``."""

    bitcoin_core: str
    blindbit: str
    websocket: str
    sync_manager: str


class Checks(Struct, frozen=True, kw_only=True):
    """The same parts as yes or no; null where the part is not configured."""

    bitcoin_rpc: bool | None
    blindbit_api: bool | None
    websocket_server: bool | None
    sync_manager: bool | None


class Connections(Struct, frozen=True, kw_only=True):
    """Clients connected to this process now: WebSocket sessions, HTTP connections, and clients of the bus if it is on."""

    websocket: int
    http: int
    bus: int | UnsetType = UNSET

    @property
    def total(self) -> int:
        """All of them."""
        return self.websocket + self.http + (0 if self.bus is UNSET else self.bus)


class IndexerReport(Struct, frozen=True, kw_only=True):
    """Where the index stands: ``state`` is ``starting | catching_up | live | stalled``, with a ``reason`` when stalled.

    ``height`` is the last block indexed, ``target`` the node's best; ``rate`` is in blocks a second over the last minute of
    catching up, ``remaining_seconds`` follows from it; all null without a sample.
    """

    state: str
    height: int | None
    target: int | None
    rate: float | None
    remaining_seconds: float | None
    reason: str | None


class Health(Reply, frozen=True, kw_only=True, tag="health"):
    """``status`` is ``healthy``, ``degraded`` (a part is away, what is stored is served) or ``unhealthy`` (HTTP 503).

    ``uptime`` is in seconds since this process began to serve. ``reasons`` says in sentences what is wrong with which part.
    """

    status: str
    uptime: int
    version: str
    relay_id: str
    network: str
    services: Services
    checks: Checks
    connections: Connections
    indexer: IndexerReport
    reasons: dict[str, str]


class GetBitcoinInfo(Request, frozen=True, kw_only=True, tag="get_bitcoin_info"):
    """What bitcoind says of its chain, its network and its mempool."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_bitcoin_info"}


class BitcoinInfo(Reply, frozen=True, kw_only=True, tag="bitcoin_info"):
    """bitcoind's ``getblockchaininfo``, ``getnetworkinfo`` and ``getmempoolinfo``, numbers as it prints them.

    Operators also get ``wallet_info``, its ``getwalletinfo`` of the wallet ``bitcoin_core.wallet``; null if it is not loaded.
    """

    blockchain_info: dict[str, Any]
    network_info: dict[str, Any]
    mempool_info: dict[str, Any]
    wallet_info: dict[str, Any] | UnsetType | None = UNSET


class GetBitcoinBlock(Request, frozen=True, kw_only=True, tag="get_bitcoin_block"):
    """A block by its hash, with the identifiers of its transactions."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_bitcoin_block", "block_hash": EXAMPLE_HASH}

    block_hash: Hash


class BitcoinBlock(Reply, frozen=True, kw_only=True, tag="bitcoin_block"):
    """bitcoind's ``getblock`` with transaction identifiers; ``confirmations`` is -1 for a block off the best chain.

    ``time`` and ``mediantime`` are seconds since the epoch, sizes bytes; ``nextblockhash`` is null at the tip and
    ``previousblockhash`` in the first block.
    """

    hash: str
    height: int
    version: int
    merkleroot: str
    time: int
    mediantime: int
    nonce: int
    bits: str
    difficulty: Any
    size: int
    strippedsize: int
    weight: int
    tx: tuple[str, ...]
    confirmations: int
    previousblockhash: str | None = None
    nextblockhash: str | None = None
    versionHex: str | UnsetType = UNSET
    chainwork: str | UnsetType = UNSET
    nTx: int | UnsetType = UNSET
    target: str | UnsetType = UNSET
