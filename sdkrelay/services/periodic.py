"""What is told at intervals to those who asked for it: how the relay is, its figures, its state.

Nothing is made while nobody listens; who begins to listen hears the first one at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from attrs import define, field, frozen
from twisted.logger import Logger

from ..domain.notification import Topic
from ..messages.bulletin import Bulletin
from ..messages.message import Message
from ..ports import Caller, Cancelled, Clock, Event, Task, Tasks
from .hub import Hub

log = Logger()


@frozen
class Periodical:
    """What is told on a topic: how often (asked anew each time, in seconds), and how one is made."""

    topic: Topic
    seconds: Callable[[], float]
    make: Callable[[], Awaitable[Message]]


@define(eq=False)
class _Running:
    """A periodical with the time of its last issue, and its loop."""

    periodical: Periodical
    changed: Event
    issued: float
    task: Task | None = field(default=None)


class PeriodicService:
    """One loop for each periodical, from :meth:`start` to :meth:`stop`; a topic can have several."""

    def __init__(self, hub: Hub, tasks: Tasks, clock: Clock, periodicals: Iterable[Periodical]) -> None:
        self._hub = hub
        self._tasks = tasks
        self._clock = clock
        now = clock.monotonic()
        self._running = [_Running(each, tasks.event(), now) for each in periodicals]
        hub.on_listen.append(self._welcome)

    def start(self) -> None:
        """Begin to tell."""
        for running in self._running:
            running.issued = self._clock.monotonic()
            running.task = self._tasks.start(f"periodic {running.periodical.topic}", self._run(running))

    async def stop(self) -> None:
        """End all loops."""
        for running in self._running:
            if running.task is not None:
                running.task.cancel()
                await running.task.wait()

    def reschedule(self) -> None:
        """The intervals may have changed: they hold from the last issues on."""
        for running in self._running:
            running.changed.set()

    async def _run(self, running: _Running) -> None:
        while True:
            due = running.issued + running.periodical.seconds()
            if await self._interrupted(running.changed, due - self._clock.monotonic()):
                continue
            running.issued = self._clock.monotonic()
            if self._hub.hears(running.periodical.topic):
                await self._issue(running.periodical)

    async def _interrupted(self, changed: Event, seconds: float) -> bool:
        return await changed.wait(max(seconds, 0.0))

    async def _issue(self, periodical: Periodical) -> None:
        bulletin = await self._made(periodical)
        if bulletin is not None:
            await self._hub.broadcast(periodical.topic, bulletin)

    async def _made(self, periodical: Periodical) -> Bulletin | None:
        """The next issue; None, and a line in the log, if it cannot be made this time."""
        try:
            return Bulletin(await periodical.make(), self._clock.now())
        except Cancelled:
            raise
        except Exception:
            log.failure("a {topic} message could not be made", topic=periodical.topic.value)
            return None

    def _welcome(self, caller: Caller, topics: frozenset[Topic]) -> None:
        for running in self._running:
            if running.periodical.topic in topics:
                caller.beside(f"first {running.periodical.topic}", self._first(running.periodical, caller))

    async def _first(self, periodical: Periodical, caller: Caller) -> None:
        bulletin = await self._made(periodical)
        if bulletin is not None:
            self._hub.push(periodical.topic, bulletin, caller)
