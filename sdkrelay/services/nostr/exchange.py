"""What is exchanged with another Nostr relay in one go: find what one of both lacks, take it, give it.

By reconciliation (NIP-77) where the other relay has it, else by asking for all since the last time and offering all since then.
What came from there, or was refused there, is not offered again; what was refused here is not asked for again. A deletion that
was the reason travels instead, so that both sides come to agree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from attrs import define, evolve, field, frozen

from ...domain.items import Items
from ...domain.measure import NOSTR_STREAMED
from ...domain.nostr import kinds
from ...domain.nostr.event import Event, encode, parse_event, require_genuine
from ...domain.nostr.filter import Filter, filter_members
from ...domain.nostr.refusal import Refusal
from ...domain.nostr.rules import address_of, expiration, is_protected
from ...messages.nostr.relay import Ok
from ...ports import Event as Signal
from ...ports.nostr import EventStore, Listed, Query
from .client import Origin, Source
from .publish import Publisher
from .remote import Difference, Remote, Tools, Turned, Unsupported

#: Items compared at most, of all that match; beyond it only what is new since the last time is exchanged.
MOST = 1_000_000
#: Ids asked for in one REQ, events offered whose OK is awaited, events taken that are still on their way into the store.
ASKED, IN_FLIGHT, ON_THE_WAY = 200, 32, 256
#: Stored events that one REQ may bring, pages of them, and seconds by which the next time overlaps with the last.
PAGE, PAGES, OVERLAP = 5_000, 1_000, 3_600
#: Ids that are remembered, of either way, and events deleted here of which the other relay is to be told.
REMEMBERED, MOST_GONE = 50_000, 10_000
#: How often, and after how many seconds, an event is offered again that came too fast.
PATIENCE, PAUSE = 10, 10.0
#: The list of the store that says when exchanges with relays that do not reconcile were done, by agreement.
DONE = "streams"
#: The refusals that may be over the next time: those of another relay, and our own.
PASSING = ("rate-limited", "error", "auth-required")
PASSING_HERE = ("rate-limited", "error")


@frozen
class Agreement:
    """What is exchanged with whom: events that ``wanted`` matches, ``up`` to the other relay, ``down`` from it."""

    name: str
    url: str
    wanted: Filter
    up: bool
    down: bool
    origin: Origin = Origin.STREAM

    @property
    def digest(self) -> str:
        """What the same agreement has after a restart, and no other."""
        parts = (self.url, filter_members(self.wanted), self.up, self.down)
        return sha256(encode(parts)).hexdigest()


class Recent:
    """The last few ids of many."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._ids: dict[str, None] = {}

    def add(self, event_id: str) -> None:
        """Remember it."""
        self._ids.pop(event_id, None)
        self._ids[event_id] = None
        if len(self._ids) > self._most:
            del self._ids[next(iter(self._ids))]

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids


@define
class Tally:
    """What was exchanged so far: events taken that were new, given that were taken, and refused on either side."""

    received: int = 0
    sent: int = 0
    refused: int = 0


@define(eq=False)
class _Memory:
    """What is known of the other relay: the ids that are not to be offered, and not to be asked for."""

    not_up: Recent = field(factory=Recent)
    not_down: Recent = field(factory=Recent)


