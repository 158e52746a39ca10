"""The operator's lists (NIP-86): who and what is refused or let in; held in memory, and kept in the store of events."""

from __future__ import annotations

from typing import Final

from ...domain.nostr.event import Event
from ...domain.nostr.refusal import Prefix, Refusal
from ...ports.nostr import EventStore, Listed
from .client import Source

BANNED_KEYS: Final = "banned_pubkeys"
ALLOWED_KEYS: Final = "allowed_pubkeys"
BANNED_EVENTS: Final = "banned_events"
ALLOWED_EVENTS: Final = "allowed_events"
ALLOWED_KINDS: Final = "allowed_kinds"
DISALLOWED_KINDS: Final = "disallowed_kinds"
BLOCKED_ADDRESSES: Final = "blocked_ips"
ASSIGNED: Final = "assigned_methods"
DETAILS: Final = "details"
NAMES: Final = (
    BANNED_KEYS, ALLOWED_KEYS, BANNED_EVENTS, ALLOWED_EVENTS, ALLOWED_KINDS, DISALLOWED_KINDS, BLOCKED_ADDRESSES, ASSIGNED,
    DETAILS,
)  # fmt: skip


class Lists:
    """Every list by its name; :meth:`load` first."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._items: dict[str, dict[str, str]] = {name: {} for name in NAMES}

    async def load(self) -> None:
        """Read them all."""
        for name in NAMES:
            self._items[name] = {entry.item: entry.reason for entry in await self._store.entries(name)}

    def all(self, name: str) -> dict[str, str]:
        """The items of a list, each with its reason."""
        return dict(self._items[name])

    def reason(self, name: str, item: str) -> str | None:
        """Why an item is on a list; None if it is not."""
        return self._items[name].get(item)

    async def enter(self, name: str, item: str, reason: str = "") -> None:
        """Put an item on a list: durable first, then in force."""
        await self._store.enter(name, Listed(item, reason))
        self._items[name][item] = reason

    async def strike(self, name: str, item: str) -> None:
        """Take an item off a list; nothing if it was not on it."""
        await self._store.strike(name, item)
        self._items[name].pop(item, None)

    def is_blocked(self, address: str) -> bool:
        """Whether nothing is taken from this address."""
        return address in self._items[BLOCKED_ADDRESSES]

    def check_sender(self, source: Source) -> None:
        """Refusal (blocked) for an address from which nothing is taken."""
        if self.is_blocked(source.address):
            raise Refusal(Prefix.BLOCKED, "this address is blocked")

    def check(self, event: Event) -> None:
        """Refusal (blocked, restricted) for an event that the lists keep out."""
        kept = self._items
        if event.id in kept[ALLOWED_EVENTS]:
            return
        if event.id in kept[BANNED_EVENTS]:
            raise Refusal(Prefix.BLOCKED, "this event is banned")
        if event.pubkey in kept[BANNED_KEYS]:
            raise Refusal(Prefix.BLOCKED, "this key is banned")
        if kept[ALLOWED_KEYS] and event.pubkey not in kept[ALLOWED_KEYS]:
            raise Refusal(Prefix.RESTRICTED, "this key is not among those that may publish here")
        kind = str(event.kind)
        if kind in kept[DISALLOWED_KINDS] or (kept[ALLOWED_KINDS] and kind not in kept[ALLOWED_KINDS]):
            raise Refusal(Prefix.BLOCKED, f"events of kind {event.kind} are not taken here")
