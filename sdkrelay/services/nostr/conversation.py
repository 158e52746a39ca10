"""One connection's Nostr half: each frame goes to whom it concerns, and is answered as NIP-01 wants.

Nothing said here ends the connection. Frames are read in order; events and questions are answered when they are done, and
whoever has too many on their way is read no further until some are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from attrs import frozen

from ...domain.measure import NOSTR_COMMANDS, NOSTR_CONNECTIONS, NOSTR_DISCONNECTS
from ...domain.nostr.event import found_id
from ...domain.nostr.refusal import Prefix, Refusal
from ...domain.problem import Problem
from ...messages.nostr.client import (
    Answer,
    Authenticate,
    Count,
    Publish,
    ReconcileClose,
    ReconcileOpen,
    Refused,
    Subscribe,
    Unsubscribe,
    parse_client,
)
from ...messages.nostr.relay import Challenge, Closed, Notice, Ok, Reconcile, ReconcileError
from ...ports import Clock, Entropy, Meter, Tasks
from ...session.gate import Allowances
from .client import Client, Origin, Source
from .identity import Proved
from .limits import NostrLimits
from .publish import Publisher
from .query import Inquiry, Questions, cost_of
from .reconcile import Means, Reconciliations
from .turns import Turns

#: Bytes of a frame that cost as much as a question, and seconds for which whoever sent too many is not read.
COSTLY_BYTES, PAUSE = 16_384, 1.0

_VERBS: dict[type[Any], str] = {
    Publish: "EVENT",
    Subscribe: "REQ",
    Unsubscribe: "CLOSE",
    Authenticate: "AUTH",
    Count: "COUNT",
    ReconcileOpen: "NEG-OPEN",
    Reconcile: "NEG-MSG",
    ReconcileClose: "NEG-CLOSE",
}


@frozen
class Relay:
    """What all conversations share; ``urls`` are those that AUTH events may name."""

    publisher: Publisher
    questions: Questions
    means: Means
    allowances: Allowances
    tasks: Tasks
    clock: Clock
    entropy: Entropy
    meter: Meter
    limits: Callable[[], NostrLimits]
    urls: Callable[[], Collection[str]]
    is_blocked: Callable[[str], bool] = lambda address: False


class Conversation:
    """A client that has spoken Nostr."""

    def __init__(self, relay: Relay, client: Client) -> None:
        self._relay = relay
        self._client = client
        self._proved = Proved(relay.urls, relay.entropy, relay.clock)
        self._turns = turns = Turns(relay.tasks, client, lambda: relay.limits().running)
        self._inquiry = Inquiry(relay.questions, client, self._proved, turns)
        self._reconciliations = Reconciliations(relay.means, client, self._proved, turns)
        self._pending = 0
        self._fewer = relay.tasks.event()
        self._introduced = False
        self._readers: dict[type[Any], Callable[[Any], Awaitable[None]]] = {
            Publish: self._publish,
            Subscribe: self._subscribe,
            Unsubscribe: self._unsubscribe,
            Authenticate: self._authenticate,
            Count: self._count,
            ReconcileOpen: self._reconcile_open,
            Reconcile: self._reconcile,
            ReconcileClose: self._reconcile_close,
        }
        relay.meter.count(NOSTR_CONNECTIONS)

    async def receive(self, frame: bytes) -> None:
        """Take a frame, and wait while this client has too much on its way."""
        if not self._introduced:
            self._introduced = True
            self._say(Challenge(self._proved.challenge))
        if self._relay.is_blocked(self._client.approach.address):
            self._say(Notice("blocked: this address is blocked"))
            return
        most = self._relay.limits().message
        if len(frame) > most:
            self._refuse_large(frame, most)
            return
        try:
            message = parse_client(frame)
        except Refused as refused:
            self._refuse(refused.answer)
            await self._slow_down(len(frame))
            return
        self._relay.meter.count(NOSTR_COMMANDS[_VERBS[type(message)]])
        await self._readers[type(message)](message)

    def refuse(self, reason: str) -> None:
        """What came is no frame that could be read."""
        self._say(Notice(f"invalid: {reason}"))

    def farewell(self) -> None:
        """The relay closes the connection: subscriptions and reconciliations hear why."""
        self._inquiry.end("error: the relay is stopping")
        self._reconciliations.end("error: the relay is stopping")

    def ended(self, why: str) -> None:
        """The connection is gone."""
        self._relay.meter.count(NOSTR_DISCONNECTS, why)
        self._inquiry.end()
        self._reconciliations.end()

    def _refuse_large(self, frame: bytes, most: int) -> None:
        reason = f"invalid: a message has at most {most} bytes"
        event_id = found_id(frame[:most])
        self._say(Notice(reason) if event_id is None else Ok(event_id, False, reason))

    async def _slow_down(self, size: int) -> None:
        """Whoever sends too much of what is refused unread is read more slowly: reading it costs what a question costs."""
        try:
            self._charge(1 + size // COSTLY_BYTES)
        except Refusal:
            await self._relay.tasks.sleep(PAUSE)

    async def _publish(self, message: Publish) -> None:
        source = Source(Origin.CLIENT, self._client.approach.address, self._proved.readers)
        self._pending += 1
        await self._relay.publisher.offer(message.event, source, self._published)
        while self._pending >= self._relay.limits().pending:
            await self._fewer.wait()

    def _published(self, answers: Sequence[Ok]) -> None:
        self._pending -= len(answers)
        self._fewer.set()
        self._client.say([answer.encoded() for answer in answers])

    async def _authenticate(self, message: Authenticate) -> None:
        try:
            self._charge()
            self._proved.prove(message.event)
        except Refusal as refusal:
            self._say(Ok(message.event.id, False, refusal.reason))
        else:
            self._say(Ok(message.event.id, True))

    async def _subscribe(self, message: Subscribe) -> None:
        if self._is_charged(lambda reason: Closed(message.subscription, reason), cost_of(message.filters)):
            self._inquiry.subscribe(message)

    async def _count(self, message: Count) -> None:
        if self._is_charged(lambda reason: Closed(message.subscription, reason), cost_of(message.filters)):
            await self._turns.room()
            self._inquiry.count(message)

    async def _unsubscribe(self, message: Unsubscribe) -> None:
        self._inquiry.unsubscribe(message.subscription)

    async def _reconcile_open(self, message: ReconcileOpen) -> None:
        if self._is_charged(lambda reason: ReconcileError(message.subscription, reason)):
            await self._turns.room()
            self._reconciliations.open(message)

    async def _reconcile(self, message: Reconcile) -> None:
        await self._turns.room()
        self._reconciliations.proceed(message)

    async def _reconcile_close(self, message: ReconcileClose) -> None:
        self._reconciliations.close(message.subscription)

    def _is_charged(self, refusing: Callable[[str], Closed | ReconcileError], cost: int = 1) -> bool:
        """Whether the client may ask once more; if not, it is told by this answer."""
        try:
            self._charge(cost)
        except Refusal as refusal:
            self._refuse(refusing(refusal.reason))
            return False
        return True

    def _refuse(self, answer: Answer) -> None:
        """Say it; whatever was open of a name that is told to be closed is so no more."""
        if isinstance(answer, Closed):
            self._inquiry.refuse(answer.subscription, answer.reason)
        else:
            self._say(answer)

    def _charge(self, cost: int = 1) -> None:
        try:
            self._relay.allowances.charge(self._client.approach.address, None, cost)
        except Problem as problem:
            message = f"try again in {problem.details.get('retry_after')} s"
            raise Refusal(Prefix.RATE_LIMITED, message) from None

    def _say(self, answer: Any) -> None:
        self._client.say((answer.encoded(),))
