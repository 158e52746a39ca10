"""The limits of the Nostr relay in one value: what is enforced and what NIP-11 states are read from the same place."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen


@frozen
class Features:
    """What is switched on; a NIP is named only while it works."""

    search: bool = True
    count: bool = True
    reconcile: bool = True
    hints: bool = False
    manage: bool = False


@frozen
class NostrLimits:
    """Lengths in bytes, ``content`` in characters, times in seconds, rates a minute; ``past`` None means any age is taken.

    ``values`` are those of one question, ``held_values`` of all subscriptions of a connection; ``early`` and ``early_bytes``
    bound what waits for the stored events of a subscription and of all; ``pending`` events and ``running`` questions without
    a name pause reading; ``reconcile_held`` records of all connections are compared at a time.
    """

    message: int = 131_072
    subscriptions: int = 64
    filters: int = 20
    values: int = 5_000
    held_values: int = 50_000
    words: int = 64
    default_limit: int = 500
    max_limit: int = 5_000
    tags: int = 2_000
    content: int = 65_536
    future: int = 900
    past: int | None = None
    ephemeral_age: int = 60
    work: int = 0
    answer_bytes: int = 8_000_000
    early: int = 1_000
    early_bytes: int = 4_000_000
    pending: int = 256
    running: int = 16
    reconciliations: int = 4
    reconcile_records: int = 500_000
    reconcile_held: int = 1_000_000
    reconcile_idle: float = 60.0
    store_seconds: float = 10.0
    events_per_minute: int = 600
    key_events_per_minute: int = 300
    kind_events_per_minute: Mapping[int, int] = field(factory=dict)
    requests_per_minute: int = 1_200
    auth_required: bool = False
    wraps_need_auth: bool = False
    scraper_score: int = 0
