"""One conversation with another Nostr relay, in which this relay is the client: questions out, answers matched and bounded.

Nothing the other relay says is believed: what is no answer to a question is counted, and enough of that ends the conversation;
every question has a time after which it is given up. Its AUTH challenges are answered with this relay's identity key.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from twisted.logger import Logger

from ...domain.items import Items
from ...domain.measure import NOSTR_OFFENCES
from ...domain.nostr import kinds
from ...domain.nostr.event import Event
from ...domain.nostr.filter import Filter
from ...domain.nostr.refusal import Refusal
from ...domain.nostr.signing import sign_event
from ...domain.reconcile import MalformedFrame, Reconciler
from ...messages.nostr.client import Authenticate, ReconcileClose, ReconcileOpen, Subscribe, Unsubscribe
from ...messages.nostr.relay import (
    Challenge,
    Closed,
    Counted,
    EndOfStored,
    Found,
    Notice,
    Ok,
    Reconcile,
    ReconcileError,
    RelayMessage,
    parse_relay,
)
from ...ports import Clock, Compute, Entropy, Meter, Task, Tasks, Unavailable
from ...ports import Event as Signal
from ...ports.remotes import RemoteWire

log = Logger()

#: Seconds without an answer after which a question is given up, and that one question may take in all.
QUIET, LONGEST = 30.0, 600.0
#: Seconds for the first answer to a reconciliation: relays that know none often say nothing at all.
FIRST = 15.0
#: What another relay may do that no relay does, and challenges it may set, in one conversation.
OFFENCES, CHALLENGES = 50, 10
#: Bytes of a frame of a reconciliation, and ids that one may show before they are dealt with.
FRAME, ENOUGH = 60_000, 50_000
#: Characters of another relay's words that are kept.
WORDS = 200


class Unsupported(Exception):
    """The other relay does not reconcile, or not this filter; the message has its own words."""


class Turned(Unavailable):
    """The other relay refused a question."""


@frozen
class Tools:
    """What conversations are held with; ``secret`` is the identity key that challenges are answered with."""

    tasks: Tasks
    clock: Clock
    entropy: Entropy
    compute: Compute
    meter: Meter
    secret: bytes = field(repr=False)


@frozen
class Difference:
    """Ids that only this side has, and only the other; not ``whole`` if there was more to be compared."""

    have: list[bytes]
    need: list[bytes]
    whole: bool


@define(eq=False)
class _Question:
    """What was asked under a name; ``answers`` are what came, in order. While it is ``unsure`` a NOTICE may be its answer."""

    told: Signal
    answers: deque[RelayMessage] = field(factory=deque)
    unsure: bool = False


@define(eq=False)
class _Subscription:
    """A REQ: what it asks, who hears it, and how many events may come before EOSE."""

    wanted: Filter
    hear: Callable[[Event], None]
    most: int
    question: _Question
    count: int = 0


class Remote:
    """A conversation; ``answered`` is called whenever the other relay has answered a question as a relay does."""

    def __init__(self, url: str, wire: RemoteWire, tools: Tools, answered: Callable[[], None]) -> None:
        self.url = url
        self.over: str | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._wire = wire
        self._tools = tools
        self._answered = answered
        self._count = 0
        self._offences = self._challenges = 0
        self._proving: Task | None = None
        self._proved = False
        self._sent: dict[str, list[_Question]] = {}
        self._subscriptions: dict[str, _Subscription] = {}
        self._comparisons: dict[str, _Question] = {}
        self._readers: dict[type[Any], Callable[[Any], None]] = {
            Ok: self._ok,
            Found: self._found,
            EndOfStored: self._told,
            Closed: self._told,
            Challenge: self._challenged,
            Notice: self._noticed,
            Reconcile: self._compared,
            ReconcileError: self._compared,
            Counted: lambda message: self.blame("a count nobody asked for"),
        }
        wire.attach(self)

    def receive(self, frame: bytes) -> None:
        """The other relay said this."""
        if self.over is not None:
            return
        try:
            message = parse_relay(frame)
        except Refusal:
            self.blame("what no relay says")
            return
        self._readers[type(message)](message)

    def ended(self, why: str) -> None:
        """The connection is gone: whoever waits for an answer hears it."""
        self.over = self.over or why
        waiting = [one for asked in self._sent.values() for one in asked]
        waiting += [subscription.question for subscription in self._subscriptions.values()]
        for question in [*waiting, *self._comparisons.values()]:
            question.told.set()
        self.on_end()

    def blame(self, why: str) -> None:
        """It did what no relay does; too much of that ends the conversation."""
        self._tools.meter.count(NOSTR_OFFENCES)
        self._offences += 1
        if self._offences >= OFFENCES:
            self.hang_up(f"too often {why}")

    def hang_up(self, why: str) -> None:
        """End the conversation."""
        if self.over is None:
            self.over = why
            self._wire.hang_up(why)

    def pause(self) -> None:
        """Read no more for now."""
        self._wire.pause()

    def resume(self) -> None:
        """Read on."""
        self._wire.resume()

    async def publish(self, event_id: str, event: bytes) -> Ok:
        """Send an event as it is stored, and wait for its OK."""
        frame = b'["EVENT",' + event + b"]"
        answer = await self._send(event_id, frame)
        if not answer.accepted and await self._may_try_again(answer.reason):
            answer = await self._send(event_id, frame)
        return answer

    async def fetch(self, wanted: Filter, most: int, hear: Callable[[Event], None]) -> None:
        """All stored events of a filter, told one by one; at most so many may come. Turned if they are refused."""
        reason = await self._fetch(wanted, most, hear)
        if reason is not None and await self._may_try_again(reason):
            reason = await self._fetch(wanted, most, hear)
        if reason is not None:
            raise Turned(reason[:WORDS])

    def follow(self, wanted: Filter, hear: Callable[[Event], None]) -> str:
        """Hear of new events of a filter until the end; the subscription's name."""
        return self._subscribe(wanted, hear, 0)

    def follows(self, name: str) -> bool:
        """Whether the other relay has not ended a subscription."""
        return not any(isinstance(answer, Closed) for answer in self._subscriptions[name].question.answers)

    def leave(self, name: str) -> None:
        """Hear no more of a subscription."""
        if self._subscriptions.pop(name, None) is not None and self.over is None:
            self._wire.send(Unsubscribe(name).encoded())

    async def compare(self, wanted: Filter, items: Items) -> Difference:
        """Find what only one of both has (NIP-77). Unsupported where the other relay does not do it."""
        try:
            return await self._compare(wanted, items)
        except Unsupported as refused:
            if not await self._may_try_again(str(refused)):
                raise
        return await self._compare(wanted, items)

    async def _compare(self, wanted: Filter, items: Items) -> Difference:
        name, reconciler = self._name(), Reconciler(items, FRAME)
        question = self._comparisons[name] = self._question()
        question.unsure = True
        first = await self._tools.compute.run(reconciler.initiate)
        self._wire.send(ReconcileOpen(name, wanted, first).encoded())
        try:
            return await self._rounds(name, reconciler, question)
        except MalformedFrame as malformed:
            self.blame("what is no reconciliation")
            self.hang_up(str(malformed))
            raise Unavailable(str(malformed)) from None
        finally:
            del self._comparisons[name]
            if self.over is None:
                self._wire.send(ReconcileClose(name).encoded())

    async def _rounds(self, name: str, reconciler: Reconciler, question: _Question) -> Difference:
        have, need, until = list[bytes](), list[bytes](), self._until()
        frame: bytes | None = b""
        while frame is not None and len(have) + len(need) < ENOUGH:
            answer = await self._heard(question, FIRST if question.unsure else QUIET, until)
            if answer is None and question.unsure:
                raise Unsupported("no answer")
            frame, more, less = await self._step(reconciler, answer, question.unsure)
            question.unsure = False
            have += more
            need += less
            if frame is not None:
                self._wire.send(Reconcile(name, frame).encoded())
        return Difference(have, need, frame is None)

    async def _step(
        self, reconciler: Reconciler, answer: RelayMessage | None, first: bool
    ) -> tuple[bytes | None, list[bytes], list[bytes]]:
        if answer is None:
            raise self._given_up()
        if isinstance(answer, Reconcile):
            self._answered()
            return await self._tools.compute.run(reconciler.proceed, answer.message)
        reason = answer.text if isinstance(answer, Notice) else getattr(answer, "reason", "")
        if first:
            raise Unsupported(reason[:WORDS])
        raise Turned(reason[:WORDS])

    async def _send(self, event_id: str, frame: bytes) -> Ok:
        question, until = self._question(), self._until()
        self._sent.setdefault(event_id, []).append(question)
        self._wire.send(frame)
        answer = await self._heard(question, QUIET, until)
        if answer is None:
            raise self._given_up()
        assert isinstance(answer, Ok)
        return answer

    async def _fetch(self, wanted: Filter, most: int, hear: Callable[[Event], None]) -> str | None:
        """The reason if it was refused."""
        name, until = self._subscribe(wanted, hear, most), self._until()
        subscription = self._subscriptions[name]
        try:
            answer = await self._heard(subscription.question, QUIET, until)
        finally:
            self.leave(name)
        if answer is None:
            raise self._given_up()
        return answer.reason if isinstance(answer, Closed) else None

    def _subscribe(self, wanted: Filter, hear: Callable[[Event], None], most: int) -> str:
        name = self._name()
        self._subscriptions[name] = _Subscription(wanted, hear, most, self._question())
        self._wire.send(Subscribe(name, (wanted,)).encoded())
        return name

    async def _heard(self, question: _Question, seconds: float, until: float) -> RelayMessage | None:
        """The next answer; None if nothing at all came for so long. Unavailable once the conversation is over."""
        while not question.answers:
            left = until - self._tools.clock.monotonic()
            heard = self.over is None and left > 0 and await question.told.wait(min(seconds, left))
            if self.over is not None:
                raise Unavailable(self.over)
            if not heard:
                return None
        return question.answers.popleft()

    def _given_up(self) -> Unavailable:
        self.hang_up("it did not answer")
        return Unavailable("it did not answer")

    async def _may_try_again(self, reason: str) -> bool:
        """Whether a key was proved since that refusal, which asked for it."""
        if not reason.startswith("auth-required:") or self._proving is None:
            return False
        await self._proving.wait()
        return self._proved and self.over is None

    def _ok(self, answer: Ok) -> None:
        asked = self._sent.pop(answer.event_id, [])
        if not asked:
            self.blame("an OK that nobody waits for")
            return
        self._answered()
        for question in asked:
            question.answers.append(answer)
            question.told.set()

    def _found(self, message: Found) -> None:
        subscription = self._subscriptions.get(message.subscription)
        if subscription is None:
            # What was on its way when the subscription was ended is nobody's fault.
            if not self._was_asked(message.subscription):
                self.blame("an event that nobody asked for")
            return
        if not subscription.wanted.matches(message.event):
            self.blame("an event that is not what was asked for")
            return
        subscription.count += 1
        if subscription.most and subscription.count > subscription.most:
            self.hang_up("more events than were asked for")
            return
        self._answered()
        subscription.question.told.set()
        subscription.hear(message.event)

    def _told(self, message: EndOfStored | Closed) -> None:
        subscription = self._subscriptions.get(message.subscription)
        if subscription is None:
            if not self._was_asked(message.subscription):
                self.blame("the end of what nobody asked for")
            return
        if isinstance(message, EndOfStored):
            self._answered()
        if len(subscription.question.answers) < 2:
            subscription.question.answers.append(message)
        subscription.question.told.set()

    def _compared(self, message: Reconcile | ReconcileError) -> None:
        question = self._comparisons.get(message.subscription)
        if question is None:
            if not self._was_asked(message.subscription):
                self.blame("a reconciliation that nobody began")
        elif question.answers:
            self.blame("two answers to one message")
        else:
            question.answers.append(message)
            question.told.set()

    def _noticed(self, notice: Notice) -> None:
        """Words for people; to whoever waits for the first answer to a reconciliation they may be that."""
        log.debug("{url} says: {text}", url=self.url, text=notice.text[:WORDS])
        for question in tuple(self._comparisons.values()):
            if question.unsure and not question.answers:
                question.answers.append(notice)
                question.told.set()

    def _challenged(self, message: Challenge) -> None:
        self._challenges += 1
        if self._challenges > CHALLENGES or not 0 < len(message.challenge) <= 1_000:
            self.blame("a challenge too many")
            return
        tags = (("relay", self.url), ("challenge", message.challenge))
        now, noise = int(self._tools.clock.now()), self._tools.entropy.bytes(32)
        event = sign_event(self._tools.secret, noise, kind=kinds.AUTHENTICATION, created_at=now, tags=tags)
        self._proving = self._tools.tasks.start("proving the relay's key", self._prove(event))

    async def _prove(self, event: Event) -> None:
        try:
            answer = await self._send(event.id, Authenticate(event).encoded())
        except Unavailable:
            return
        self._proved = self._proved or answer.accepted

    def _was_asked(self, name: str) -> bool:
        return name.isascii() and name.isdigit() and len(name) < 18 and 0 < int(name) <= self._count

    def _name(self) -> str:
        self._count += 1
        return str(self._count)

    def _question(self) -> _Question:
        return _Question(self._tools.tasks.event())

    def _until(self) -> float:
        return self._tools.clock.monotonic() + LONGEST
