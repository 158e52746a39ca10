"""From an event that was offered to its OK: rules, what is stored already, signatures, the operator's program, commit, live.

Events of all connections go through together: what waits is screened and verified as one batch on the workers while the batch
before it is being committed. An OK says true only after the commit (or, for an ephemeral event, once it was told).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from attrs import define, field, frozen
from twisted.logger import Logger

from ...domain.measure import NOSTR_EVENTS, NOSTR_WRITE_SECONDS
from ...domain.nostr import kinds
from ...domain.nostr.event import WRONG_ID, Event, require_genuine
from ...domain.nostr.refusal import Prefix, Refusal, invalid
from ...domain.nostr.rules import vanishes_here
from ...messages.nostr.relay import Ok
from ...ports import Cancelled, Clock, Compute, Meter, Task, Tasks, Unavailable
from ...ports import Event as Signal
from ...ports.nostr import EventStore, Outcome, Submission
from .client import Origin, Source
from .limits import NostrLimits
from .live import Live
from .rules import Rules

log = Logger()

#: Events verified and committed together; events, and bytes of these, that may wait before whoever offers more has to wait.
BATCH, WAITING, WAITING_BYTES = 512, 4_096, 32_000_000

STOPPING = Unavailable("the relay is stopping")
FAILED = Unavailable("the relay failed; its log says why")
#: Events whose signatures are looked at on the spot, each in some 50 µs.
FEW = 4
#: Hears the OKs of one connection's events that are ready at the same time.
Tell = Callable[[Sequence[Ok]], None]

_TOLD: dict[Outcome, tuple[bool, str]] = {
    Outcome.STORED: (True, ""),
    Outcome.DUPLICATE: (True, "duplicate: already have this event"),
    Outcome.SUPERSEDED: (False, "duplicate: have a newer version"),
    Outcome.DELETED: (False, "blocked: deleted by its author"),
    Outcome.VANISHED: (False, "blocked: its author has asked to be forgotten"),
}


class Policy(Protocol):
    """The operator's own judge."""

    async def judge(self, event: Event, source: Source) -> bool:
        """Whether to store it; False drops it while its sender hears that all is well. Refusal tells the sender why not."""


@frozen
class Around:
    """What the publisher works with."""

    store: EventStore
    live: Live
    rules: Rules
    compute: Compute
    tasks: Tasks
    clock: Clock
    meter: Meter
    limits: Callable[[], NostrLimits]
    urls: Callable[[], Sequence[str]]
    policy: Policy | None = None


@define(eq=False)
class Offer:
    """An event on its way; ``tell`` hears the OK, once, and those of other events of the same connection with it."""

    event: Event
    source: Source
    tell: Tell
    began: float
    size: int
    answered: bool = False


@define(eq=False)
class _Line:
    """What waits, and who waits for room."""

    offers: deque[Offer] = field(factory=deque)
    full: list[Signal] = field(factory=list)
    bytes: int = 0
    closed: bool = False

    def put(self, offer: Offer) -> None:
        """At the end."""
        self.offers.append(offer)
        self.bytes += offer.size

    def take(self, most: int) -> list[Offer]:
        """From the front; whoever waits for room looks again."""
        taken = [self.offers.popleft() for _ in range(min(most, len(self.offers)))]
        self.bytes -= sum(offer.size for offer in taken)
        waiting, self.full = self.full, []
        for room in waiting:
            room.set()
        return taken

    def is_full(self) -> bool:
        """Whether nobody should offer more for now."""
        return len(self.offers) >= WAITING or self.bytes >= WAITING_BYTES


