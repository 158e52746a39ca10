"""Keeps links alive: a ping every half minute, which also measures, and an end for relays that answer none."""

from __future__ import annotations

from ...domain.problem import Problem
from ...messages.mesh.answers import DiscoveryAnswer, ErrorAnswer, PongAnswer
from ...messages.native.session import Ping
from ...ports import Caller, Clock, Task, Tasks, Unavailable
from ..router import handles
from .link import Link, Links

#: Seconds between two pings, and from one to its answer; a relay that misses two in a row is gone.
PING_SECONDS, ANSWER_SECONDS, MISSED = 30.0, 30.0, 2


class Keeper:
    """Pings each link from its beginning to its end, and hands answers of all kinds to whoever asked for them."""

    def __init__(self, links: Links, tasks: Tasks, clock: Clock) -> None:
        self._links = links
        self._tasks = tasks
        self._clock = clock
        self._running: dict[Link, Task] = {}
        links.subscribe(self._up, self._down)

    @handles(PongAnswer)
    async def pong(self, request: PongAnswer, caller: Caller) -> None:
        """It is there."""
        self._links.link_of(caller).answered(request)

    @handles(ErrorAnswer)
    async def error(self, request: ErrorAnswer, caller: Caller) -> None:
        """It refuses what it was asked."""
        self._links.link_of(caller).answered(request)

    @handles(DiscoveryAnswer)
    async def discovery(self, request: DiscoveryAnswer, caller: Caller) -> None:
        """Whom it knows."""
        self._links.link_of(caller).answered(request)

    def _up(self, link: Link) -> None:
        self._running[link] = self._tasks.start(f"pings to {link.relay_id}", self._ping(link))

    def _down(self, link: Link) -> None:
        task = self._running.pop(link, None)
        if task is not None:
            task.cancel()

    async def _ping(self, link: Link) -> None:
        missed = 0
        while missed < MISSED:
            began = self._clock.monotonic()
            try:
                await link.ask(Ping(timestamp=int(self._clock.now())), ANSWER_SECONDS)
            except Problem:
                missed = 0
            except Unavailable:
                missed += 1
            else:
                missed = 0
                link.standing.answered(self._clock.monotonic() - began, self._clock.now())
            await self._tasks.sleep(max(0.0, PING_SECONDS - (self._clock.monotonic() - began)))
        link.end(f"{MISSED} pings were not answered", "silent")
