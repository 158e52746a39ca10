"""Keeps one conversation up for good: reconnects, turns to a backup when the primary is away, and goes back to it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..domain.position import Position
from ..io.net.backoff import Backoff
from ..ports import Clock, Entropy, Tasks
from .connection import CONNECT_SECONDS, Connection, connect
from .errors import ClientError, NotConnected, RelayError
from .ledger import Ledger
from .relay import Relay, Route
from .state import Change
from .trust import Trust
from .wallets import Wallets

log = Logger()

#: The first and the longest pause between two attempts; each is left to chance as a whole (full jitter).
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
#: The same between two attempts to go back to the primary, or to tell a backup of the wallets.
FIRST_RETURN, LONGEST_RETURN = 5.0, 60.0
#: Names of a fallback that are looked at.
MOST_NAMES = 100
#: Seconds a conversation must last until pauses begin anew with the first.
STEADY_SECONDS = 5.0
#: Seconds before the last notification from which a relay is asked that has told nothing yet: the clocks of relays, and the
#: moments at which they notice the same thing, may be so far apart.
OVERLAP = 600


@frozen
class World:
    """What a client needs from outside."""

    reactor: Any
    clock: Clock
    entropy: Entropy
    tasks: Tasks


@frozen
class Greeting:
    """How a client introduces itself; ``most`` messages wait at a time."""

    client_id: str
    network: str | None
    most: int

    def fields(self) -> dict[str, Any]:
        """As a handshake has them."""
        named = {} if self.network is None else {"network": self.network}
        return {"client_id": self.client_id, "version": "1.0.0", **named}


@define(eq=False)
class Link:
    """A conversation with one relay; ``log_id`` names the log that its notifications stand in, once it is subscribed."""

    relay: Relay
    connection: Connection
    log_id: str = ""


@define(eq=False)
class Keeper:
    """Holds the ``current`` link; :meth:`run` looks after it, and :meth:`provide` tells the backups of the wallets."""

    world: World
    route: Route
    ledger: Ledger
    wallets: Wallets
    trust: Trust
    greeting: Greeting
    keep: Callable[[Change], None]
    topics: tuple[str, ...] = ()
    current: Link | None = None
    failure: Exception | None = None
    tokens: dict[str, str] = field(factory=dict, repr=False)
    follows: bool = True
    _failover: float | None = None
    _waiting: list[Deferred[None]] = field(factory=list)
    is_closed: bool = False
    _news: Any = None
    _pauses: Any = None
    _returns: Any = None

    def __attrs_post_init__(self) -> None:
        self._news = self.world.tasks.event()
        self._pauses = Backoff(self.world.entropy, FIRST_PAUSE, LONGEST_PAUSE, jitter=1.0)
        self._returns = Backoff(self.world.entropy, FIRST_RETURN, LONGEST_RETURN, jitter=1.0)

    async def link(self, besides: Link | None = None) -> Link:
        """The current link as soon as there is one that is not ``besides``. NotConnected once the client is closed."""
        while self.current is None or self.current is besides or self.current.connection.ended is not None:
            if self.is_closed:
                raise NotConnected("the client is closed")
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        return self.current

    async def run(self) -> None:
        """Keep a link up until cancelled."""
        while True:
            link: Link | None = await self._reach()
            while link is not None:
                began = self.world.reactor.seconds()
                self._use(link)
                link = await self._stay(link)
                lasted = self.world.reactor.seconds() - began
                self._judge(lasted)
            self.current = None
            self.route.away(self.world.reactor.seconds())
            if lasted < STEADY_SECONDS:
                await self._pause(self._pauses.delay())

    def _judge(self, lasted: float) -> None:
        """Only a conversation that has lasted makes up for what failed: a relay may shake hands and then talk nonsense."""
        if lasted >= STEADY_SECONDS:
            self.route.steady()
            self._pauses.reset()
            if self.route.current is self.route.primary:
                self._returns.reset()

    async def provide(self) -> None:
        """Keep the wallets of all relays as they are wanted, until cancelled."""
        backoff = Backoff(self.world.entropy, FIRST_RETURN, LONGEST_RETURN, jitter=1.0)
        while True:
            failed = [relay for relay in self._unsettled() if not await self._visit(relay)]
            if failed:
                await self._news.wait(backoff.delay())
            else:
                backoff.reset()
                await self._news.wait()

    def changed(self) -> None:
        """Wallets or relays are not what they were: look at the backups."""
        self._news.set()

    def close(self) -> None:
        """Say goodbye; whoever waits for a link waits in vain."""
        self.is_closed = True
        if self.current is not None:
            self.current.connection.close()
        self._wake()

    def learn(self, message: dict[str, Any]) -> None:
        """Take the ``fallback`` of a greeting or a discovery, and where it says which relays' names stand for what."""
        fallback = message.get("fallback")
        if not (self.follows and isinstance(fallback, dict)):
            return
        named = {one.get("id"): one.get("address") for one in _objects(message.get("relays"))}
        names = [fallback.get("primary_relay"), *_list(fallback.get("backup_relays"))]
        addresses = [named.get(name, name) for name in names if isinstance(name, str)]
        change = {
            "kind": "fallback",
            "relays": [address for address in addresses if isinstance(address, str)][:MOST_NAMES],
            "milliseconds": fallback.get("failover_timeout_ms"),
        }
        if self.apply(change):
            self.keep(change)
            self.changed()

    def apply(self, change: Change) -> bool:
        """Make a change that was kept: other relays are known; whether any is new."""
        if change["kind"] != "fallback":
            return False
        milliseconds = change["milliseconds"]
        if self._failover is None and isinstance(milliseconds, int) and 10 <= milliseconds <= 3_600_000:
            self.route.failover = milliseconds / 1000
        return self.route.learn(change["relays"])

    async def open(self, relay: Relay, within: float = CONNECT_SECONDS) -> Connection:
        """A connection to this relay, with all tokens for it shown."""
        token = self.tokens.get(relay.ws_url, relay.token)
        context = self.trust.of(relay.ws_url) if relay.is_encrypted else None
        connection = await connect(
            self.world.reactor,
            relay.ws_url,
            context=context,
            within=within,
            most=self.greeting.most,
            wallet_tokens=self.wallets.tokens(relay),
            **({} if token is None else {"token": token}),
            **self.greeting.fields(),
        )
        self.wallets.taken(relay, _list(connection.greeting.get("wallet_ids")))
        return connection

    async def _reach(self) -> Link:
        """A link to the current relay of the route, however long that takes."""
        while True:
            try:
                return await self._join(self.route.current, self._patience())
            except CancelledError:
                raise
            except Exception as failure:
                self.failure = failure
                log.info("no conversation with {relay}: {why}", relay=self.route.current.ws_url, why=str(failure))
            before = self.route.current
            self.route.away(self.world.reactor.seconds())
            if before is self.route.current or not self.route.is_first_round:
                await self._pause(self._pauses.delay())

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until it is the next relay's turn."""
        if self.route.has_backups and self.route.is_first_round:
            seconds = min(seconds, max(self.route.left(self.world.reactor.seconds()), 0.0))
        await self.world.tasks.sleep(seconds)

    def _patience(self) -> float:
        return min(CONNECT_SECONDS, max(self.route.failover, 1.0)) if self.route.has_backups else CONNECT_SECONDS

    async def _join(self, relay: Relay, within: float = CONNECT_SECONDS) -> Link:
        """Shake hands, register what is missing, and only then subscribe, so that the past of every wallet is told."""
        connection = await self.open(relay, within)
        link = Link(relay, connection)
        try:
            self.learn(connection.greeting)
            await self.wallets.settle(connection, relay)
            await self.subscribe(link)
        except Exception:
            connection.abort()
            raise
        return link

    async def subscribe(self, link: Link) -> None:
        """Hear all topics from where this relay's log was left, or else from a time; RelayError if it refuses that."""
        if not self.topics:
            return
        relay, since = link.relay.ws_url, self._since(link.relay.ws_url)
        try:
            answer = await link.connection.request("subscribe", subscriptions=self.topics, **since)
        except RelayError as refused:
            if refused.details.get("field") != "since":
                raise
            log.warn("{relay} does not hold the last position", relay=relay)
            self.ledger.leave(relay)
            earlier = self._since(relay)
            since = earlier if earlier != since else {"since": str(refused.details.get("oldest"))}
            answer = await link.connection.request("subscribe", subscriptions=self.topics, **since)
        position = _position(answer.get("position"))
        link.log_id = position.log_id
        if not since:
            self.keep(self.ledger.begin(relay, position, self.moment(answer.get("timestamp"))))

    def _since(self, relay: str) -> dict[str, Any]:
        place, moment = self.ledger.place(relay), self.ledger.moment
        if place is not None:
            return {"since": str(place)}
        return {} if moment is None else {"since": f"@{max(moment - OVERLAP, 0)}"}

    def moment(self, told: Any) -> int:
        """A time that a relay tells, no later than now."""
        now = int(self.world.clock.now())
        return min(told, now) if isinstance(told, int) and told >= 0 else now

    def _use(self, link: Link) -> None:
        self.current = link
        self.failure = None
        self.route.current = link.relay
        log.info("in conversation with {relay}", relay=link.relay.ws_url)
        self._wake()
        self.changed()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    async def _stay(self, link: Link) -> Link | None:
        """Until the link is lost (None), or the primary is back: the link to it, while this one says goodbye."""
        if link.relay is self.route.primary:
            await link.connection.lost()
            return None
        better, which = await _first(link.connection.lost(), self._return())
        if which == 0:
            return None
        link.connection.close()
        home: Link = better
        return home

    async def _return(self) -> Link:
        while True:
            await self.world.tasks.sleep(self._returns.delay())
            try:
                return await self._join(self.route.primary)
            except CancelledError:
                raise
            except Exception as failure:
                log.debug("the primary relay is still away: {why}", why=str(failure))

    def _unsettled(self) -> list[Relay]:
        current = self.current.relay if self.current is not None else None
        return [relay for relay in self.route.relays if relay is not current and not self.wallets.is_settled(relay)]

    async def _visit(self, relay: Relay) -> bool:
        """Tell a relay of the wallets and leave; False if that did not succeed."""
        try:
            self.wallets.check(relay)
            connection = await self.open(relay)
        except CancelledError:
            raise
        except Exception as failure:
            log.info("{relay} knows not all wallets: {why}", relay=relay.ws_url, why=str(failure))
            return False
        try:
            return await self.wallets.settle(connection, relay)
        except ClientError:
            return False
        finally:
            connection.close()


async def _first(*coroutines: Coroutine[Any, Any, Any]) -> tuple[Any, int]:
    """The result of the one that ends first, and which it was; the others are cancelled."""
    ended: Deferred[tuple[Any, int]] = Deferred()

    def end(result: Any, index: int) -> None:
        if not ended.called:
            ended.callback(result if isinstance(result, Failure) else (result, index))

    started = [Deferred.fromCoroutine(coroutine) for coroutine in coroutines]
    for index, deferred in enumerate(started):
        deferred.addBoth(end, index)
    try:
        return await ended
    finally:
        for deferred in started:
            deferred.cancel()


def _position(told: Any) -> Position:
    try:
        return Position.parse(told)
    except (ValueError, AttributeError):
        raise NotConnected("the relay's position is none") from None


def _list(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
