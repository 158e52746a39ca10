"""The figures of the relay: for people and programs as JSON, for scrapers as text.

Where nothing else is said a figure is of this process, since it began. Null means that there is no sample.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import Struct

from ...domain.access import Access
from ..message import RawReply, Reply, Request


class GetMetrics(Request, frozen=True, kw_only=True, tag="get_metrics"):
    """The relay's figures: JSON, or the text of Prometheus or OpenMetrics where the client accepts that rather."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_metrics"}

    format: Literal["json", "text", "openmetrics"] = "json"


class SyncMetrics(Struct, frozen=True, kw_only=True):
    """The exchange with other relays, and the cache.

    ``known_relays`` and ``mesh_connections`` are how many there are now; ``sync_requests``, ``sync_responses`` and
    ``error_count`` count sync messages in both directions, ``cache_hits`` and ``cache_misses`` answers looked for in the
    cache. ``avg_latency`` is the mean time to another relay's answer in milliseconds, ``success_rate`` the percentage of
    requests that did not fail; both null before the first one.
    """

    known_relays: int
    mesh_connections: int
    sync_requests: int
    sync_responses: int
    cache_hits: int
    cache_misses: int
    avg_latency: float | None
    error_count: int
    success_rate: float | None


class SystemMetrics(Struct, frozen=True, kw_only=True):
    """This process.

    ``memory_usage`` is its resident memory (psutil) in whole MB of 1,000,000 bytes, ``cpu_usage`` its use of processors over
    the last minute, where 100% is one processor (null in the first second). ``active_connections`` is how many WebSocket and
    HTTP connections are open now, ``total_requests`` how many requests were answered over every door, ``uptime`` the seconds
    since it began to serve.
    """

    memory_usage: str
    cpu_usage: str | None
    active_connections: int
    total_requests: int
    uptime: int


class BitcoinMetrics(Struct, frozen=True, kw_only=True):
    """What bitcoind says when asked for this answer; all null when it cannot be asked.

    ``block_height`` is its best block, ``connections`` its peers, ``mempool_size`` the transactions in its mempool,
    ``verification_progress`` its own estimate of how much of the chain it has verified (0 to 1).
    """

    block_height: int | None = None
    connections: int | None = None
    mempool_size: int | None = None
    verification_progress: float | None = None


class Metrics(Reply, frozen=True, kw_only=True, tag="metrics"):
    """All figures.

    ``requests_total`` counts the requests answered over every door, refused ones too; ``requests_per_second`` is their mean
    over the last minute (null in the first second). ``websocket_connections`` is how many are open now. ``memory_usage_mb``
    is the process's resident memory in MB of 1,000,000 bytes, ``cpu_usage_percent`` its use of processors over the last
    minute, 100 being one processor (null in the first second); both by psutil.
    """

    sync_metrics: SyncMetrics
    system_metrics: SystemMetrics
    bitcoin_metrics: BitcoinMetrics
    requests_total: int
    requests_per_second: float | None
    websocket_connections: int
    memory_usage_mb: float
    cpu_usage_percent: float | None


class MetricsText(RawReply, frozen=True, kw_only=True, tag="metrics_text"):
    """The figures as a scraper reads them."""


class GetSystemMetrics(Request, frozen=True, kw_only=True, tag="get_system_metrics"):
    """The process and the machine it runs on."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_system_metrics"}


class SystemFigures(Reply, frozen=True, kw_only=True, tag="system_metrics"):
    """By psutil. Of this process: ``cpu_usage_percent`` over the last minute, 100 being one processor (null in the first
    second), and ``memory_usage_mb``, resident, in MB of 1,000,000 bytes. Of the host: ``disk_usage_percent`` of the file
    system that holds the data folder (null if there is none), and ``network_io_mbps``, the megabits a second that its
    interfaces but loopback sent and received over the last minute (null in the first second, and without an interface).
    """

    cpu_usage_percent: float | None
    memory_usage_mb: float
    disk_usage_percent: float | None
    network_io_mbps: float | None


class GetBusinessMetrics(Request, frozen=True, kw_only=True, tag="get_business_metrics"):
    """What the relay has done for its wallets."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_business_metrics"}


class BusinessFigures(Reply, frozen=True, kw_only=True, tag="business_metrics"):
    """Since this process began: ``payments_processed`` counts payments first detected for registered wallets,
    ``payments_confirmed`` how often one entered the best chain (again after a reorganisation too), ``messages_synced`` what was
    taken over from other relays. ``relays_connected`` is how many other relays are connected now.
    """

    payments_processed: int
    payments_confirmed: int
    relays_connected: int
    messages_synced: int
