"""The client: one object that stays in touch with a relay, or with its backups, and gives each notification once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..domain.position import Position
from ..io.net.backoff import Backoff
from ..io.world import ReactorTasks, SystemClock, SystemEntropy, running_reactor
from ..ports import Task
from .calls import Answer, Calls
from .connection import ANSWER_SECONDS
from .errors import Closed, NotConnected, RelayError, TimedOut
from .identity import NEWS
from .keeper import Greeting, Keeper, Link, World
from .ledger import Ledger
from .options import Options
from .relay import FAILOVER_SECONDS, Relay, Route
from .rest import Rest
from .scan import Progress, Scan
from .state import Change, MemoryState, State
from .wallets import Keys, Wallets

Message = dict[str, Any]
Handler = Callable[[Message], Awaitable[None] | None]

#: Refusals that may be over a moment later.
PASSING = frozenset({"UNAVAILABLE", "RATE_LIMITED", "INTERNAL"})


class Client(Calls):
    """A relay's client, for programs that run on Twisted.

    ``relay`` and ``backups`` are WebSocket addresses, or :class:`Relay` where the HTTP interface is not on the next port or a
    bearer token is to be shown. Backups that the relay names (its ``fallback_config``) are used too, after one's own and never
    over a plain connection when the relay is ``wss://``, unless ``follow_fallback`` is off; they are registered with the wallets
    of this client. A relay that is away for ``failover`` seconds (as the relay says, else 5) is replaced by the next; as soon as
    the first one is back, it is used again.

    **Each notification is given once**, over reconnections, replays, turning to a backup and back: within a relay's log by its
    position, across relays by what it is about (:func:`identity_of`), as long as the two relays notice it less than ten minutes
    apart, and of the 50,000 (``remembered``) outputs, blocks and messages told of last. An event that came undone and comes
    again, as by a reorganisation, is given again. Nothing is left out as long as the relays hold it in their logs.

    With a ``state`` that holds over a restart too, but for one thing: a notification counts as done when the next one is asked
    for, and is kept then. What is in hand when the process dies is given again: at least once. Who must act exactly once over
    crashes too keeps the state in the same transaction as the act (:class:`State`), or writes under the identity.

    ``options`` are those of :class:`Options`.
    No token or key is in any ``repr``, log or error. Private keys go over TLS or to this machine only, unless ``plain_keys``.
    """

    def __init__(
        self,
        relay: str | Relay,
        http_url: str = "",
        *,
        backups: Sequence[str | Relay] = (),
        state: State | None = None,
        reactor: Any = None,
        world: World | None = None,
        **options: Any,
    ) -> None:
        chosen = Options(**options)
        self._world = world or _world(reactor)
        self._state: State = state or MemoryState()
        self._ledger = Ledger(chosen.remembered)
        self._wallets = Wallets(self._keep, chosen.plain_keys)
        primary = relay if isinstance(relay, Relay) else Relay(relay, http_url)
        self._keeper = self._make_keeper(primary, backups, chosen)
        self._rest = Rest(self._world.reactor, chosen.trust, self._asked)
        self._handlers: dict[str, list[Handler]] = {}
        self._running: list[Task] = []
        self._source: Link | None = None
        self._in_hand: Change | None = None

    def _make_keeper(self, primary: Relay, backups: Sequence[str | Relay], options: Options) -> Keeper:
        others = [one if isinstance(one, Relay) else Relay(one) for one in backups]
        client_id = options.client_id or f"sdkrelay-client-{self._world.entropy.bytes(8).hex()}"
        return Keeper(
            self._world,
            Route(primary, others, FAILOVER_SECONDS if options.failover is None else options.failover),
            self._ledger,
            self._wallets,
            options.trust,
            Greeting(client_id, options.network, options.most_waiting),
            self._keep,
            options.topics,
            follows=options.follow_fallback,
            failover=options.failover,
        )

    def __repr__(self) -> str:
        return f"<Client of {self._keeper.route.primary.ws_url}>"

    @property
    def relay(self) -> Relay | None:
        """The relay it is in conversation with; None while it is with none."""
        return self._keeper.current.relay if self._keeper.current else None

    async def connect(self, within: float = ANSWER_SECONDS) -> Answer:
        """Begin, and wait for the first handshake; its answer. NotConnected, with the last reason, if there is none in time.

        It goes on trying even then, until it is closed. ValueError or OSError for a state that cannot be read.
        """
        if not self._running:
            self._load()
            tasks = self._world.tasks
            self._running = [tasks.start("client", self._keeper.run()), tasks.start("client", self._keeper.provide())]
        return (await self._link(self._deadline(within))).connection.greeting

    async def send_handshake(self) -> Answer:
        """The answer to the handshake of the present conversation; the client shakes hands by itself."""
        return (await self._link(self._deadline(ANSWER_SECONDS))).connection.greeting

    async def close(self) -> None:
        """Say goodbye and stop. What waits is not given any more; with a ``state`` it is the next time."""
        link = self._keeper.current
        self._keeper.close()
        for task in self._running:
            task.cancel()
        if link is not None:
            await link.connection.lost()
        await self._rest.close()

    async def request(self, kind: str, *, retry: bool = False, within: float = ANSWER_SECONDS, **fields: Any) -> Answer:
        """Send any message of the protocol and return its answer, over the relay in use; waits for one to be there.

        RelayError if it is refused, TimedOut without an answer, NotConnected if there is no relay or the connection is lost before
        the answer; with ``retry`` it is sent again then, as long as there is time.
        """
        deadline = self._deadline(within)
        while True:
            link = await self._link(deadline)
            try:
                answer = await link.connection.request(kind, within=max(deadline - self._now(), 0.0), **fields)
            except Closed:
                if not retry:
                    raise
            else:
                self._keeper.learn(answer)
                return answer

    async def notifications(self) -> AsyncIterator[Message]:
        """Each notification, once: ``async for notification in client.notifications()``, until the client is closed.

        One at a time: asking for the next says that the last one is done. Other messages go to their handlers meanwhile. While
        nobody asks, at most ``most_waiting`` wait here, and the relay keeps the rest.
        """
        while True:
            try:
                message = await self._next()
            except NotConnected:
                return
            if message["type"] in NEWS:
                yield message
            else:
                await self.handle_message(message)

    async def listen(self) -> None:
        """Give all that comes to :meth:`handle_message`, until the client is closed; what a handler raises comes out here."""
        async for notification in self.notifications():
            await self.handle_message(notification)

    def on(self, kind: str, handler: Handler) -> None:
        """Call this with each message of a type (``notification``, ``scan_progress``, ``alert``…) or ``notification_type``."""
        self._handlers.setdefault(kind, []).append(handler)

    async def handle_message(self, message: Message) -> None:
        """Give a message to its method and handlers; override what is of interest, or use :meth:`on`."""
        if message["type"] in NEWS:
            await self.handle_notification(message)
        elif message["type"] == "sync":
            await self.handle_sync(message)
        for kind in dict.fromkeys((message["type"], message.get("notification_type"))):
            for handler in self._handlers.get(kind or "", ()):
                handled = handler(message)
                if isawaitable(handled):
                    await handled

    async def handle_notification(self, message: Message) -> None:
        """A notification came (``notification_type``, ``data``, ``timestamp``, ``position``), or a ``payment_update``."""

    async def handle_sync(self, message: Message) -> None:
        """A relay said how it is (topic ``sync``): ``sync_type``, ``payload``."""

    async def subscribe(self, *topics: str) -> None:
        """Hear these topics too, from now on; they stay over reconnections."""
        keeper = self._keeper
        keeper.topics = tuple(dict.fromkeys((*keeper.topics, *topics)))
        answer = await self.request("subscribe", retry=True, subscriptions=topics)
        link = keeper.current
        if link is not None and not link.log_id:
            link.log_id = Position.parse(answer["position"]).log_id

    async def unsubscribe(self, *topics: str) -> None:
        """Do not hear these topics any more."""
        self._keeper.topics = tuple(topic for topic in self._keeper.topics if topic not in topics)
        await self.request("unsubscribe", retry=True, subscriptions=topics)

    async def authenticate(self, token: str, within: float = ANSWER_SECONDS) -> Answer:
        """Show a bearer token to the relay in use, now and in each later handshake with it."""
        answer = await self.request("authenticate", retry=True, within=within, token=token)
        if self._keeper.current is not None:
            self._keeper.tokens[self._keeper.current.relay.ws_url] = token
        return answer

    async def adopt_wallets(self, *wallet_tokens: str) -> Answer:
        """Hold wallets that were registered elsewhere, by their tokens for the relay in use; backups do not know them."""
        answer = await self.request("authenticate", retry=True, wallet_tokens=wallet_tokens)
        if self._keeper.current is not None:
            self._wallets.adopt(self._keeper.current.relay, wallet_tokens)
        return answer

    async def register_wallet(
        self,
        scan_private_key: str,
        spend_public_key: str,
        labels: Sequence[int] = (),
        birthday: int | None = None,
        within: float = ANSWER_SECONDS,
        nostr: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Watch for a wallet, on the relay in use and on all backups: ``wallet_registered``, without the token.

        Call it at each start: a wallet that is registered already is not asked for again. The keys stay in memory. With ``nostr``
        (``pubkey`` in hex, and a list of ``relays`` or none) its owner is told by encrypted direct messages as well. Insecure
        where the keys would travel in clear, ValueError for what is none.
        """
        contact = None if nostr is None else {**nostr, "relays": list(nostr.get("relays", ()))}
        keys = Keys(scan_private_key, spend_public_key, tuple(labels), birthday, contact)
        wallet_id, deadline = keys.wallet_id, self._deadline(within)
        self._wallets.want(keys)
        while True:
            link = await self._link(deadline)
            try:
                answer = self._wallets.answer(link.relay, keys)
                answer = answer or await self._wallets.register(link.connection, link.relay, keys)
            except Closed:
                continue
            except Exception:
                self._wallets.drop(wallet_id)
                raise
            self._keeper.changed()
            return {
                name: value for name, value in answer.items() if name not in ("wallet_token", "asked", "nostr", "id")
            }

    async def unregister_wallet(self, wallet_id: str) -> Answer:
        """Let all relays forget a wallet; those that are away now, when they are back."""
        link = await self._link(self._deadline(ANSWER_SECONDS))
        self._wallets.unwant(wallet_id)
        answer = await self._wallets.unregister(link.connection, link.relay, wallet_id)
        self._keeper.changed()
        return answer

    def wallet_token(self, wallet_id: str) -> str | None:
        """The token of a wallet for the relay in use, as the HTTP interface wants it (``X-Wallet-Token``): keep it safe."""
        return None if self.relay is None else self._wallets.token(self.relay, wallet_id)

    async def scan(
        self,
        addresses: Sequence[str] = (),
        *,
        from_block: int,
        to_block: int,
        scan_keys: Sequence[dict[str, Any]] = (),
        on_progress: Progress | None = None,
    ) -> Scan:
        """Start a scan of these blocks, both included, for wallets this client holds or for keys that come with it."""
        link = await self._link(self._deadline(ANSWER_SECONDS))
        if scan_keys:
            self._wallets.check(link.relay)
        fields: dict[str, Any] = {
            "addresses": addresses,
            "from_block": from_block,
            "to_block": to_block,
            "scan_keys": scan_keys,
        }
        return Scan(link.connection, await link.connection.request("scan_request", **fields), on_progress)

    async def sync_message(self, content: dict[str, Any], message_id: str | None = None, ttl: int = 3600) -> Answer:
        """Leave a message for all who follow ``sync``: its ``sync_ack``, once a relay has it on its disk.

        It is sent again under the same id, to whichever relay is in use, until one has acknowledged it; cancel this to give up.
        RelayError (``CONFLICT``) if somebody else's message has that id, or if it is refused for good.
        """
        identity = message_id or self._world.entropy.bytes(16).hex()
        backoff = Backoff(self._world.entropy, jitter=1.0)
        while True:
            try:
                answer = await self.request("sync_message", message_id=identity, content=content, ttl=ttl)
            except (NotConnected, TimedOut, RelayError) as failure:
                self._check_passing(failure)
                await self._world.tasks.sleep(backoff.delay())
            else:
                break
        if answer.get("type") == "conflict_detected":
            raise RelayError("CONFLICT", "another message has this id", answer)
        return answer

    def _check_passing(self, failure: Exception) -> None:
        if self._keeper.is_closed or (isinstance(failure, RelayError) and failure.code not in PASSING):
            raise failure

    async def _next(self) -> Message:
        """The next message that is new; the one before is done with that. NotConnected once the client is closed."""
        self._done()
        while True:
            link = self._source = self._source or await self._keeper.link()
            try:
                message = await link.connection.next()
            except Closed:
                self._source = await self._keeper.link(besides=link)
                continue
            if message["type"] not in NEWS or self._is_new(link, message):
                return message

    def _is_new(self, link: Link, message: Message) -> bool:
        """Whether the caller has not been given this; a relay that lies about positions is not listened to any more."""
        try:
            position = Position.parse(message["position"])
        except (KeyError, ValueError, AttributeError):
            position = None
        if position is None or position.log_id != link.log_id:
            link.connection.refuse("told a position that is not of its log")
            return False
        moment = self._keeper.moment(message.get("timestamp"))
        new, change = self._ledger.told(link.relay.ws_url, position, message, moment)
        if new:
            self._in_hand = change
        elif change is not None:
            self._keep(change)
        return new

    def _done(self) -> None:
        change, self._in_hand = self._in_hand, None
        if change is not None:
            self._keep(change)

    def _keep(self, change: Change) -> None:
        if self._state.append(change):
            fallback = {
                "kind": "fallback",
                "relays": [one.ws_url for one in self._keeper.route.relays[1:]],
                "milliseconds": None,
            }
            self._state.replace([fallback, *self._wallets.changes(), *self._ledger.changes()])

    def _load(self) -> None:
        try:
            for change in self._state.load():
                for part in (self._ledger, self._wallets, self._keeper):
                    part.apply(change)
        except (KeyError, TypeError, AttributeError):
            raise ValueError("the state is none of a client") from None

    def _asked(self) -> list[tuple[Relay, str | None]]:
        """The relays to ask over HTTP, the one in use first."""
        route = self._keeper.route
        relays = dict.fromkeys((route.current, *route.relays))
        return [(relay, self._keeper.tokens.get(relay.ws_url, relay.token)) for relay in relays]

    async def _link(self, deadline: float) -> Link:
        """The link in use, or NotConnected at that time of the reactor."""
        found = Deferred.fromCoroutine(self._keeper.link())
        return await found.addTimeout(max(deadline - self._now(), 0.0), self._world.reactor, lambda _, __: self._late())

    def _late(self) -> Failure:
        why = self._keeper.failure or ("it was not told to connect" if not self._running else "it takes too long")
        return Failure(NotConnected(f"no relay could be reached in time: {why}"))

    def _deadline(self, within: float) -> float:
        return self._now() + within

    def _now(self) -> float:
        seconds: float = self._world.reactor.seconds()
        return seconds


def _world(reactor: Any) -> World:
    reactor = reactor or running_reactor()
    return World(reactor, SystemClock(), SystemEntropy(), ReactorTasks(reactor))
