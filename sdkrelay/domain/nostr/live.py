"""Finds, among thousands of live subscriptions, the few that one new event may interest.

Each filter stands under the values of its most selective condition (the one with the fewest: ids, authors, a tag), else under
its kinds, else under everything; an event looks up its own values and checks only what stands there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from attrs import define, field

from .event import Event
from .filter import Filter
from .rules import indexed_tags

K = TypeVar("K", bound=Hashable)

#: What a filter stands under: the condition's name and one of its values.
Slot = tuple[str, str | int]
_EVERYTHING: tuple[Slot, ...] = (("", 0),)


@define(eq=False)
class LiveIndex(Generic[K]):
    """Subscriptions by key; ``put`` replaces at once, ``interested`` tells each key no more than once, in order of arrival."""

    _filters: dict[K, tuple[Filter, ...]] = field(factory=dict)
    _slots: dict[Slot, dict[K, None]] = field(factory=dict)

    def put(self, key: K, filters: Sequence[Filter]) -> None:
        """Listen with these filters from now on, and with no earlier ones of this key."""
        self.drop(key)
        self._filters[key] = tuple(filters)
        for slot in _slots_of(filters):
            self._slots.setdefault(slot, {})[key] = None

    def drop(self, key: K) -> None:
        """Listen no more; nothing if there is none of this key."""
        for slot in _slots_of(self._filters.pop(key, ())):
            keys = self._slots.get(slot, {})
            keys.pop(key, None)
            if not keys:
                self._slots.pop(slot, None)

    def interested(self, event: Event) -> list[K]:
        """The keys of which a filter matches."""
        if not self._slots:
            return []
        candidates = dict.fromkeys(key for slot in _slots_for(event) for key in self._slots.get(slot, ()))
        return [key for key in candidates if any(wanted.matches(event) for wanted in self._filters[key])]

    def __len__(self) -> int:
        return len(self._filters)

    def __contains__(self, key: object) -> bool:
        return key in self._filters


def _slots_of(filters: Iterable[Filter]) -> set[Slot]:
    return {slot for wanted in filters for slot in _chosen(wanted)}


def _chosen(wanted: Filter) -> Iterable[Slot]:
    if wanted.impossible():
        return ()
    named = [
        ("ids", wanted.ids),
        ("authors", wanted.authors),
        *((f"#{letter}", values) for letter, values in wanted.tags),
    ]
    selective = [(name, values) for name, values in named if values is not None]
    if selective:
        name, values = min(selective, key=lambda choice: len(choice[1]))
        return [(name, value) for value in values]
    if wanted.kinds is not None:
        return [("kinds", kind) for kind in wanted.kinds]
    return _EVERYTHING


def _slots_for(event: Event) -> Iterator[Slot]:
    yield ("ids", event.id)
    yield ("authors", event.pubkey)
    yield ("kinds", event.kind)
    yield from _EVERYTHING
    for letter, value in indexed_tags(event.tags):
        yield (f"#{letter}", value)
