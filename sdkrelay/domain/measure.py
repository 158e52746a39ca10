"""What the relay counts and times: each measure by its name, with what it means, in one list.

Everything is since the process began, of this process. Labels take few values, all known beforehand: never anything that a
client can choose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen


@frozen(eq=False)
class Measure:
    """A name as Prometheus shows it (counters get ``_total`` there), what it says, and the names of its labels."""

    name: str
    about: str
    labels: tuple[str, ...] = ()


@frozen(eq=False)
class Counter(Measure):
    """Something that happens, and is counted."""


@frozen(eq=False)
class Timing(Measure):
    """Something that takes time: how often it happened, and how many seconds all of it took."""


@frozen(eq=False)
class Gauge(Measure):
    """Something that stands at a value now."""


REQUESTS: Final = Counter(
    "sdkrelay_requests",
    "Requests answered over every door, by their type and by ok or the code of the refusal.",
    ("type", "outcome"),
)
REQUEST_SECONDS: Final = Timing("sdkrelay_request_seconds", "Seconds from a request to its reply.", ("type",))
SESSIONS_OPENED: Final = Counter("sdkrelay_sessions_opened", "Conversations opened, over WebSocket or the bus.")
SESSIONS_CLOSED: Final = Counter(
    "sdkrelay_sessions_closed", "Conversations ended, over WebSocket or the bus, by why.", ("reason",)
)
NOTIFICATIONS: Final = Counter(
    "sdkrelay_notifications", "Notifications published after their commit, by kind, however many hear them.", ("kind",)
)
PUSHES: Final = Counter(
    "sdkrelay_pushes", "Messages of the topics beside the log that were pushed, one a subscriber.", ("topic",)
)
RPC_CALLS: Final = Counter("sdkrelay_rpc_calls", "Questions sent to bitcoind, by method.", ("method",))
RPC_EXCHANGES: Final = Counter(
    "sdkrelay_rpc_exchanges",
    "HTTP exchanges with bitcoind (one may carry many questions), by ok or failed.",
    ("outcome",),
)
RPC_SECONDS: Final = Timing("sdkrelay_rpc_seconds", "Seconds of an HTTP exchange with bitcoind, waiting included.")
STORE_WRITES: Final = Counter("sdkrelay_store_writes", "Transactions that write, by ok or failed.", ("outcome",))
STORE_SECONDS: Final = Timing("sdkrelay_store_write_seconds", "Seconds from asking for a write to its commit.")
CACHE_HITS: Final = Counter("sdkrelay_cache_hits", "Answers found in the cache of blocks and answers.")
CACHE_MISSES: Final = Counter("sdkrelay_cache_misses", "Answers looked for in that cache and not found.")
SYNC_REQUESTS: Final = Counter("sdkrelay_sync_requests", "Sync messages that ask for an answer, received and sent.")
SYNC_RESPONSES: Final = Counter("sdkrelay_sync_responses", "Answers to sync messages, received and sent.")
SYNC_ERRORS: Final = Counter("sdkrelay_sync_errors", "Sync messages that failed.")
SYNC_SECONDS: Final = Timing("sdkrelay_sync_seconds", "Seconds from a sync message of ours to another relay's answer.")
WEBHOOK_CALLS: Final = Counter(
    "sdkrelay_webhook_calls",
    "Alerts for the webhook, by delivered, failed (refused, or attempted often enough) or dropped (the queue is full).",
    ("outcome",),
)
MESH_REFUSALS: Final = Counter(
    "sdkrelay_mesh_refusals",
    "Conversations that were not taken as a relay's, in either direction, by why.",
    ("reason",),
)
MESH_OFFENCES: Final = Counter("sdkrelay_mesh_offences", "What linked relays did that no relay would do.")
MESH_DIALS: Final = Counter(
    "sdkrelay_mesh_dials", "Attempts to reach other relays, by linked, refused or failed.", ("outcome",)
)
MESH_RECORDS: Final = Counter(
    "sdkrelay_mesh_records",
    "Records exchanged with other relays: pushed as they came (and acknowledged), lost or dropped on that way (a comparison finds "
    "them), given and taken by a comparison, refused.",
    ("way",),
)
BUS_CUTS: Final = Counter("sdkrelay_bus_cuts", "Connections of the bus that the relay cut, by why.", ("reason",))
BUS_COMMANDS: Final = Counter(
    "sdkrelay_bus_commands",
    "Commands received over the bus, by taken, dropped (no event connection belongs to them), or the name of its own.",
    ("kind",),
)
MESSAGES_SYNCED: Final = Counter("sdkrelay_messages_synced", "Messages and records taken over from other relays.")

NOSTR_COMMANDS: Final = {
    verb: Counter(f"nostr_cmd_{verb.lower().replace('-', '_')}", f"{verb} messages of Nostr clients.")
    for verb in ("EVENT", "REQ", "CLOSE", "AUTH", "COUNT", "NEG-OPEN", "NEG-MSG", "NEG-CLOSE")
}
NOSTR_EVENTS: Final = Counter(
    "nostr_events", "Events that were offered, by where they came from and by accepted or the refusal's first word.",
    ("source", "outcome"),
)  # fmt: skip
NOSTR_SENT: Final = Counter("nostr_sent_events", "Events sent to Nostr clients, by stored or realtime.", ("source",))
NOSTR_QUERY_SECONDS: Final = Timing(
    "nostr_query_seconds", "Seconds from a REQ or COUNT to the end of its stored events."
)
NOSTR_WRITE_SECONDS: Final = Timing("nostr_events_write_seconds", "Seconds from an event's arrival to its OK.")
NOSTR_ABORTS: Final = Counter(
    "nostr_query_abort",
    "Queries that ended early, by closed, replaced, disconnected, too_long or unavailable.",
    ("reason",),
)
NOSTR_CONNECTIONS: Final = Counter("nostr_connections", "Conversations that have spoken Nostr.")
NOSTR_DISCONNECTS: Final = Counter(
    "nostr_disconnects", "Conversations that have spoken Nostr and ended, by why.", ("reason",)
)

NOSTR_OFFENCES: Final = Counter("nostr_stream_offences", "What other Nostr relays said that no relay says.")
NOSTR_STREAMED: Final = Counter(
    "nostr_stream_events",
    "Events exchanged with other Nostr relays, by up or down and by accepted or the refusal's first word.",
    ("direction", "outcome"),
)
NOSTR_DIALS: Final = Counter(
    "nostr_stream_connections", "Attempts to reach other Nostr relays, by connected or failed.", ("outcome",)
)
NOSTR_WRAPS: Final = Counter(
    "nostr_wraps", "Notifications for wallets as gift wraps, by delivered, refused or failed.", ("outcome",)
)

NOSTR_STREAMS: Final = Gauge("nostr_streams", "Conversations with other Nostr relays open now.")
NOSTR_DATABASE: Final = Gauge("nostr_db_connections", "Connections to the database of Nostr events open now.")
NOSTR_SUBSCRIPTIONS: Final = Gauge("nostr_subscriptions", "Subscriptions of Nostr clients open now.")
SESSIONS_OPEN: Final = Gauge("sdkrelay_sessions_open", "WebSocket conversations open now.")
HTTP_OPEN: Final = Gauge("sdkrelay_http_connections_open", "HTTP connections open now, WebSocket ones left out.")
BUS_OPEN: Final = Gauge("sdkrelay_bus_clients_open", "Clients of the bus open now.")
INDEX_HEIGHT: Final = Gauge("sdkrelay_index_height", "The last block indexed; absent while nothing is known.")
NODE_CONNECTED: Final = Gauge("sdkrelay_node_connected", "1 while bitcoind is connected and fit, else 0.")
STORE_WRITABLE: Final = Gauge("sdkrelay_store_writable", "1 while writes succeed, else 0.")
WALLETS: Final = Gauge("sdkrelay_wallets", "Wallets registered.")
MEMPOOL: Final = Gauge("sdkrelay_mempool_transactions", "Mempool transactions whose tweaks are kept.")
TRAFFIC: Final = {
    "messages_received": Gauge("sdkrelay_messages_received_total", "WebSocket messages received."),
    "bytes_received": Gauge("sdkrelay_bytes_received_total", "Bytes of WebSocket messages received."),
    "messages_sent": Gauge("sdkrelay_messages_sent_total", "WebSocket messages sent."),
    "bytes_sent": Gauge("sdkrelay_bytes_sent_total", "Bytes of WebSocket messages sent."),
}

#: All that is counted and timed; gauges are told by who knows their value.
COUNTED: Final[tuple[Measure, ...]] = (
    REQUESTS, REQUEST_SECONDS, SESSIONS_OPENED, SESSIONS_CLOSED, NOTIFICATIONS, PUSHES, RPC_CALLS, RPC_EXCHANGES, RPC_SECONDS,
    STORE_WRITES, STORE_SECONDS, CACHE_HITS, CACHE_MISSES, SYNC_REQUESTS, SYNC_RESPONSES, SYNC_ERRORS, SYNC_SECONDS,
    MESSAGES_SYNCED, WEBHOOK_CALLS, MESH_REFUSALS, MESH_OFFENCES, MESH_DIALS, MESH_RECORDS, BUS_CUTS, BUS_COMMANDS,
    *NOSTR_COMMANDS.values(), NOSTR_EVENTS, NOSTR_SENT, NOSTR_QUERY_SECONDS,
    NOSTR_WRITE_SECONDS, NOSTR_ABORTS, NOSTR_CONNECTIONS, NOSTR_DISCONNECTS, NOSTR_OFFENCES, NOSTR_STREAMED,
    NOSTR_DIALS, NOSTR_WRAPS,
)  # fmt: skip

#: The texts that scrapers read, and how they are named over HTTP.
CONTENT_TYPES: Final = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}


class Unmetered:
    """The meter of parts that stand alone: it counts nothing, and says so."""

    def count(self, measure: Counter, *labels: str, by: int = 1) -> None:
        """Nothing is counted."""

    def time(self, measure: Timing, seconds: float, *labels: str) -> None:
        """Nothing is timed."""

    def follow(self, measure: Gauge, value: Callable[[], float | None]) -> None:
        """Nothing is followed."""

    def total(self, measure: Counter, **labels: str) -> int:
        """Nothing was counted."""
        return 0

    def mean(self, measure: Timing, **labels: str) -> float | None:
        """Nothing was timed."""
        return None
