"""A REQ from its stored events to its live ones without a gap, and COUNT.

A subscription listens before its stored events are asked for. What is published meanwhile waits, and follows after EOSE unless
it was among the stored ones. One connection's questions are answered one after the other, so that what they hold in memory
is bounded; CLOSE, another REQ of the name and the end of the connection stop a question wherever it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from twisted.logger import Logger

from ...domain.measure import NOSTR_ABORTS, NOSTR_QUERY_SECONDS, NOSTR_SENT
from ...domain.nostr.event import Event
from ...domain.nostr.filter import Filter
from ...domain.nostr.hyperloglog import offset_of
from ...domain.nostr.refusal import Prefix, Refusal, invalid
from ...domain.nostr.rules import is_visible
from ...messages.nostr.client import Count, Subscribe
from ...messages.nostr.relay import Closed, Counted, EndOfStored, event_frame, event_prefix
from ...ports import Cancelled, Clock, Meter, Task, Unavailable
from ...ports.nostr import Answer, EventStore, Query, TooLong
from .client import Client
from .identity import Proved
from .limits import Features, NostrLimits
from .live import Live
from .turns import Turns

log = Logger()

FAILED = Unavailable("the relay failed; its log says why")

#: Events, and about how many bytes of them, sent between two looks whether the client still reads.
PAGE, PAGE_BYTES = 100, 250_000
#: Values of filters that cost as much as a question.
COSTLY = 500


@frozen
class Questions:
    """What all connections' questions are answered with."""

    store: EventStore
    live: Live
    clock: Clock
    meter: Meter
    limits: Callable[[], NostrLimits]
    features: Callable[[], Features]


@define
class Waiting:
    """How many bytes wait for the stored events of one connection's subscriptions; never more than ``most``."""

    most: int
    bytes: int = 0

    def take(self, size: int) -> bool:
        """Whether so much more may wait; if so, it does."""
        if self.bytes + size > self.most:
            return False
        self.bytes += size
        return True


@define(eq=False)
class Subscription:
    """One REQ; ``early`` holds what was published before its stored events were through, and is None afterwards.

    ``ready`` is what was heard and is about to be sent. ``told`` are the ids of stored events whose commit was so fresh that
    they are still to be heard of as new ones.
    """

    name: str
    filters: tuple[Filter, ...]
    client: Client
    proved: Proved
    most_early: int
    waiting: Waiting
    prefix: bytes = b""
    early: list[tuple[bytes, bytes]] | None = field(factory=list)
    ready: list[bytes] = field(factory=list)
    task: Task | None = None
    overrun: bool = False
    told: set[bytes] = field(factory=set)

    def hear(self, event: Event, frame: bytes) -> bool:
        """A new event; kept for later while the stored ones are on their way. What is not this client's is left out."""
        if not is_visible(event, self.proved.readers) or self._is_told(event):
            return False
        if self.early is None:
            self.ready.append(frame)
        elif not self.overrun and len(self.early) < self.most_early and self.waiting.take(len(frame)):
            self.early.append((bytes.fromhex(event.id), frame))
        else:
            self.overrun = True
        return True

    def say(self) -> None:
        """Send what was heard since the last time."""
        if self.ready:
            frames, self.ready = self.ready, []
            self.client.say(frames)

    def caught_up(self) -> list[tuple[bytes, bytes]]:
        """What has waited (ids and frames): from now on new events are sent at once."""
        early, self.early = self.early or [], None
        self.waiting.bytes -= sum(len(frame) for _, frame in early)
        return early

    def _is_told(self, event: Event) -> bool:
        event_id = bytes.fromhex(event.id) if self.told else b""
        if event_id not in self.told:
            return False
        self.told.discard(event_id)
        return True


