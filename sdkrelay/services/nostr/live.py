"""Tells new events to whoever listens: each is looked up once for all subscriptions, and written once for all its receivers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from ...domain.measure import NOSTR_SENT
from ...domain.nostr.event import Event
from ...domain.nostr.live import LiveIndex
from ...messages.nostr.relay import event_frame
from ...ports import Meter

#: Events told between two turns of the reactor, and about how many frames they may become.
MOST_AT_ONCE, TOLD_AT_ONCE = 16, 4_000


class Hearer(Protocol):
    """A subscription that is open; ``prefix`` is how each of its EVENT frames begins."""

    prefix: bytes

    def __hash__(self) -> int:
        """It is known by itself."""

    def hear(self, event: Event, frame: bytes) -> bool:
        """A new event that its filters match; whether it will be told, now by :meth:`say` or later."""

    def say(self) -> None:
        """Send what was heard and is not to wait."""


class Live:
    """All open subscriptions of all conversations, and whoever else follows what is stored."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.index: LiveIndex[Hearer] = LiveIndex()
        #: The ids of what is being committed: a query may find it before it is told here.
        self.coming: set[bytes] = set()

    def at_once(self) -> int:
        """How many events to tell between two turns of the reactor: fewer where many may listen."""
        return max(1, min(MOST_AT_ONCE, TOLD_AT_ONCE // max(1, len(self.index))))

    def publish(self, events: Sequence[Event]) -> None:
        """Tell all whose filters match and who may see them; each subscription's events go out in one write."""
        heard: dict[Hearer, None] = {}
        for event in events:
            hearers = self.index.interested(event)
            if hearers:
                self._announce(event, hearers)
                heard.update(dict.fromkeys(hearers))
        for hearer in heard:
            hearer.say()

    def _announce(self, event: Event, hearers: Collection[Hearer]) -> None:
        written, frames, told = event.encoded(), dict[bytes, bytes](), 0
        for hearer in hearers:
            # One object for all who call their subscription the same: it is framed for the socket once.
            frame = frames.get(hearer.prefix)
            if frame is None:
                frame = frames[hearer.prefix] = event_frame(hearer.prefix, written)
            told += hearer.hear(event, frame)
        if told:
            self._meter.count(NOSTR_SENT, "realtime", by=told)
