"""Asks each connected relay how it is, at the intervals of the settings, and tells it how this one is with the same message."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from attrs import define, field, frozen
from twisted.logger import Logger

from ...domain.measure import SYNC_ERRORS, SYNC_REQUESTS, SYNC_RESPONSES, SYNC_SECONDS
from ...domain.problem import Problem
from ...messages.catalog import encode
from ...messages.mesh.reconcile import SyncAnswered
from ...messages.native.relays import Sync, SyncType
from ...ports import Cancelled, Clock, Entropy, Event, Meter, Task, Tasks, Unavailable
from ..figures import SYNC_TYPES
from .figures import PeerFigures
from .history import Exchange, History
from .link import Link, Links

log = Logger()

#: Seconds within which another relay has to answer.
ANSWER = 10.0


@frozen
class Around:
    """Clock, tasks, entropy for the names of messages, and the meter."""

    clock: Clock
    tasks: Tasks
    entropy: Entropy
    meter: Meter

    def name(self, kind: str) -> str:
        """A name that no other message has."""
        return f"{kind}-{self.entropy.bytes(6).hex()}"


@define(eq=False)
class _Rounds:
    """The exchanges of one kind with one relay, one after the other; ``due`` is when the next begins (monotonic)."""

    changed: Event
    due: float
    task: Task | None = field(default=None)


class Exchanges:
    """One loop for each link and kind, from the link's beginning to its end. ``intervals`` are seconds, asked anew each time."""

    def __init__(
        self,
        relay_id: str,
        figures: PeerFigures,
        history: History,
        intervals: Mapping[SyncType, Callable[[], float]],
        around: Around,
    ) -> None:
        self._relay_id = relay_id
        self._figures = figures
        self._history = history
        self._intervals = intervals
        self._around = around
        self._rounds: dict[tuple[Link, SyncType], _Rounds] = {}

    def follow(self, links: Links) -> None:
        """Begin with each link that begins."""
        links.subscribe(self._up, self._down)

    def reschedule(self) -> None:
        """The intervals may have changed: they hold from now on."""
        for (_, sync_type), rounds in self._rounds.items():
            rounds.due = min(rounds.due, self._around.clock.monotonic() + self._intervals[sync_type]())
            rounds.changed.set()

    def next(self) -> int | None:
        """When another relay will be asked next, in seconds since the epoch; None while none is connected."""
        dues = [rounds.due for rounds in self._rounds.values()]
        clock = self._around.clock
        return int(clock.now() + max(min(dues) - clock.monotonic(), 0.0)) if dues else None

    def force(self, link: Link, sync_type: SyncType) -> None:
        """Ask this relay now, out of turn."""
        self._around.tasks.start(f"forced {sync_type} with {link.relay_id}", self.once(link, sync_type))

    async def once(self, link: Link, sync_type: SyncType) -> bool:
        """One exchange, which history, meter and the relay's standing show; whether it succeeded."""
        around = self._around
        exchange = self._history.begin(sync_type, link.relay_id, around.name("msg"))
        around.meter.count(SYNC_REQUESTS)
        link.standing.sync_requests += 1
        try:
            await self._ask(link, sync_type, exchange)
        except Cancelled:
            self._failed(exchange, "the link ended")
            raise
        except (Problem, Unavailable) as error:
            self._failed(exchange, error.code.value if isinstance(error, Problem) else "no answer")
            return False
        except Exception:
            log.failure("a {kind} with relay {relay} failed", kind=sync_type, relay=link.relay_id)
            self._failed(exchange, "internal error")
            return False
        return True

    async def _ask(self, link: Link, sync_type: SyncType, exchange: Exchange) -> None:
        around = self._around
        payload = await self._figures.told(sync_type, link.relay_id)
        request = Sync(
            sync_type=sync_type, relay_id=self._relay_id, payload=msgspec.to_builtins(payload), message_id=exchange.message_id,
            timestamp=int(around.clock.now()),
        )  # fmt: skip
        asked = around.clock.monotonic()
        answer = await link.ask(request, ANSWER)
        latency = around.clock.monotonic() - asked
        around.meter.count(SYNC_RESPONSES)
        around.meter.time(SYNC_SECONDS, latency)
        told = answer.payload if isinstance(answer, SyncAnswered) and answer.sync_type == sync_type else {}
        await self._figures.take(link, sync_type, told)
        link.standing.sync_responses += 1
        self._history.succeed(exchange, len(encode(told)), latency)

    def _failed(self, exchange: Exchange, why: str) -> None:
        self._around.meter.count(SYNC_ERRORS)
        self._history.fail(exchange, why)

    def _up(self, link: Link) -> None:
        now = self._around.clock.monotonic()
        for sync_type in SYNC_TYPES:
            rounds = self._rounds[link, sync_type] = _Rounds(self._around.tasks.event(), now)
            name = f"{sync_type} with {link.relay_id}"
            rounds.task = self._around.tasks.start(name, self._run(link, sync_type, rounds))

    def _down(self, link: Link) -> None:
        for sync_type in SYNC_TYPES:
            rounds = self._rounds.pop((link, sync_type), None)
            if rounds is not None and rounds.task is not None:
                rounds.task.cancel()

    async def _run(self, link: Link, sync_type: SyncType, rounds: _Rounds) -> None:
        clock = self._around.clock
        while True:
            if await rounds.changed.wait(max(rounds.due - clock.monotonic(), 0.0)):
                continue
            rounds.due = clock.monotonic() + self._intervals[sync_type]()
            await self.once(link, sync_type)
