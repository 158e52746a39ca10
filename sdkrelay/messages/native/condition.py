"""How the relay is, told at intervals to those who subscribed to ``health`` or ``metrics``; one comes at once."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct

from ..rest import metrics, node


class HealthFigures(Struct, frozen=True, kw_only=True):
    """Of this process: ``uptime`` in seconds since it began to serve, resident memory in MB of 1,000,000 bytes, use of
    processors over the last minute (100% is one; null in the first second), and ``connections``, the WebSocket and HTTP
    connections open now.
    """

    uptime: int
    memory_usage: str
    cpu_usage: str | None
    connections: int


class HealthMessage(node.Health, frozen=True, kw_only=True, tag="health"):
    """What ``GET /health`` answers, with a few figures; sent every ``sync.health_interval`` seconds."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "health",
        "timestamp": 1703001600,
        "status": "degraded",
        "uptime": 3600,
        "version": "0.1.0",
        "relay_id": "relay-1",
        "network": "signet",
        "services": {
            "bitcoin_core": "disconnected",
            "blindbit": "not_configured",
            "websocket": "listening",
            "sync_manager": "not_configured",
        },
        "checks": {"bitcoin_rpc": False, "blindbit_api": None, "websocket_server": True, "sync_manager": None},
        "connections": {"websocket": 5, "http": 2},
        "indexer": {
            "state": "live",
            "height": 12345,
            "target": 12345,
            "rate": None,
            "remaining_seconds": 0.0,
            "reason": None,
        },
        "reasons": {"bitcoin_core": "bitcoind refuses the connection"},
        "metrics": {"uptime": 3600, "memory_usage": "128MB", "cpu_usage": "5%", "connections": 7},
    }

    metrics: HealthFigures


class MetricsMessage(metrics.Metrics, frozen=True, kw_only=True, tag="metrics"):
    """What ``GET /metrics`` answers; sent every ``sync.metrics_interval`` seconds."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "metrics",
        "timestamp": 1703001600,
        "sync_metrics": {
            "known_relays": 0,
            "mesh_connections": 0,
            "sync_requests": 0,
            "sync_responses": 0,
            "cache_hits": 120,
            "cache_misses": 30,
            "avg_latency": None,
            "error_count": 0,
            "success_rate": None,
        },
        "system_metrics": {
            "memory_usage": "128MB",
            "cpu_usage": "5%",
            "active_connections": 7,
            "total_requests": 1000,
            "uptime": 3600,
        },
        "bitcoin_metrics": {
            "block_height": 12345,
            "connections": 8,
            "mempool_size": 150,
            "verification_progress": 0.9999,
        },
        "requests_total": 1000,
        "requests_per_second": 2.5,
        "websocket_connections": 5,
        "memory_usage_mb": 128.0,
        "cpu_usage_percent": 5.0,
    }
