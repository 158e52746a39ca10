"""What an operator tunes over the socket while the relay runs: the ``*_config`` messages and their one answer.

They set the same keys as ``PUT /config``, are kept over restarts, and leave alone what they do not name.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType

from ...config.tuning import (
    Attempts,
    BackoffMilliseconds,
    CacheSeconds,
    Connections,
    EvictionPolicy,
    FewestConnections,
    Megabytes,
    RelayName,
    RelayNames,
    TimeoutMilliseconds,
)
from ...domain.access import Access
from ..message import Reply, Request


class RetryConfig(Request, frozen=True, kw_only=True, tag="retry_config"):
    """How often a question to bitcoind is asked before it fails as ``UNAVAILABLE``, and the pauses in between.

    The first pause is ``backoff_ms``, each next one twice as long up to ``max_backoff_ms``; up to half of each is left out
    at random. The same bounds hold for looking whether a bitcoind that is away is back, which never ends.
    """

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "retry_config",
        "max_attempts": 3,
        "backoff_ms": 1000,
        "max_backoff_ms": 30000,
    }

    max_attempts: Attempts | UnsetType = UNSET
    backoff_ms: BackoffMilliseconds | UnsetType = UNSET
    max_backoff_ms: BackoffMilliseconds | UnsetType = UNSET


class PoolConfig(Request, frozen=True, kw_only=True, tag="pool_config"):
    """The connections to bitcoind: at most, at least (opened beforehand), and how long a question waits for one."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "pool_config",
        "max_connections": 100,
        "min_connections": 10,
        "connection_timeout_ms": 5000,
    }

    max_connections: Connections | UnsetType = UNSET
    min_connections: FewestConnections | UnsetType = UNSET
    connection_timeout_ms: TimeoutMilliseconds | UnsetType = UNSET


class CacheConfig(Request, frozen=True, kw_only=True, tag="cache_config"):
    """What is kept of bitcoind's blocks and answers: how much (megabytes), how long, and which goes first."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "cache_config",
        "max_size_mb": 100,
        "ttl_seconds": 3600,
        "eviction_policy": "lru",
    }

    max_size_mb: Megabytes | UnsetType = UNSET
    ttl_seconds: CacheSeconds | UnsetType = UNSET
    eviction_policy: EvictionPolicy | UnsetType = UNSET


class FallbackConfig(Request, frozen=True, kw_only=True, tag="fallback_config"):
    """The relays that clients are told to turn to when this one is away, and after how long."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "fallback_config",
        "primary_relay": "relay_001",
        "backup_relays": ["relay_002", "relay_003"],
        "failover_timeout_ms": 5000,
    }

    primary_relay: RelayName | UnsetType = UNSET
    backup_relays: RelayNames | UnsetType = UNSET
    failover_timeout_ms: TimeoutMilliseconds | UnsetType = UNSET


class ConfigUpdated(Reply, frozen=True, kw_only=True, tag="config_updated"):
    """What a ``*_config`` message changed.

    ``config`` is the message's type, ``settings`` what now holds, ``changes`` lists ``key: old -> new`` (empty if nothing
    differed); ``restart_required`` says whether some of it waits for a restart.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "config_updated",
        "timestamp": 1703001600,
        "config": "retry_config",
        "settings": {"max_attempts": 3, "backoff_ms": 1000, "max_backoff_ms": 30000},
        "changes": ["retry.backoff_ms: 500 -> 1000", "retry.max_backoff_ms: 10000 -> 30000"],
        "restart_required": False,
    }

    config: str
    settings: dict[str, Any]
    changes: tuple[str, ...] = ()
    restart_required: bool = False
