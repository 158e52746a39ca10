"""A standing exchange of events with another Nostr relay: what both lack at each beginning and now and then, and live between.

New events are followed before the two sets are compared, so that nothing falls between. A relay that cannot be reached, or
does not behave, is dialled again after a pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from attrs import evolve
from twisted.logger import Logger

from ...domain.measure import NOSTR_DIALS
from ...domain.nostr.event import Event
from ...ports import Line, Task, Unavailable
from ...ports.remotes import RemoteDialler, RemoteWire
from .exchange import Agreement, Exchange
from .live import Live
from .remote import Remote, Tools

log = Logger()

#: Seconds between two comparisons, and new events that may wait to be offered; more are found by a comparison.
EVERY, WAITING = 300.0, 1_000


class _Pump:
    """New events on their way up."""

    prefix = b""

    def __init__(self, exchange: Exchange, tools: Tools) -> None:
        self._exchange = exchange
        self._queue: deque[Event] = deque()
        self._wake = tools.tasks.event()
        self.overrun = False

    def hear(self, event: Event, frame: bytes) -> bool:
        """A new event, unless it came from there or is not for others."""
        if not self._exchange.is_offered(event):
            return False
        if len(self._queue) >= WAITING:
            self.overrun = True
            return False
        self._queue.append(event)
        return True

    def say(self) -> None:
        """Go on offering."""
        self._wake.set()

    async def run(self, remote: Remote) -> None:
        """Offer what comes, in order, until the conversation is over."""
        try:
            while remote.over is None:
                while self._queue:
                    await self._exchange.offer(remote, self._queue.popleft())
                await self._wake.wait()
        except Unavailable as away:
            remote.hang_up(str(away))


class Stream:
    """One agreement, kept up from :meth:`start` to :meth:`stop`."""

    def __init__(self, exchange: Exchange, live: Live, tools: Tools, every: float = EVERY) -> None:
        self.exchange = exchange
        self.remote: Remote | None = None
        self._live = live
        self._tools = tools
        self._every = every
        self._wake = tools.tasks.event()
        self._line: Line | None = None
        self._task: Task | None = None

    @property
    def agreement(self) -> Agreement:
        """What is exchanged."""
        return self.exchange.agreement

    def start(self, dialler: RemoteDialler) -> None:
        """Dial from now on."""
        self._line = dialler.line(self.agreement.url, self)

    async def stop(self) -> None:
        """Hang up, and end what is under way."""
        if self._line is not None:
            self._line.stop()
            self._line = None
        if self._task is not None:
            self._task.cancel()
            await self._task.wait()

    def look(self) -> None:
        """Compare now."""
        self._wake.set()

    def wanted(self) -> bool:
        """Always, while it is started."""
        return True

    def opened(self, wire: RemoteWire) -> None:
        """There is a connection."""
        self._tools.meter.count(NOSTR_DIALS, "connected")
        remote = self.remote = Remote(self.agreement.url, wire, self._tools, self._answered)
        remote.on_end = self._wake.set
        self._task = self._tools.tasks.start(f"the stream {self.agreement.name}", self._run(remote))

    def failed(self, why: str) -> None:
        """There was none."""
        self._tools.meter.count(NOSTR_DIALS, "failed")
        log.warn(
            "stream {name}: {url} is not reached: {why}", name=self.agreement.name, url=self.agreement.url, why=why
        )

    def _answered(self) -> None:
        if self._line is not None:
            self._line.greeted()

    async def _run(self, remote: Remote) -> None:
        pump = _Pump(self.exchange, self._tools)
        pumping: Sequence[Task] = ()
        if self.agreement.up:
            self._live.index.put(pump, (self.agreement.wanted,))
            pumping = (self._tools.tasks.start(f"the stream {self.agreement.name} up", pump.run(remote)),)
        try:
            await self._keep_up(remote, pump)
        except Unavailable as away:
            remote.hang_up(str(away))
        finally:
            self._live.index.drop(pump)
            for task in pumping:
                task.cancel()
            log.warn(
                "stream {name}: the conversation is over: {why}", name=self.agreement.name, why=remote.over or "it ends"
            )
            self.remote = None

    async def _keep_up(self, remote: Remote, pump: _Pump) -> None:
        name: str | None = None
        while remote.over is None:
            if self.agreement.down and (name is None or not remote.follows(name)):
                name = self._follow(remote, name)
            await self.exchange.settle(remote)
            tally = self.exchange.tally
            log.info(
                "stream {name}: {received} received, {sent} sent, {refused} refused so far", name=self.agreement.name,
                received=tally.received, sent=tally.sent, refused=tally.refused,
            )  # fmt: skip
            if not pump.overrun:
                await self._wake.wait(self._every)
            pump.overrun = False

    def _follow(self, remote: Remote, before: str | None) -> str:
        if before is not None:
            remote.leave(before)
        return remote.follow(evolve(self.agreement.wanted, limit=0), lambda event: self.exchange.take(event, remote))
