"""Keeps the events within their time and their room: what has expired, what is too old for its kind, what is too much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from attrs import field, frozen
from twisted.logger import Logger

from ...domain.nostr.filter import Filter
from ...ports import Cancelled, Clock, Task, Tasks, Unavailable
from ...ports.nostr import EventFigures, EventStore

log = Logger()

#: Seconds between two rounds, events removed in one transaction, and seconds between two of these.
ROUND, AT_ONCE, PAUSE = 60.0, 500, 0.05
DAY = 86_400


@frozen
class Bounds:
    """Days by kind, bytes and events of all; 0 is no bound."""

    days: Mapping[int, int] = field(factory=dict)
    bytes: int = 0
    events: int = 0


class Keeper:
    """Removes what is not kept, a little at a time, so that nobody waits for it."""

    def __init__(self, store: EventStore, bounds: Bounds, tasks: Tasks, clock: Clock) -> None:
        self._store = store
        self._bounds = bounds
        self._tasks = tasks
        self._clock = clock
        self._running: Task | None = None

    def start(self) -> None:
        """Begin; a round that fails is logged and the next one tries again."""
        self._running = self._tasks.start("keeping Nostr events in bounds", self._run())

    async def stop(self) -> None:
        """End."""
        if self._running is not None:
            self._running.cancel()
            await self._running.wait()

    async def round(self) -> int:
        """Remove all that is beyond the bounds now; how many events went."""
        store, now = self._store, int(self._clock.now())
        gone = await self._all(lambda: store.forget_expired(AT_ONCE))
        for kind, days in self._bounds.days.items():
            old = Filter(kinds=frozenset({kind}), until=max(0, now - days * DAY))
            gone += await self._all(lambda wanted=old: store.forget(wanted, AT_ONCE))  # type: ignore[misc]
        return gone + await self._shrink()

    async def _shrink(self) -> int:
        gone = 0
        while (surplus := self._surplus(await self._store.figures())) > 0:
            removed = await self._store.forget_oldest(min(surplus, AT_ONCE))
            gone += removed
            if not removed:
                break
            await self._tasks.sleep(PAUSE)
        return gone

    def _surplus(self, figures: EventFigures) -> int:
        """How many events are too many: by their number, and by the mean size of one."""
        bounds, surplus = self._bounds, 0
        if bounds.events:
            surplus = figures.events - bounds.events
        if bounds.bytes and figures.events and figures.bytes > bounds.bytes:
            mean = max(1, figures.bytes // figures.events)
            surplus = max(surplus, (figures.bytes - bounds.bytes) // mean + 1)
        return surplus

    async def _all(self, remove: Callable[[], Awaitable[int]]) -> int:
        gone = 0
        while True:
            removed = await remove()
            gone += removed
            if removed < AT_ONCE:
                return gone
            await self._tasks.sleep(PAUSE)

    async def _run(self) -> None:
        while True:
            try:
                gone = await self.round()
                if gone:
                    log.info("{count} Nostr events were removed: expired, too old, or too many", count=gone)
            except Unavailable as away:
                log.warn("Nostr events could not be kept in bounds: {reason}", reason=str(away))
            except Cancelled:
                raise
            except Exception:
                log.failure("Nostr events could not be kept in bounds")
            await self._tasks.sleep(ROUND)
