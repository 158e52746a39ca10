"""What bitcoind was asked before, kept in bounded memory: by size, by age, and by who is let go first.

cachetools knows each policy but none together with an age, so the age is kept here: entries are found expired when they are
asked for, and swept out when others come.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

import cachetools
from attrs import define, frozen

from ..domain.measure import CACHE_HITS, CACHE_MISSES, Unmetered
from ..ports import CacheFigures, Clock, Meter

_POLICIES: dict[str, type[cachetools.Cache[Any, Any]]] = {
    "lru": cachetools.LRUCache,
    "lfu": cachetools.LFUCache,
    "fifo": cachetools.FIFOCache,
}
Key = tuple[Any, ...]


@frozen
class CacheLimits:
    """Bytes at most, seconds at most, and the policy: ``lru``, ``lfu`` or ``fifo``."""

    most_bytes: int = 100_000_000
    seconds: float = 3600.0
    policy: str = "lru"


@define(eq=False)
class _Held:
    """One entry: its size in bytes, when it came and when it goes, in seconds of the clock."""

    value: Any
    size: int
    came: float
    seconds: float


class BoundedCache:
    """The cache; its limits can be changed, and what fits the new ones stays."""

    def __init__(self, clock: Clock, limits: CacheLimits | None = None, meter: Meter | None = None) -> None:
        self._clock = clock
        self._meter: Meter = meter or Unmetered()
        self._limits = limits or CacheLimits()
        self._held = self._make()
        self._ages: list[tuple[float, int, Key, _Held]] = []
        self._serial = 0
        self._hits = self._misses = 0

    def get(self, key: Key) -> Any | None:
        """What is held under a key, and counts as used; None if there is nothing, or not any more."""
        held = _peek(self._held, key)
        if held is None or self._is_over(held):
            self._held.pop(key, None)
            self._misses += 1
            self._meter.count(CACHE_MISSES)
            return None
        self._hits += 1
        self._meter.count(CACHE_HITS)
        return self._held[key].value

    def put(self, key: Key, value: Any, size: int, seconds: float | None = None) -> None:
        """Hold a value of ``size`` bytes, for ``seconds`` if these are fewer; one larger than the whole is not held."""
        self._sweep()
        self._hold(key, _Held(value, size, self._clock.monotonic(), math.inf if seconds is None else seconds))

    def forget(self, kind: str) -> None:
        """Let go of all whose key begins with this word."""
        for key in [key for key in self._held if key[0] == kind]:
            del self._held[key]

    def resize(self, limits: CacheLimits) -> None:
        """Other limits from now on; entries are taken over in the order they came, the newest last."""
        before, self._limits = self._held, limits
        self._held, self._ages = self._make(), []
        for key in sorted(before, key=lambda key: before[key].came):
            self._hold(key, before[key])
        self._sweep()

    def figures(self) -> CacheFigures:
        """What it holds now, and what it was asked since the start."""
        self._sweep()
        return CacheFigures(self._hits, self._misses, int(self._held.currsize), len(self._held))

    def _make(self) -> cachetools.Cache[Any, Any]:
        return _POLICIES[self._limits.policy](self._limits.most_bytes, getsizeof=lambda held: held.size)

    def _hold(self, key: Key, held: _Held) -> None:
        if held.size > self._limits.most_bytes:
            self._held.pop(key, None)
            return
        self._held[key] = held
        self._serial += 1
        heapq.heappush(self._ages, (self._end(held), self._serial, key, held))

    def _end(self, held: _Held) -> float:
        return held.came + min(held.seconds, self._limits.seconds)

    def _is_over(self, held: _Held) -> bool:
        return self._end(held) <= self._clock.monotonic()

    def _sweep(self) -> None:
        """Let go of what is too old."""
        while self._ages and self._ages[0][0] <= self._clock.monotonic():
            _, _, key, held = heapq.heappop(self._ages)
            self._drop(key, held)
        if len(self._ages) > 2 * len(self._held) + 1000:
            self._ages = [entry for entry in self._ages if _peek(self._held, entry[2]) is entry[3]]
            heapq.heapify(self._ages)

    def _drop(self, key: Key, held: _Held) -> None:
        """Let go of this entry, unless another has taken its place."""
        if _peek(self._held, key) is held:
            del self._held[key]


def _peek(cache: cachetools.Cache[Any, Any], key: Key) -> _Held | None:
    """An entry, without its counting as used."""
    return cachetools.Cache.__getitem__(cache, key) if key in cache else None
