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
#: Seconds for an answer where there is reason to think that the link is dead.
DOUBTED_SECONDS = 10.0


class Keeper:
    """Pings each link from its beginning to its end, and hands answers of all kinds to whoever asked for them."""

    def __init__(self, links: Links, tasks: Tasks, clock: Clock) -> None:
        self._links = links
        self._tasks = tasks
        self._clock = clock
        self._running: dict[Link, Task] = {}
        self._doubted: set[Link] = set()
        links.subscribe(self._up, self._down)
        links.on_doubt = self._doubt

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
            missed = 0 if await self._answers(link, ANSWER_SECONDS) else missed + 1
            await self._tasks.sleep(max(0.0, PING_SECONDS - (self._clock.monotonic() - began)))
        link.end(f"{MISSED} pings were not answered", "silent")

    async def _answers(self, link: Link, seconds: float) -> bool:
        """Whether the other side says anything to a ping within so many seconds; a pong is measured."""
        began = self._clock.monotonic()
        try:
            await link.ask(Ping(timestamp=int(self._clock.now())), seconds)
        except Problem:
            return True
        except Unavailable:
            return False
        link.standing.answered(self._clock.monotonic() - began, self._clock.now())
        return True

    def _doubt(self, link: Link) -> None:
        """Nobody dials who is linked: the other side may have lost this link without a word that came here."""
        if link not in self._doubted:
            self._doubted.add(link)
            self._tasks.start(f"a ping to {link.relay_id}", self._try(link))

    async def _try(self, link: Link) -> None:
        answers = await self._answers(link, DOUBTED_SECONDS)
        self._doubted.discard(link)
        if not (answers or link.ended):
            link.end("it has dialled again, and a ping was not answered", "silent")