class Inquiry:
    """The subscriptions and counts of one connection."""

    def __init__(self, questions: Questions, client: Client, proved: Proved, turns: Turns) -> None:
        self._questions = questions
        self._client = client
        self._proved = proved
        self._turns = turns
        self._waiting = Waiting(questions.limits().early_bytes)
        self._open: dict[str, Subscription] = {}

    def __len__(self) -> int:
        return len(self._open)

    def subscribe(self, request: Subscribe) -> None:
        """Open a subscription in the place of one of the same name; what is refused is told by CLOSED."""
        self._drop(request.subscription, "replaced")
        try:
            filters = self._checked(request.filters)
            self._check_room(filters)
        except Refusal as refusal:
            self.refuse(request.subscription, refusal.reason)
            return
        most = self._questions.limits().early
        subscription = Subscription(request.subscription, filters, self._client, self._proved, most, self._waiting)
        subscription.prefix = event_prefix(subscription.name)
        self._open[subscription.name] = subscription
        self._questions.live.index.put(subscription, filters)
        subscription.task = self._client.beside("a Nostr query", self._answer(subscription))

    def refuse(self, name: str, reason: str) -> None:
        """Say CLOSED: whatever of this name was open is so no more."""
        self._drop(name, "refused")
        self._say(Closed(name, reason).encoded())

    def unsubscribe(self, name: str) -> None:
        """Close a subscription; nothing if there is none of the name."""
        self._drop(name, "closed")

    def count(self, request: Count) -> None:
        """Answer a COUNT, or refuse it by CLOSED."""
        try:
            if not self._questions.features().count:
                raise Refusal(Prefix.UNSUPPORTED, "this relay does not count")
            filters = self._checked(request.filters)
        except Refusal as refusal:
            self.refuse(request.subscription, refusal.reason)
            return
        self._turns.start("a Nostr count", lambda: self._tally(request.subscription, filters))

    def end(self, reason: str | None = None) -> None:
        """The conversation is over; with a reason each subscription is told it by CLOSED."""
        for name in tuple(self._open):
            self._drop(name, "disconnected")
            if reason is not None:
                self.refuse(name, reason)

    def _checked(self, filters: Sequence[Filter]) -> tuple[Filter, ...]:
        """The filters as they are asked; Refusal if there are too many, or something in them is not for this client."""
        limits = self._questions.limits()
        check_size(filters, limits)
        if any(wanted.search is not None for wanted in filters) and not self._questions.features().search:
            raise Refusal(Prefix.UNSUPPORTED, "this relay does not search")
        self._proved.may_ask(filters, limits.auth_required)
        _check_scraping(filters, limits.scraper_score)
        return tuple(filters)

    def _check_room(self, filters: Sequence[Filter]) -> None:
        limits = self._questions.limits()
        if len(self._open) >= limits.subscriptions:
            raise Refusal(Prefix.RATE_LIMITED, f"a connection has at most {limits.subscriptions} subscriptions")
        held = [wanted for subscription in self._open.values() for wanted in subscription.filters]
        if sum(map(_values, (*held, *filters))) > limits.held_values:
            raise Refusal(
                Prefix.RATE_LIMITED, f"a connection's filters have at most {limits.held_values} values together"
            )

    async def _answer(self, subscription: Subscription) -> None:
        questions = self._questions
        began = questions.clock.monotonic()
        try:
            async with self._turns.lock:
                answer = await questions.store.query(self._query(subscription.filters))
                await self._send(subscription, answer)
        except Unavailable as away:
            self._abort(subscription.name, away)
            return
        except Cancelled:
            raise
        except Exception:
            log.failure("a Nostr query failed")
            self._abort(subscription.name, FAILED)
            return
        finally:
            if self._open.get(subscription.name) is subscription:
                subscription.task = None
        questions.meter.time(NOSTR_QUERY_SECONDS, questions.clock.monotonic() - began)

    async def _send(self, subscription: Subscription, answer: Answer) -> None:
        """The stored events, EOSE, and at once what came meanwhile: from here on nothing waits."""
        now, prefix = self._questions.clock.now(), subscription.prefix
        events = [event for event in answer.events if event.expires_at is None or event.expires_at > now]
        self._questions.meter.count(NOSTR_SENT, "stored", by=len(events))
        *pages, last = _pages([event_frame(prefix, event.json) for event in events])
        for page in pages:
            self._client.say(page)
            await self._client.room()
        hints = (("finish" if answer.complete else "more"),) if self._questions.features().hints else None
        sent = {event.id for event in events}
        subscription.told = sent & self._questions.live.coming
        early = [frame for event_id, frame in subscription.caught_up() if event_id not in sent]
        self._client.say([*last, EndOfStored(subscription.name, hints).encoded(), *early])
        if subscription.overrun:
            self._drop(subscription.name, "overrun")
            self.refuse(subscription.name, "error: too much was published while stored events were sent")

    async def _tally(self, name: str, filters: tuple[Filter, ...]) -> None:
        offset = offset_of(filters[0]) if len(filters) == 1 else None
        began = self._questions.clock.monotonic()
        try:
            tally = await self._questions.store.count(self._query(filters), offset)
        except Unavailable as away:
            self._abort(name, away)
            return
        except Cancelled:
            raise
        except Exception:
            log.failure("a Nostr count failed")
            self._abort(name, FAILED)
            return
        self._questions.meter.time(NOSTR_QUERY_SECONDS, self._questions.clock.monotonic() - began)
        self._say(Counted(name, tally.count, tally.registers).encoded())

    def _query(self, filters: tuple[Filter, ...]) -> Query:
        limits = self._questions.limits()
        return Query(
            filters, self._proved.readers, limits.default_limit, limits.max_limit, limits.answer_bytes,
            self._questions.features().hints,
        )  # fmt: skip

    def _abort(self, name: str, away: Unavailable) -> None:
        self._drop(name, "too_long" if isinstance(away, TooLong) else "unavailable")
        self.refuse(name, f"error: {away}")

    def _drop(self, name: str, reason: str) -> None:
        subscription = self._open.pop(name, None)
        if subscription is None:
            return
        self._questions.live.index.drop(subscription)
        subscription.caught_up()
        if subscription.task is not None:
            self._questions.meter.count(NOSTR_ABORTS, reason)
            task, subscription.task = subscription.task, None
            if reason in ("replaced", "closed", "disconnected", "refused"):
                task.cancel()

    def _say(self, frame: bytes) -> None:
        self._client.say((frame,))


