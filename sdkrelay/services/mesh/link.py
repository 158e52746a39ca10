"""A link is one relay that has proved itself, on an open conversation that either side began; there is one a relay.

Handlers of a conversation run one after the other: a handler that awaits :meth:`Link.ask` on the link it was called by waits
for an answer that cannot be read before it returns. Ask from a task of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import define, field, frozen
from msgspec import structs
from twisted.logger import Logger

from ...domain.measure import MESH_OFFENCES, Unmetered
from ...domain.problem import Code, Problem
from ...messages.mesh.answers import ErrorAnswer
from ...messages.message import Message, Request
from ...ports import Caller, Event, Meter, Tasks, Unavailable
from .standing import Standing

log = Logger()

#: So many offences end a link.
PATIENCE = 20
_CODES = {code.value: code for code in Code}


@frozen
class Proven:
    """What a greeting has proved of the other side; ``dialled`` says that this side began the conversation."""

    relay_id: str
    key: bytes
    boot_id: str
    address: str | None
    reconciles: bool
    dialled: bool


@define(eq=False)
class _Question:
    """What was asked and waits for its answer."""

    told: Event
    answer: Message | None = None


class Link:
    """One authenticated relay on an open conversation, whichever side dialled."""

    def __init__(self, proven: Proven, caller: Caller, standing: Standing, tasks: Tasks) -> None:
        self._proven = proven
        self._caller = caller
        self._tasks = tasks
        self._count = 0
        self._asked: dict[str, _Question] = {}
        self._offences = 0
        self.standing = standing
        self.ended = False
        self.on_end: Callable[[], None] = lambda: None
        self.on_offence: Callable[[], None] = lambda: None

    @property
    def relay_id(self) -> str:
        """What the other relay is called."""
        return self._proven.relay_id

    @property
    def key(self) -> bytes:
        """Its identity key: 32 bytes, x only."""
        return self._proven.key

    @property
    def boot_id(self) -> str:
        """This run of its process."""
        return self._proven.boot_id

    @property
    def address(self) -> str | None:
        """Where it is reached, normalised; None if it was never told."""
        return self._proven.address

    @property
    def reconciles(self) -> bool:
        """Whether it takes signed records and reconciles; others get the documented messages only."""
        return self._proven.reconciles

    @property
    def dialled(self) -> bool:
        """Whether this side began the conversation."""
        return self._proven.dialled

    @property
    def session_id(self) -> str:
        """The conversation it runs over."""
        return self._caller.session_id

    @property
    def outcast(self) -> bool:
        """Whether its offences have ended it."""
        return self._offences >= PATIENCE

    def tell(self, message: Message) -> None:
        """Say something that needs no answer; without effect once the link has ended."""
        self._caller.tell(message)

    async def ask(self, request: Request, timeout: float) -> Message:
        """The answer to a request, found by its ``id``, ``in_reply_to`` or ``message_id``.

        Problem with the other relay's code for an ``error``; Unavailable when none came in ``timeout`` seconds, or the link
        ended before. Never await it in a handler that this link called.
        """
        if self.ended:
            raise Unavailable(f"the link to {self.relay_id} has ended")
        self._count += 1
        asked = structs.replace(request, id=f"m{self._count}")
        question = _Question(self._tasks.event())
        names = [name for name in (asked.id, getattr(asked, "message_id", None)) if name]
        self._asked.update(dict.fromkeys(names, question))
        try:
            self.tell(asked)
            await question.told.wait(timeout)
        finally:
            for name in names:
                self._asked.pop(name, None)
        return self._read(request.wire_name(), question.answer, timeout)

    def _read(self, name: str, answer: Message | None, timeout: float) -> Message:
        if answer is None:
            why = f"the link ended before {name} was answered" if self.ended else f"{name}: no answer in {timeout:g} s"
            self.standing.failed(why)
            raise Unavailable(f"{self.relay_id}: {why}")
        if isinstance(answer, ErrorAnswer):
            self.standing.failed(f"{name}: {answer.error_code}")
            raise Problem(_CODES.get(answer.error_code, Code.UNAVAILABLE), f"{self.relay_id}: {answer.message}")
        return answer

    def answered(self, message: Message) -> bool:
        """Hand an answer to whoever asked; False for one that nobody waits for (any more)."""
        for field_name in ("id", "in_reply_to", "message_id"):
            question = self._asked.get(getattr(message, field_name, None) or "")
            if question is not None:
                question.answer = message
                question.told.set()
                return True
        return False

    async def room(self) -> None:
        """Until the other side has taken most of what it was told."""
        await self._caller.room()

    def beside(self, name: str, coroutine: Any) -> None:
        """Run it once the present request is answered; cancelled when the link's conversation ends."""
        self._caller.beside(name, coroutine)

    def blame(self, why: str) -> None:
        """Count an offence of the other relay: it is shown, and too many of them end the link."""
        self.standing.offences += 1
        self.standing.offence = self.standing.error = why
        self.on_offence()
        self._offences += 1
        log.warn("relay {relay} offends: {why}", relay=self.relay_id, why=why)
        if self._offences == PATIENCE:
            self.end(f"{PATIENCE} offences, the last: {why}", "offences")

    def end(self, reason: str, why: str) -> None:
        """Close the conversation; ``why`` is the word for it in log and metrics."""
        self.lost()
        self.on_end()
        self._caller.hang_up(reason, why)

    def lost(self) -> None:
        """The conversation is gone, or this link is not the one that is kept: nobody waits on."""
        self.ended = True
        for question in tuple(self._asked.values()):
            question.told.set()