class Publisher:
    """The one way into the store; :meth:`start` first."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._line = _Line()
        self._wake = around.tasks.event()
        self._running: Task | None = None
        self._commit: Task | None = None

    def start(self) -> None:
        """Begin to work."""
        self._running = self._around.tasks.start("publishing Nostr events", self._run())

    async def stop(self) -> None:
        """Finish what is being committed; what still waits, or comes later, is told that it was not stored."""
        self._line.closed = True
        if self._running is not None:
            self._running.cancel()
            await self._running.wait()
        if self._commit is not None:
            await self._commit.wait()
        while self._line.offers:
            self._fail(self._line.take(BATCH), STOPPING)

    async def offer(self, event: Event, source: Source, tell: Tell) -> None:
        """Take an event; ``tell`` is called with its one OK, now or later. Waits while too many are on their way."""
        line, size = self._line, len(event.encoded())
        offer = Offer(event, source, tell, self._around.clock.monotonic(), size)
        try:
            self._around.rules.check(event, source)
        except Refusal as refusal:
            self._refuse(offer, refusal)
            return
        if line.closed:
            self._fail([offer], STOPPING)
            return
        line.put(offer)
        self._wake.set()
        while line.is_full():
            room = self._around.tasks.event()
            line.full.append(room)
            await room.wait()

    async def publish(self, event: Event, source: Source) -> Ok:
        """Offer an event and wait for its OK."""
        answers: list[Ok] = []
        told = self._around.tasks.event()

        def tell(given: Sequence[Ok]) -> None:
            answers.extend(given)
            told.set()

        await self.offer(event, source, tell)
        await told.wait()
        return answers[0]

    async def _run(self) -> None:
        while True:
            if not self._line.offers:
                await self._wake.wait()
            batch = self._line.take(BATCH)
            try:
                genuine = await self._admitted(batch)
                if self._commit is not None:
                    await self._commit.wait()
            except Cancelled:
                self._fail(batch, STOPPING)
                raise
            except Unavailable as away:
                self._fail(batch, away)
            except Exception:
                log.failure("a batch of Nostr events failed")
                self._fail(batch, FAILED)
            else:
                self._commit = self._around.tasks.start("committing Nostr events", self._settle(genuine))

    async def _admitted(self, batch: list[Offer]) -> list[Offer]:
        """Those that are new, genuine, and to the operator's liking; all others are answered."""
        fresh = await self._screened(batch)
        genuine = await self._verified(fresh)
        return genuine if self._around.policy is None else [one for one in genuine if await self._judged(one)]

    async def _screened(self, batch: list[Offer]) -> list[Offer]:
        outcomes = await self._around.store.screen([offer.event for offer in batch])
        for offer, outcome in zip(batch, outcomes, strict=True):
            if outcome is Outcome.STORED:
                continue
            # Whoever only knows an id must not learn whether that event is here.
            if offer.event.computed_id() == offer.event.id:
                self._answer(offer, *_TOLD[outcome])
            else:
                self._refuse(offer, invalid(WRONG_ID))
        return [offer for offer in batch if not offer.answered]

    async def _verified(self, offers: list[Offer]) -> list[Offer]:
        compute = self._around.compute
        size = max(1, -(-len(offers) // compute.workers))
        parts = [offers[start : start + size] for start in range(0, len(offers), size)]
        found = await self._around.tasks.gather(*(self._checked(part) for part in parts))
        for offer, refusal in zip(offers, (one for part in found for one in part), strict=True):
            if refusal is not None or (refusal := self._around.rules.excess(offer.event, offer.source)) is not None:
                self._refuse(offer, refusal)
        return [offer for offer in offers if not offer.answered]

    async def _checked(self, part: list[Offer]) -> list[Refusal | None]:
        events = [offer.event for offer in part]
        # Handing a few over to a worker takes longer than looking at them, and their authors wait.
        return _faults(events) if len(events) <= FEW else await self._around.compute.run(_faults, events)

    async def _judged(self, offer: Offer) -> bool:
        assert self._around.policy is not None
        if vanishes_here(offer.event, self._around.urls()):
            return True
        try:
            wanted = await self._around.policy.judge(offer.event, offer.source)
        except Refusal as refusal:
            self._refuse(offer, refusal)
            return False
        if not wanted:
            self._answer(offer, True, "")
        return wanted

    async def _settle(self, offers: list[Offer]) -> None:
        """Commit, answer, tell; when the store takes too long, those who wait hear so, and the commit goes on."""
        passing = [offer for offer in offers if kinds.is_ephemeral(offer.event.kind)]
        lasting = [offer for offer in offers if not kinds.is_ephemeral(offer.event.kind)]
        self._answer_all((offer, True, "") for offer in passing)
        await self._tell(passing)
        if lasting:
            coming, ids = self._around.live.coming, {bytes.fromhex(offer.event.id) for offer in lasting}
            coming |= ids
            done = self._around.tasks.event()
            self._around.tasks.start("a slow store", self._watch(lasting, done))
            try:
                await self._store(lasting)
            finally:
                done.set()
                coming -= ids

    async def _store(self, offers: list[Offer]) -> None:
        urls = self._around.urls()
        submissions = [Submission(offer.event, vanishes_here(offer.event, urls)) for offer in offers]
        try:
            outcomes = await self._around.store.insert(submissions)
        except Unavailable as away:
            self._fail(offers, away)
            return
        except Exception:
            log.failure("Nostr events could not be stored")
            self._fail(offers, FAILED)
            return
        self._answer_all((offer, *_TOLD[outcome]) for offer, outcome in zip(offers, outcomes, strict=True))
        await self._tell([offer for offer, outcome in zip(offers, outcomes, strict=True) if outcome is Outcome.STORED])

    async def _tell(self, offers: Sequence[Offer]) -> None:
        """Tell those who listen, with a turn for everything else now and then: they may be many."""
        start, live = 0, self._around.live
        while start < len(offers):
            if start:
                await self._around.tasks.sleep(0)
            end = start + live.at_once()
            live.publish([offer.event for offer in offers[start:end]])
            start = end

    async def _watch(self, offers: list[Offer], done: Signal) -> None:
        seconds = self._around.limits().store_seconds
        if not await done.wait(seconds):
            self._fail(offers, Unavailable(f"not stored after {seconds:g} s; it may be yet"))

    def _fail(self, offers: Sequence[Offer], away: Unavailable) -> None:
        reason = Refusal(Prefix.ERROR, str(away)).reason
        self._answer_all((offer, False, reason) for offer in offers)

    def _refuse(self, offer: Offer, refusal: Refusal) -> None:
        self._answer(offer, False, refusal.reason)

    def _answer(self, offer: Offer, accepted: bool, reason: str) -> None:
        self._answer_all([(offer, accepted, reason)])

    def _answer_all(self, verdicts: Iterable[tuple[Offer, bool, str]]) -> None:
        """What is ready together is told together: each connection is written to once."""
        told: dict[Tell, list[Ok]] = {}
        outcomes: Counter[tuple[Origin, str]] = Counter()
        meter, now = self._around.meter, self._around.clock.monotonic()
        for offer, accepted, reason in verdicts:
            if offer.answered:
                continue
            offer.answered = True
            outcomes[offer.source.origin, reason.partition(":")[0] or "accepted"] += 1
            meter.time(NOSTR_WRITE_SECONDS, now - offer.began)
            told.setdefault(offer.tell, []).append(Ok(offer.event.id, accepted, reason))
        for (origin, outcome), times in outcomes.items():
            meter.count(NOSTR_EVENTS, origin.value, outcome, by=times)
        for tell, answers in told.items():
            tell(answers)


def _faults(events: Sequence[Event]) -> list[Refusal | None]:
    """What is wrong with each event's id or signature."""
    return [_fault(event) for event in events]


def _fault(event: Event) -> Refusal | None:
    try:
        require_genuine(event)
    except Refusal as refusal:
        return refusal
    return None