def _pages(frames: list[bytes]) -> list[list[bytes]]:
    """The frames in order, so many at a time that a client which reads is not cut; at least one page."""
    pages: list[list[bytes]] = [[]]
    size = 0
    for frame in frames:
        if len(pages[-1]) >= PAGE or size + len(frame) > PAGE_BYTES:
            pages.append([])
            size = 0
        pages[-1].append(frame)
        size += len(frame)
    return pages


def check_size(filters: Sequence[Filter], limits: NostrLimits) -> None:
    """Refusal (invalid) for more filters, values or words than one question may have."""
    if len(filters) > limits.filters:
        raise invalid(f"at most {limits.filters} filters are taken")
    if sum(map(_values, filters)) > limits.values:
        raise invalid(f"filters have at most {limits.values} values together")
    if any(len(wanted.words) > limits.words for wanted in filters):
        raise invalid(f"a search has at most {limits.words} words")


def cost_of(filters: Sequence[Filter]) -> int:
    """What a question costs of the allowance: one, and one more for every so many values."""
    return 1 + sum(map(_values, filters)) // COSTLY


def _values(wanted: Filter) -> int:
    sets = (wanted.ids, wanted.authors, wanted.kinds, *(values for _, values in wanted.tags))
    return sum(len(values) for values in sets if values is not None)


def _check_scraping(filters: Sequence[Filter], least: int) -> None:
    """Refusal (restricted) for a filter that asks for too much at once: ids give two points, authors, kinds and tags one each."""
    for wanted in filters:
        points = 2 * bool(wanted.ids) + bool(wanted.authors) + bool(wanted.kinds) + bool(wanted.tags)
        if points < least:
            raise Refusal(Prefix.RESTRICTED, f"the filter asks for too much: score {points}, and {least} is needed")
