"""Who hears what: subscriptions, and the hand-over from what is stored to what happens now.

An entry is said after its commit, in the order of the log. A feed that starts at an earlier position reads pages of the
log until nothing was published while it read; only then does it join the live stream. So it misses nothing and hears
nothing twice, whatever happens in between.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from ..domain.expected import creators
from ..domain.measure import NOTIFICATIONS, PUSHES, Unmetered
from ..domain.news import News
from ..domain.notification import Entry, Topic
from ..domain.position import Position
from ..domain.problem import Code, Problem, invalid
from ..domain.topic import expand, known, listed, without
from ..messages.bulletin import Bulletin
from ..messages.native.subscription import Subscribe, SubscribeResponse, Unsubscribe, UnsubscribeResponse
from ..ports import Caller, LogStore, Meter, Tasks, Unavailable
from .router import handles

#: A time instead of a position: ``@`` and seconds since the epoch.
TIME = re.compile(r"@[0-9]{1,12}")
#: How many entries are read, and told, at a time.
PAGE = 200
#: How many subscriptions one session has at most.
SUBSCRIPTIONS = 32
#: Seconds until the log is asked again when it could not be read.
RETRY = 1.0
#: After how many seconds to try again where too much is being replayed.
REPLAY = 5
#: After how many feeds the reactor gets its turn.
SLICE = 500


#: Topics that show the relay's own state (``auth.public_read``).
STATE = frozenset({Topic.HEALTH, Topic.METRICS, Topic.ALERTS, Topic.SYNC})


@frozen
class Leg:
    """A piece of the past still to be told: these topics, after one number and up to another."""

    topics: frozenset[Topic]
    after: int
    until: int


def names_of(caller: Caller) -> frozenset[str]:
    """What lets a caller hear of payments: the wallets it holds, and the names under which it expects some."""
    return caller.wallet_ids | creators(caller.principal, caller.session_id)


@define(eq=False)
class Feed:
    """What one session hears; ``mark`` is the number up to which it was told all that it subscribes to."""

    caller: Caller
    mark: int
    names: frozenset[Topic] = frozenset()
    live: bool = True
    legs: list[Leg] = field(factory=list)
    topics: frozenset[Topic] = frozenset()

    def choose(self, names: frozenset[Topic]) -> None:
        """Hear these topics and no others; ``topics`` are the single ones they stand for."""
        self.names, self.topics = names, expand(names)

    def wants(self, entry: Entry, public: bool) -> bool:
        """Whether this entry is for this feed: its topic, and whose it is if it is not ``public``."""
        return entry.topic in self.topics and (public or entry.is_for(names_of(self.caller)))

    def selection(self) -> tuple[frozenset[Topic], frozenset[str]]:
        """The topics, and the wallets and creators whose payments are meant by the topic ``payments``."""
        topics = self.topics
        return topics, names_of(self.caller) if Topic.PAYMENTS in topics else frozenset()


class Hub:
    """Tells every entry of the log to those who may hear it, each written once a dialect."""

    def __init__(
        self,
        log: LogStore,
        tasks: Tasks,
        relay_id: str,
        page: int = PAGE,
        meter: Meter | None = None,
        most: int = SUBSCRIPTIONS,
        public_read: bool = True,
    ) -> None:
        self._most = most
        self._public_read = public_read
        self._meter: Meter = meter or Unmetered()
        self.on_listen: list[Callable[[Caller, frozenset[Topic]], None]] = []
        self.on_entry: list[Callable[[Entry], None]] = []
        self._page = page
        self._slice = SLICE
        self._log = log
        self._tasks = tasks
        self._relay_id = relay_id
        self._feeds: dict[str, Feed] = {}
        self._order = tasks.lock()
        self._log_id = ""
        self._head = 0

    async def start(self) -> None:
        """Learn the log's name and where it stands; before the first client and the first entry."""
        self._log_id = await self._log.log_id()
        self._head = await self._log.last_number()

    @property
    def position(self) -> str:
        """Where the live stream stands: what a client may give as ``since`` later."""
        return str(Position(self._log_id, self._head))

    def position_of(self, number: int) -> str:
        """The position of an entry of the log."""
        return str(Position(self._log_id, number))

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Tell these entries, just committed, to all who hear them live; feeds still reading find them in the log.

        Should a number before them never have been published, all feeds go back to the log, which has it.
        """
        async with self._order:
            for entry in entries:
                if entry.number > self._head:
                    await self._advance(entry)

    async def _advance(self, entry: Entry) -> None:
        missing, self._head = entry.number > self._head + 1, entry.number
        self._meter.count(NOTIFICATIONS, entry.kind.value)
        for told in self.on_entry:
            told(entry)
        if not missing:
            await self._tell(News(entry, self._log_id))
            return
        for feed in tuple(self._feeds.values()):
            self._go_back(feed)

    async def _tell(self, news: News) -> None:
        entry, number = news.entry, news.entry.number
        public = entry.wallet_id is None and entry.creator is None
        feeds = tuple(self._feeds.values())
        for start in range(0, len(feeds), self._slice):
            if start:
                await self._tasks.sleep(0)
            for feed in feeds[start : start + self._slice]:
                if not feed.live or feed.mark >= number:
                    continue
                feed.mark = number
                if entry.topic in feed.topics and (public or feed.wants(entry, public)):
                    feed.caller.push(news)

    async def broadcast(self, topic: Topic, bulletin: Bulletin) -> None:
        """Say something that no log keeps to all who hear this topic now."""
        for turn, feed in enumerate(tuple(self._feeds.values()), 1):
            if topic in feed.topics:
                self.push(topic, bulletin, feed.caller)
            if turn % self._slice == 0:
                await self._tasks.sleep(0)

    def push(self, topic: Topic, bulletin: Bulletin, caller: Caller) -> None:
        """Say it to this one."""
        caller.push(bulletin)
        self._meter.count(PUSHES, topic.value)

    def hears(self, topic: Topic) -> bool:
        """Whether anybody subscribes to this topic, by its own name."""
        return any(topic in feed.names for feed in self._feeds.values())

    @handles(Subscribe)
    async def subscribe(self, request: Subscribe, caller: Caller) -> SubscribeResponse:
        """Add subscriptions, from a position on if one is given."""
        names = await self.listen(caller, known(request.subscriptions), request.since)
        return SubscribeResponse(subscriptions=names, relay_id=self._relay_id, position=self.position)

    @handles(Unsubscribe)
    async def unsubscribe(self, request: Unsubscribe, caller: Caller) -> UnsubscribeResponse:
        """Take subscriptions away."""
        feed = self._feed(caller)
        feed.choose(without(feed.names, known(request.subscriptions)))
        return UnsubscribeResponse(subscriptions=listed(feed.names), relay_id=self._relay_id)

    def release(self, wallet_id: str) -> None:
        """A wallet is forgotten: no session may hear of one registered by the same keys later, unless it proves that anew."""
        for feed in self._feeds.values():
            feed.caller.release(wallet_id)

    async def listen(self, caller: Caller, names: frozenset[Topic], since: str | None) -> tuple[str, ...]:
        """Let the caller hear these topics too; all that is then subscribed. Problem for a position that is not held.

        The relay's own state is for those who have a role, where it is not public.
        """
        after = None if since is None else await self._number(since)
        names = names if self._public_read or caller.principal else names - STATE
        feed = self._feed(caller)
        self._check_count(len(names | feed.names) + len(feed.legs))
        new = names - feed.names
        feed.choose(feed.names | names)
        for told in self.on_listen:
            told(caller, new)
        if after is not None and names:
            feed.legs.append(Leg(expand(names), after, feed.mark))
            self._go_back(feed)
        return listed(feed.names)

    def _check_count(self, count: int) -> None:
        """What is still being replayed counts too: each piece of the past costs a page of the log at a time."""
        if count > self._most:
            message = f"at most {self._most} subscriptions, replays included: unsubscribe, or try again in {REPLAY} s"
            raise Problem(Code.LIMIT_EXCEEDED, message, limit=self._most, retry_after=REPLAY)

    def _feed(self, caller: Caller) -> Feed:
        feed = self._feeds.get(caller.session_id)
        if feed is None:
            feed = self._feeds[caller.session_id] = Feed(caller, self._head)
            caller.at_end(lambda: self._forget(caller))
        return feed

    def _forget(self, caller: Caller) -> None:
        self._feeds.pop(caller.session_id, None)

    def _go_back(self, feed: Feed) -> None:
        """Let a feed read the log, from its mark or an earlier leg, before it hears more."""
        if feed.live:
            feed.live = False
            feed.caller.beside("replay", self._replay(feed))

    async def _number(self, since: str) -> int:
        """The number of a position of this log, or before a time. Problem names the oldest position held."""
        if TIME.fullmatch(since):
            return await self._log.number_before(int(since[1:]))
        oldest = await self._log.oldest_number() - 1
        try:
            position = Position.parse(since)
        except ValueError:
            raise self._not_held(since, oldest) from None
        if position.log_id != self._log_id or not oldest <= position.number <= await self._log.last_number():
            raise self._not_held(since, oldest)
        return position.number

    def _not_held(self, since: str, oldest: int) -> Problem:
        held = str(Position(self._log_id, max(oldest, 0)))
        problem = invalid("since", f"a position of this relay's log, {held} or later", value=since)
        problem.details["oldest"] = held
        return problem

    async def _replay(self, feed: Feed) -> None:
        """Tell what is asked of the past, then all that came since, then go live."""
        while not feed.live:
            try:
                await (self._walk(feed, feed.legs[0]) if feed.legs else self._catch_up(feed))
            except Unavailable:
                await self._tasks.sleep(RETRY)

    async def _walk(self, feed: Feed, leg: Leg) -> None:
        """Tell one page of a leg, and keep what is left of it as the feed's next leg."""
        topics, wallets = feed.selection()
        page = await self._read(leg.after, topics & leg.topics, wallets)
        if feed.selection() != (topics, wallets):
            return
        self._push(feed, [entry for entry in page if entry.number <= leg.until])
        last = page[-1].number if len(page) == self._page else leg.until
        feed.legs[0:1] = [Leg(leg.topics, last, leg.until)] if last < leg.until else []
        await feed.caller.room()

    async def _catch_up(self, feed: Feed) -> None:
        """Tell one page of all topics after the mark; live if it was the last and nothing was published meanwhile."""
        head = self._head
        selection = feed.selection()
        page = await self._read(feed.mark, *selection)
        if feed.selection() != selection:
            return
        self._push(feed, page)
        full = len(page) == self._page
        feed.mark = page[-1].number if full else max([feed.mark, head, *(entry.number for entry in page)])
        feed.live = not (full or feed.legs) and self._head <= feed.mark
        if full:
            await feed.caller.room()

    async def _read(self, after: int, topics: frozenset[Topic], wallets: frozenset[str]) -> list[Entry]:
        return await self._log.read(after, topics, wallets, self._page) if topics else []

    def _push(self, feed: Feed, entries: Sequence[Entry]) -> None:
        for entry in entries:
            feed.caller.push(News(entry, self._log_id))
