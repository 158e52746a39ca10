"""The sections an operator tunes while the relay runs: retries, the pool and the cache towards bitcoind, and who stands in.

Each is also a message (``retry_config`` and so on), whose fields are the same and carry the same bounds.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .about import about

Attempts = Annotated[int, Meta(ge=1, le=100)]
BackoffMilliseconds = Annotated[int, Meta(ge=1, le=3_600_000)]
Connections = Annotated[int, Meta(ge=1, le=1000)]
FewestConnections = Annotated[int, Meta(ge=0, le=1000)]
TimeoutMilliseconds = Annotated[int, Meta(ge=10, le=3_600_000)]
Megabytes = Annotated[int, Meta(ge=0, le=1_000_000)]
CacheSeconds = Annotated[int, Meta(ge=1, le=31_536_000)]
EvictionPolicy = Literal["lru", "lfu", "fifo"]
RelayName = Annotated[str, Meta(max_length=256)]
RelayNames = Annotated[tuple[RelayName, ...], Meta(max_length=100)]
Line = Annotated[str, Meta(max_length=1000)]


class Retry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often, and after which pauses, something that failed is tried again."""

    max_attempts: Annotated[
        Attempts,
        about(
            "Attempts after which a question to bitcoind fails as UNAVAILABLE; the relay's own looking goes on for good."
        ),
    ] = 3
    backoff_ms: Annotated[
        BackoffMilliseconds,
        about("The first pause between two attempts, in milliseconds; it doubles, and half of it is left to chance."),
    ] = 500
    max_backoff_ms: Annotated[BackoffMilliseconds, about("The longest pause, in milliseconds.")] = 10_000


class Pool(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connections to bitcoind's RPC port."""

    max_connections: Annotated[
        Connections, about("Connections at a time; questions beyond that wait, and then time out.")
    ] = 16
    min_connections: Annotated[
        FewestConnections, about("Connections that are opened before they are needed, and kept open.")
    ] = 2
    connection_timeout_ms: Annotated[
        TimeoutMilliseconds, about("Milliseconds to wait for a free connection, and for a new one to be made.")
    ] = 30_000


class Cache(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Blocks and answers of bitcoind that are kept in memory."""

    max_size_mb: Annotated[
        Megabytes, about("What the cache may hold, in megabytes of 1,000,000 bytes; 0 for none.")
    ] = 100
    ttl_seconds: Annotated[CacheSeconds, about("Seconds after which what is kept is forgotten.")] = 3600
    eviction_policy: Annotated[
        EvictionPolicy,
        about("Which goes first when it is full: lru (longest not used), lfu (least often used) or fifo (oldest)."),
    ] = "lru"


class Fallback(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Relays that clients may turn to when this one is away; told to them in handshake_response and discovery_response."""

    primary_relay: Annotated[RelayName, about("The relay to turn to first, by id or address.", "relay-2")] = ""
    backup_relays: Annotated[RelayNames, about("Others, in this order.", ["relay-3", "relay-4"])] = ()
    failover_timeout_ms: Annotated[
        TimeoutMilliseconds, about("Milliseconds a client should wait before it turns to the next.")
    ] = 5000


class RelayInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What this relay says of itself to people; shown on its WebSocket port to browsers, and in GET /config."""

    name: Annotated[Line, about("Its name.", "A relay in Geneva")] = ""
    description: Annotated[Line, about("What it is for, and for whom.", "Silent payments on signet")] = ""
    pubkey: Annotated[Line, about("Its operator's Nostr public key, in hex.", "79be667ef9dcbbac" + "0" * 48)] = ""
    contact: Annotated[Line, about("How its operator is reached.", "mailto:operator@example.com")] = ""
