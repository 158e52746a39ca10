"""One conversation: frames come in, requests are answered in order, news are told; no socket is known here.

Everything that waits has a bound: frames (reading pauses), what is to be sent (the client is cut, with the position from
which it can go on), malformed frames (ten in a minute close the conversation).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from attrs import field, frozen
from twisted.logger import Logger

from ..crypto.channel import Channel
from ..domain.access import Approach, Principal
from ..domain.measure import SESSIONS_CLOSED, SESSIONS_OPENED
from ..domain.news import News
from ..domain.problem import Code, Problem
from ..messages.bulletin import Bulletin
from ..messages.message import Malformed, Message, UnknownType
from ..ports import Clock, Task, Tasks
from .beside import Beside
from .dialects import Dialect
from .dispatch import Dispatch
from .farewell import REASONS, say_farewell
from .gate import Allowances
from .inbox import Inbox
from .lifecycle import new_lifecycle
from .outbox import Outbox, Patience
from .secrecy import opened, sealed
from .toll import Toll
from .traffic import Census, Traffic
from .wire import Tongue, Wire, is_array

log = Logger()

#: Requests handled at a stretch before the reactor gets its turn.
SLICE = 32
#: So many malformed frames within so many seconds end the conversation.
MALFORMED, MALFORMED_SECONDS = 10, 60.0

#: Close codes of RFC 6455 that this relay sends.
SERVICE_RESTART, TRY_AGAIN_LATER = 1012, 1013
GOING_AWAY, PROTOCOL_ERROR, UNSUPPORTED, REFUSED, TOO_LARGE, BUG = 1001, 1002, 1003, 1008, 1009, 1011


@frozen
class Surroundings:
    """What all sessions of a door share."""

    dialect: Dialect
    dispatch: Dispatch
    tasks: Tasks
    clock: Clock
    patience: Patience
    census: Census = field(factory=Census)
    allowances: Allowances | None = None
    relay_allowances: Allowances | None = None
    nostr: Callable[[Session], Tongue] | None = None


class Session:
    """A conversation over a wire; it is the :class:`~sdkrelay.ports.Caller` of its requests."""

    def __init__(
        self, around: Surroundings, wire: Wire, session_id: str, secure: bool, approach: Approach | None = None
    ) -> None:
        self._around = around
        self._wire = wire
        self._id = session_id
        self._secure = secure
        self._approach = approach or Approach()
        self._traffic = Traffic(around.clock.monotonic())
        self._why: str | None = None
        self._lifecycle = new_lifecycle()
        self._dialect = around.dialect
        self._channel: Channel | None = None
        self._agreed: Channel | None = None
        self._outbox = Outbox(self._send, around.clock, around.tasks, around.patience)
        self._inbox = Inbox(wire)
        self._malformed: deque[float] | None = None
        self._wallets: frozenset[str] = frozenset()
        self._principal: Principal | None = None
        self._answering = False
        self._farewell: str | None = None
        self._toll = Toll(around.clock, around.allowances, around.relay_allowances)
        self._relay: tuple[str, Callable[[str], None]] | None = None
        self._refusal = REFUSED
        self._plain = True  # open and not encrypted, as lifecycle and channel have it
        self._beside = Beside(around.tasks)
        self._at_end: list[Callable[[], None]] = []
        self._nostr: Tongue | None = None
        around.census.enter(self._traffic)
        around.dispatch.meter.count(SESSIONS_OPENED)

    @property
    def session_id(self) -> str:
        return self._id

    @property
    def secure(self) -> bool:
        return self._secure or self.encrypted

    @property
    def encrypted(self) -> bool:
        return self._channel is not None

    @property
    def greeted(self) -> bool:
        return self._lifecycle.is_greeted()

    @property
    def wallet_ids(self) -> frozenset[str]:
        return self._wallets

    @property
    def reading(self) -> bool:
        """Whether frames may come; a client that is kept waiting is not to blame for its silence."""
        return self._inbox.reading

    @property
    def waiting(self) -> tuple[int, int]:
        """How many frames wait to be handled, and how many bytes to be sent."""
        return len(self._inbox), self._outbox.waiting_bytes

    def hold(self, wallet_id: str) -> None:
        self._toll.hold(wallet_id)
        self._wallets |= {wallet_id}

    def release(self, wallet_id: str) -> None:
        self._wallets -= {wallet_id}

    @property
    def principal(self) -> Principal | None:
        return self._principal

    def identify(self, principal: Principal | None) -> None:
        self._principal = principal

    @property
    def approach(self) -> Approach:
        return self._approach

    @property
    def relay_id(self) -> str | None:
        return self._relay[0] if self._relay else None

    def become(self, relay_id: str, blame: Callable[[str], None]) -> None:
        self._relay = relay_id, blame

    def hang_up(self, reason: str, why: str) -> None:
        self.close(REFUSED, reason, why)

    def greet(self) -> None:
        self._lifecycle.greet()

    def speak(self, version: str | None) -> None:
        self._dialect = self._around.dialect.speaking(version)

    def encrypt(self, channel: Channel) -> None:
        self._agreed = channel

    def refuse(self, reason: str) -> None:
        self._farewell = reason

    def crowd(self) -> None:
        """There is no room for this conversation: when it is refused, that is for now."""
        self._refusal = TRY_AGAIN_LATER

    def tell(self, message: Message) -> None:
        self._put(self._dialect.message(message, self._around.clock.now()))

    def push(self, news: News | Bulletin) -> None:
        payload = news.forms.get(self._dialect.name) or self._dialect.news(news)
        outbox = self._outbox
        if self._plain and outbox.idle:
            # Thousands hear the same at the same time: nothing is looked up here that does not change with each of them.
            outbox.position = news.position or outbox.position
            self._traffic.messages_sent += 1
            self._traffic.bytes_sent += len(payload)
            self._wire.send(payload)
        else:
            self._put(payload, news)

    def say(self, frames: Sequence[bytes]) -> None:
        if self._plain and self._outbox.idle:
            for frame in frames:
                self._traffic.sent(len(frame))
            self._wire.send_all(frames)
        else:
            for frame in frames:
                self._put(frame)

    async def room(self) -> None:
        await self._outbox.room()

    def beside(self, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        return self._beside.start(name, coroutine, self._answering, self._lifecycle.is_ended())

    def at_end(self, action: Callable[[], None]) -> None:
        if self._lifecycle.is_ended():
            action()
        else:
            self._at_end.append(action)

    def receive(self, *frames: bytes) -> None:
        """Text frames have come."""
        for frame in frames:
            self._traffic.received(len(frame))
        if self._plain or self._lifecycle.is_open():
            self._inbox.put(frames)
            if not self._answering:
                self._around.tasks.start("session", self._answer_all())
            self._inbox.pace()

    def receive_binary(self) -> None:
        """A binary frame has come: no dialect of ours has them, and Nostr's clients are told so and stay."""
        if self._nostr is not None:
            self._nostr.refuse("text frames only")
        else:
            self.close(UNSUPPORTED, "text frames only")

    def receive_too_large(self, limit: int) -> None:
        """A message over the limit was announced: it is answered, and the conversation closed."""
        message = f"a message has at most {limit} bytes"
        if self._nostr is None:
            self._put(self._dialect.refusal(Problem(Code.TOO_LARGE, message, limit=limit), None))
        else:
            self._nostr.refuse(message)
        self.close(TOO_LARGE, message)

    def pause_sending(self) -> None:
        """The wire takes no more for now."""
        self._outbox.pause()

    def resume_sending(self) -> None:
        """The wire takes more."""
        self._outbox.resume()

    def check_patience(self) -> None:
        """Cut a client that does not read; call this now and then."""
        if self._outbox.too_slow():
            position = self._outbox.position
            self.close(REFUSED, f"too slow: go on from {position}" if position else "too slow", "too_slow")

    def close(self, code: int, reason: str, why: str | None = None) -> None:
        """Say goodbye; what still waits is dropped, the client goes on from its last position another time.

        ``why`` is the word for it in log and metrics, where the code alone does not say enough.
        """
        self.give_up(why or REASONS.get(code, "closed"))
        if self._lifecycle.is_open():
            if self._nostr is not None and code in (GOING_AWAY, SERVICE_RESTART):
                self._nostr.farewell()
            self._lifecycle.leave()
            self._plain = False
            self._inbox.clear()
            self._outbox.clear()
            self._wire.close(code, reason)

    def give_up(self, why: str) -> None:
        """The relay ends this connection, for this reason; the first one counts."""
        self._why = self._why or why

    def ended(self, clean: bool = False) -> None:
        """The connection is gone: nothing runs on for it but the request being handled.

        ``clean`` says that the client closed it as the protocol wants.
        """
        if not self._lifecycle.is_ended():
            self.give_up("client" if clean else "lost")
            self._around.census.leave(self._traffic)
            self._around.dispatch.meter.count(SESSIONS_CLOSED, str(self._why))
            if self._nostr is not None:
                self._nostr.ended(str(self._why))
            say_farewell(self, self._traffic, str(self._why), self._around.clock.monotonic())
        self._lifecycle.end()
        self._plain = False
        self._inbox.clear()
        self._beside.end()
        self._outbox.clear()
        actions, self._at_end = self._at_end, []
        for action in actions:
            action()

    def _send(self, payload: bytes) -> None:
        self._traffic.sent(len(payload))
        self._wire.send(payload)

    def _put(self, payload: bytes, news: News | Bulletin | None = None) -> None:
        if self._lifecycle.is_open():
            payload = payload if self._channel is None else sealed(self._channel, payload)
            self._outbox.put(payload, news.position if news else None)
            self.check_patience()

    async def _answer_all(self) -> None:
        self._answering = True
        try:
            await self._answer_waiting()
        except Exception:
            log.failure("session {session} failed", session=self._id)
            self.close(BUG, "internal error")
        finally:
            self._answering = False

    async def _answer_waiting(self) -> None:
        handled = 0
        while self._inbox:
            await self._answer_frame(self._inbox.take())
            self._conclude()
            handled += 1
            if handled % SLICE == 0 and self._inbox:
                await self._around.tasks.sleep(0)

    async def _answer_frame(self, frame: bytes) -> None:
        try:
            message = frame if self._channel is None else opened(self._channel, frame)
        except Problem as failed:
            self._channel = None
            self._around.dispatch.refused("encrypted_message", failed)
            self._put(self._dialect.refusal(failed, None))
            self.close(REFUSED, failed.message, "undecryptable")
        else:
            await (self._hear(message) if is_array(message) and self._around.nostr else self._answer(message))

    async def _hear(self, frame: bytes) -> None:
        """A frame of Nostr, whose conversation begins with the first one."""
        if self._nostr is None:
            assert self._around.nostr is not None
            self._nostr = self._around.nostr(self)
        await self._nostr.receive(frame)

    async def _answer(self, frame: bytes) -> None:
        dialect = self._dialect
        try:
            request = dialect.decode(frame)
        except Malformed as malformed:
            self._refuse_malformed(malformed)
            return
        try:
            self._charge(request.wire_name(), request.COST)
            reply = await self._around.dispatch.answer(request, self)
        except Problem as problem:
            self._put(dialect.refusal(problem, request.id))
        else:
            if reply is not None:
                self._put(self._dialect.answer(reply, request, self._around.clock.now()))

    def _charge(self, name: str, cost: int) -> None:
        try:
            self._toll.charge(self, cost)
        except Problem as limited:
            self._around.dispatch.refused(name, limited)
            self._blame(f"asked too much: {name}")
            raise

    def _blame(self, why: str) -> None:
        if self._relay is not None:
            self._relay[1](why)

    def _conclude(self) -> None:
        """After each answer: start what was to run beside, close if the answer was a refusal to talk."""
        self._inbox.handled()
        if self._agreed is not None:
            self._channel, self._agreed, self._plain = self._agreed, None, False
        self._beside.answered()
        if self._farewell is not None:
            self.close(self._refusal, self._farewell)
        elif self._toll.abuse is not None:
            self.close(REFUSED, self._toll.abuse, "rates")

    def _refuse_malformed(self, malformed: Malformed) -> None:
        self._around.dispatch.refused("malformed", malformed)
        self._put(self._dialect.refusal(malformed, malformed.request_id))
        self._blame(f"sent what is no message: {malformed.message}")
        self._count_malformed(malformed)
        with suppress(Problem):
            self._toll.charge(self, 1)

    def _count_malformed(self, malformed: Malformed) -> None:
        if isinstance(malformed, UnknownType):
            return
        seen = self._malformed = deque(maxlen=MALFORMED) if self._malformed is None else self._malformed
        now = self._around.clock.monotonic()
        seen.append(now)
        if len(seen) == MALFORMED and now - seen[0] < MALFORMED_SECONDS:
            self.close(PROTOCOL_ERROR, f"{MALFORMED} malformed messages in a minute")
