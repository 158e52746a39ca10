"""The whole relay at one look, for its operator."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct

from ...domain.access import Access
from ..message import Reply, Request
from .node import IndexerReport


class GetAdminStatus(Request, frozen=True, kw_only=True, tag="get_admin_status"):
    """How every part of the relay stands now."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_admin_status"}


class Sessions(Struct, frozen=True, kw_only=True):
    """``websocket`` and ``http`` connections open now; over WebSocket, since this process began: conversations ``opened``,
    messages and their bytes in both directions.
    """

    websocket: int
    http: int
    opened: int
    messages_received: int
    bytes_received: int
    messages_sent: int
    bytes_sent: int


class Queues(Struct, frozen=True, kw_only=True):
    """What waits now: ``requests`` that have come and are not handled yet, and ``unsent_bytes`` for clients that do not read
    as fast as they are told; both over all WebSocket conversations.
    """

    requests: int
    unsent_bytes: int


class DatabaseReport(Struct, frozen=True, kw_only=True):
    """Where the data is (no credentials), whether it can be written (else ``reason`` says why not), where the log of
    notifications stands, and the blocks and tweaks in the index (null while the database cannot be read); ``writes`` and
    ``failed_writes`` count transactions since this process began.
    """

    url: str
    writable: bool
    reason: str | None
    position: str
    blocks: int | None
    tweaks: int | None
    writes: int
    failed_writes: int


class BitcoinReport(Struct, frozen=True, kw_only=True):
    """Where bitcoind is asked (no credentials), how the connection stands, why, and since when (seconds since the epoch).

    ``calls`` and ``failed_exchanges`` are since this process began, ``avg_latency`` is the mean of an exchange in milliseconds
    (null before the first).
    """

    url: str
    state: str
    reason: str | None
    since: int
    calls: int
    failed_exchanges: int
    avg_latency: float | None


class WalletsReport(Struct, frozen=True, kw_only=True):
    """Wallets ``registered`` now."""

    registered: int


class RelaysReport(Struct, frozen=True, kw_only=True):
    """Other relays ``known`` and ``connected`` now."""

    known: int
    connected: int


class AlertsReport(Struct, frozen=True, kw_only=True):
    """Alerts whose condition holds now."""

    active: int


class UsersReport(Struct, frozen=True, kw_only=True):
    """Users that are kept; null while the database cannot be read."""

    registered: int | None


class AdminStatus(Reply, frozen=True, kw_only=True, tag="admin_status"):
    """``uptime`` is in seconds since this process began to serve, which was at ``started_at`` (seconds since the epoch); ``pid``
    is its number, ``config_path`` the file its settings are from (null without one).
    """

    relay_id: str
    version: str
    network: str
    uptime: int
    started_at: int
    pid: int
    config_path: str | None
    sessions: Sessions
    queues: Queues
    database: DatabaseReport
    bitcoin: BitcoinReport
    indexer: IndexerReport
    wallets: WalletsReport
    relays: RelaysReport
    alerts: AlertsReport
    users: UsersReport