Watcher = Callable[[Link], None]


@define(eq=False)
class Links:
    """The links there are now, one a relay; ``relay_id`` is this relay's own."""

    relay_id: str
    _meter: Meter = field(factory=Unmetered)
    _shunned: dict[str, float] = field(factory=dict)
    _by_relay: dict[str, Link] = field(factory=dict)
    _by_session: dict[str, Link] = field(factory=dict)
    _replaced: dict[str, str] = field(factory=dict)
    _watchers: list[tuple[Watcher, Watcher]] = field(factory=list)
    #: Asked to find out whether the other side of a link is still there.
    on_doubt: Watcher = field(default=lambda link: None)

    def subscribe(self, on_up: Watcher, on_down: Watcher) -> None:
        """Call these for each link that begins or ends from now on; what they raise is logged."""
        self._watchers.append((on_up, on_down))

    def get(self, relay_id: str) -> Link | None:
        """The link to this relay."""
        return self._by_relay.get(relay_id)

    def all(self) -> tuple[Link, ...]:
        """All of them, oldest first."""
        return tuple(self._by_relay.values())

    def is_shunned(self, relay_id: str, now: float) -> bool:
        """Whether this relay offended so often that it is not linked again for a time; ``now`` is monotonic."""
        until = self._shunned.get(relay_id)
        if until is not None and until <= now:
            del self._shunned[relay_id]
        return until is not None and until > now

    def shun(self, relay_id: str, until: float) -> None:
        """Do not link with it before this time (monotonic)."""
        self._shunned[relay_id] = until

    def doubt(self, relay_id: str) -> None:
        """This relay has dialled as if there were no link: the one there is may be dead without a word."""
        held = self._by_relay.get(relay_id)
        if held is not None:
            self.on_doubt(held)

    def link_of(self, caller: Caller) -> Link:
        """The link a request came over; Problem FORBIDDEN if it is no link (any more)."""
        link = self._by_session.get(caller.session_id)
        if link is None:
            raise Problem(Code.FORBIDDEN, "this conversation is no link between relays (any more)")
        return link

    def admits(self, proven: Proven) -> bool:
        """Whether a new conversation with this relay would be kept beside, or instead of, the one there is.

        Of two that both relays dialled, the one that the lower ``relay_id`` dialled stays; of two that the same one dialled,
        or of which the older is with a former run of its process, the newer.
        """
        held = self._by_relay.get(proven.relay_id)
        if held is None or held.boot_id != proven.boot_id or held.dialled == proven.dialled:
            return True
        return (self.relay_id < proven.relay_id) == proven.dialled

    def has_twin(self, relay_id: str, boot_id: str) -> bool:
        """Whether this run of the relay's process was linked before the one that is linked now: then two of them run."""
        held = self._by_relay.get(relay_id)
        return held is not None and held.boot_id != boot_id and self._replaced.get(relay_id) == boot_id

    def join(self, link: Link, caller: Caller) -> None:
        """A link begins; the one there was to this relay ends."""
        held = self._by_relay.pop(link.relay_id, None)
        self._by_relay[link.relay_id] = link
        self._by_session[caller.session_id] = link
        if held is not None:
            self._replaced[link.relay_id] = held.boot_id
            self._by_session.pop(held.session_id, None)
            self._tell(1, held)
            held.end("another conversation with this relay takes its place", "double")
        link.on_end = partial(self._gone, link)
        link.on_offence = lambda: self._meter.count(MESH_OFFENCES)
        self._tell(0, link)
        caller.at_end(link.on_end)

    def _gone(self, link: Link) -> None:
        link.lost()
        self._by_session.pop(link.session_id, None)
        if self._by_relay.get(link.relay_id) is link:
            del self._by_relay[link.relay_id]
            self._tell(1, link)

    def _tell(self, which: int, link: Link) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher[which](link)
            except Exception:
                log.failure("a watcher of links failed about {relay}", relay=link.relay_id)