class Exchange:
    """The events of one agreement; :meth:`settle` with a conversation, and :meth:`take` what it tells beside."""

    def __init__(self, agreement: Agreement, store: EventStore, publisher: Publisher, tools: Tools) -> None:
        self.agreement = agreement
        self.tally = Tally()
        self.on_progress: Callable[[Tally], None] = lambda tally: None
        self._store = store
        self._publisher = publisher
        self._tools = tools
        self._source = Source(agreement.origin, agreement.url)
        self._memory = _Memory()
        self._gone: list[Event] = []
        self._under_way = 0
        self._idle: Signal = tools.tasks.event()

    async def settle(self, remote: Remote) -> None:
        """Exchange all that one of both lacks. Unavailable if the conversation, or the store, does not last."""
        began = int(self._tools.clock.now())
        try:
            whole = False
            while not whole:
                whole = await self._reconcile(remote)
        except Unsupported:
            await self._catch_up(remote, await self._since())
            await self._store.enter(DONE, Listed(self.agreement.digest, str(began - OVERLAP)))
        await self._tell_deletions(remote)

    async def _catch_up(self, remote: Remote, since: int | None) -> None:
        """Ask for all that is as new as that, and offer all such."""
        wanted = self.agreement.wanted
        if self.agreement.down:
            await self._fetch_since(remote, since)
        if self.agreement.up:
            newer = evolve(wanted, since=_later(wanted.since, since))
            pairs = await self._store.items(newer, frozenset(), MOST)
            await self.give(remote, [event_id.hex() for _, event_id in pairs or ()])

    async def _since(self) -> int | None:
        """When the last exchange with a relay that does not reconcile began, less some time; None before the first."""
        found = {one.item: one.reason for one in await self._store.entries(DONE)}
        since = found.get(self.agreement.digest)
        return None if since is None else int(since)

    async def _reconcile(self, remote: Remote) -> bool:
        """One comparison and what follows from it; whether it was about everything."""
        pairs = await self._store.items(self.agreement.wanted, frozenset(), MOST)
        if pairs is None:
            raise Unsupported("too much is stored here")
        items = await self._tools.compute.run(Items.of, pairs)
        found = await remote.compare(self.agreement.wanted, items)
        moved = await self._move(remote, found)
        return found.whole or not moved

    async def _move(self, remote: Remote, found: Difference) -> bool:
        """Take and give what was found; whether anything could be."""
        need = [one for one in map(bytes.hex, found.need) if self.agreement.down and one not in self._memory.not_down]
        have = [one for one in map(bytes.hex, found.have) if self.agreement.up and one not in self._memory.not_up]
        for start in range(0, len(need), ASKED):
            await self._fetch(remote, need[start : start + ASKED])
        await self.give(remote, have)
        return bool(need or have)

    async def _fetch(self, remote: Remote, ids: Sequence[str]) -> None:
        """Ask for these; those that do not come are not asked for again."""
        missing = set(ids)

        def hear(event: Event) -> None:
            missing.discard(event.id)
            self.take(event, remote)

        await remote.fetch(Filter(ids=frozenset(ids)), len(ids), hear)
        await self._taken()
        for event_id in missing:
            self._memory.not_down.add(event_id)
        if len(missing) == len(ids):
            remote.blame("ids of events it does not have")

    async def _fetch_since(self, remote: Remote, since: int | None) -> None:
        """Ask for all, a page after the other from the newest on, until one brings nothing that was not told before."""
        wanted, told = self.agreement.wanted, Recent()
        first, until = _later(wanted.since, since), wanted.until
        for _ in range(PAGES):
            times: list[int] = []

            def hear(event: Event, times: list[int] = times) -> None:
                if event.id not in told:
                    times.append(event.created_at)
                    told.add(event.id)
                    self.take(event, remote)

            await remote.fetch(evolve(wanted, since=first, until=until), PAGE, hear)
            await self._taken()
            if not times:
                return
            until = min(times)

    def take(self, event: Event, remote: Remote) -> None:
        """An event that the other relay told: on its way into the store, by the same rules as any other."""
        if kinds.is_ephemeral(event.kind) and event.id in self._memory.not_up:
            return
        self._memory.not_up.add(event.id)
        self._under_way += 1
        if self._under_way == ON_THE_WAY:
            remote.pause()
        self._tools.tasks.start("taking an event of another relay", self._take(event, remote))

    async def _take(self, event: Event, remote: Remote) -> None:
        try:
            answer = await self._publisher.publish(event, self._source)
            await self._judge(event, answer, remote)
        finally:
            self._under_way -= 1
            if self._under_way == ON_THE_WAY // 2:
                remote.resume()
            if not self._under_way:
                self._idle.set()

    async def _taken(self) -> None:
        while self._under_way:
            await self._idle.wait()

    async def _judge(self, event: Event, answer: Ok, remote: Remote) -> None:
        word = self._count("down", answer)
        if answer.accepted:
            self.tally.received += word == "accepted"
            self.on_progress(self.tally)
            return
        self.tally.refused += 1
        if word not in PASSING_HERE:
            self._memory.not_down.add(event.id)
        if word == "invalid" and not await self._tools.compute.run(_is_genuine, event):
            remote.blame("events that are not genuine")
        if word == "blocked" and self.agreement.up and len(self._gone) < MOST_GONE:
            self._gone.append(event)

    async def _tell_deletions(self, remote: Remote) -> None:
        """Give what took those events away that the other relay still has."""
        gone, self._gone = self._gone, []
        for start in range(0, len(gone), ASKED):
            answer = await self._store.query(Query(_deletions(gone[start : start + ASKED]), default_limit=PAGE))
            await self._give(remote, [parse_event(one.json) for one in answer.events])

    async def give(self, remote: Remote, ids: Iterable[str]) -> None:
        """Offer stored events; those that are not for others, or were refused before, are left out."""
        wanted = [one for one in ids if one not in self._memory.not_up]
        for start in range(0, len(wanted), ASKED):
            chosen = Filter(ids=frozenset(wanted[start : start + ASKED]))
            answer = await self._store.query(Query((chosen,), default_limit=ASKED))
            deleted = await self._give(remote, [parse_event(one.json) for one in answer.events])
            if deleted and self.agreement.down:
                await self._fetch_deletions(remote, deleted)

    async def offer(self, remote: Remote, event: Event) -> None:
        """Offer one new event."""
        deleted = await self._give(remote, [event])
        if deleted and self.agreement.down:
            await self._fetch_deletions(remote, deleted)

    def is_offered(self, event: Event) -> bool:
        """Whether an event may go to the other relay: public, not expired, its author's only is for nobody else to publish."""
        if event.id in self._memory.not_up or event.kind in kinds.PRIVATE or is_protected(event):
            return False
        try:
            end = expiration(event)
        except Refusal:
            return False
        return end is None or end > self._tools.clock.now()

    async def _give(self, remote: Remote, events: Sequence[Event]) -> list[Event]:
        """Offer events, some at a time; those that the other relay says are deleted."""
        queue = deque(event for event in events if self.is_offered(event))
        deleted: list[Event] = []

        async def work() -> None:
            while queue:
                event = queue.popleft()
                if await self._put(remote, event):
                    deleted.append(event)

        await self._tools.tasks.gather(*(work() for _ in range(min(IN_FLIGHT, len(queue)))))
        return deleted

    async def _put(self, remote: Remote, event: Event) -> bool:
        """Offer an event until it is taken or refused for good; whether it is deleted there."""
        if kinds.is_ephemeral(event.kind):
            self._memory.not_up.add(event.id)
        for _ in range(PATIENCE):
            answer = await remote.publish(event.id, event.encoded())
            if answer.accepted or not answer.reason.startswith("rate-limited:"):
                break
            await self._tools.tasks.sleep(PAUSE)
        word = self._count("up", answer)
        if answer.accepted:
            self.tally.sent += word != "duplicate"
        else:
            self.tally.refused += 1
        self.on_progress(self.tally)
        if not answer.accepted and word not in PASSING:
            self._memory.not_up.add(event.id)
        return word == "blocked" and "delet" in answer.reason

    async def _fetch_deletions(self, remote: Remote, events: Sequence[Event]) -> None:
        for wanted in _deletions(events):
            try:
                await remote.fetch(wanted, PAGE, lambda event: self.take(event, remote))
            except Turned:
                continue
        await self._taken()

    def _count(self, direction: str, answer: Ok) -> str:
        word = answer.reason.partition(":")[0]
        shown = word if word in _WORDS else "other"
        self._tools.meter.count(NOSTR_STREAMED, direction, "accepted" if answer.accepted and not word else shown)
        return "accepted" if answer.accepted and word != "duplicate" else word


_WORDS = frozenset(
    ("duplicate", "pow", "blocked", "rate-limited", "invalid", "restricted", "mute", "error", "auth-required")
)


def _deletions(events: Sequence[Event]) -> tuple[Filter, ...]:
    """What asks for the deletions of these events, by id and by address, and for their authors' wish to be forgotten."""
    authors, ids = frozenset(event.pubkey for event in events), frozenset(event.id for event in events)
    addresses = frozenset(str(place) for event in events if (place := address_of(event)) is not None)
    deletion = frozenset({kinds.DELETION})
    named = [("e", ids), ("a", addresses)] if addresses else [("e", ids)]
    return (
        *(Filter(kinds=deletion, authors=authors, tags=(tag,)) for tag in named),
        Filter(kinds=frozenset({kinds.VANISH}), authors=authors),
    )


def _later(first: int | None, second: int | None) -> int | None:
    times = [time for time in (first, second) if time is not None]
    return max(times, default=None)


def _is_genuine(event: Event) -> bool:
    try:
        require_genuine(event)
    except Refusal:
        return False
    return True
