"""Tells the owners of wallets of their payments as private messages (NIP-17), so that a phone hears while the wallet sleeps.

The log of notifications is followed for each wallet and each relay it names, from a number that is kept once the relay has
taken what came before: at least once, through restarts. Relays are worked for beside each other, so that one which is away
keeps nobody waiting but those who read there; it is tried again after pauses that grow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field, frozen
from twisted.logger import Logger

from ...config.streaming import is_relay_url
from ...crypto.schnorr import is_xonly, xonly
from ...domain.contact import Contact
from ...domain.measure import NOSTR_WRAPS
from ...domain.nostr import kinds
from ...domain.nostr.event import Event, parse_event
from ...domain.nostr.filter import Filter
from ...domain.nostr.rules import normalized_url
from ...domain.nostr.wrapping import Chance, gift_wrap, message
from ...domain.notification import Entry, Topic
from ...domain.problem import invalid
from ...messages.native.wallets import NostrContact
from ...ports import Event as Signal
from ...ports import LogStore, Task, Unavailable
from ...ports.contacts import ContactStore
from ...ports.nostr import EventStore, Query
from ...ports.remotes import RemoteDialler
from .delivery import Call, Home
from .exchange import PASSING
from .publish import Publisher
from .remote import Tools
from .wording import is_told, sentence

log = Logger()

#: Entries read at a time, relays that one key can name, and conversations with relays at a time.
PAGE, MOST_RELAYS, MOST_CALLS = 50, 10, 64
#: Seconds until a relay is tried again: the first pause and the longest.
SHORTEST, LONGEST = 5.0, 3_600.0
#: Seal and wrap claim to be up to so many seconds older than they are (NIP-59).
BLUR = 172_800


@frozen
class Means:
    """What telling works with; ``written`` is an entry as native clients get it, ``urls`` are this relay's own."""

    log: LogStore
    contacts: ContactStore
    events: EventStore
    publisher: Publisher
    dialler: RemoteDialler
    tools: Tools
    urls: Callable[[], Sequence[str]]
    written: Callable[[Entry], bytes]


@define(eq=False)
class _Route:
    """One relay, and the wallets that are to be told something there."""

    url: str
    wake: Signal
    waiting: set[str] = field(factory=set)
    pause: float = SHORTEST
    task: Task | None = None


class Telling:
    """Whoever is told where, and how far that is; :meth:`load`, then :meth:`start`."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._author = xonly(means.tools.secret).hex()
        self._contacts: dict[str, Contact] = {}
        self._due: set[str] = set()
        self._wake = means.tools.tasks.event()
        self._routes: dict[str, _Route] = {}
        self._calls = 0
        self._task: Task | None = None

    async def load(self) -> None:
        """Who is to be told, and how far they have been."""
        self._contacts = {contact.wallet_id: contact for contact in await self._means.contacts.contacts()}
        self._due.update(self._contacts)

    def start(self) -> None:
        """Begin to tell."""
        self._task = self._means.tools.tasks.start("telling wallets over Nostr", self._run())

    async def stop(self) -> None:
        """End; what was not taken is told the next time."""
        tasks = [route.task for route in self._routes.values()]
        for task in [self._task, *tasks]:
            if task is not None:
                task.cancel()
                await task.wait()

    def check(self, contact: NostrContact) -> None:
        """Problem for a key or an address that is none."""
        if not is_xonly(bytes.fromhex(contact.pubkey)):
            raise invalid("nostr.pubkey", "a public key of the curve", value=contact.pubkey)
        for url in contact.relays:
            if not is_relay_url(url):
                raise invalid("nostr.relays", "wss://host/path or ws://host/path, without credentials")

    async def keep(self, wallet_id: str, contact: NostrContact) -> None:
        """Tell this wallet's owner there from now on."""
        kept = await self._means.contacts.put(wallet_id, contact.pubkey, contact.relays)
        if kept is not None:
            self._contacts[wallet_id] = kept
            self._look(wallet_id)

    def forget(self, wallet_id: str) -> None:
        """This wallet is forgotten."""
        self._contacts.pop(wallet_id, None)
        self._due.discard(wallet_id)
        for route in self._routes.values():
            route.waiting.discard(wallet_id)

    def entered(self, entry: Entry) -> None:
        """Something new is in the log."""
        if entry.topic is Topic.PAYMENTS and entry.wallet_id in self._contacts and is_told(entry.kind):
            self._look(entry.wallet_id)

    def _look(self, wallet_id: str) -> None:
        self._due.add(wallet_id)
        self._wake.set()

    async def _run(self) -> None:
        """Hand each wallet that is due to the routes to its relays."""
        while True:
            while self._due:
                wallet_id = self._due.pop()
                try:
                    await self._assign(wallet_id)
                except Unavailable:
                    self._due.add(wallet_id)
                    await self._means.tools.tasks.sleep(SHORTEST)
            await self._wake.wait()

    async def _assign(self, wallet_id: str) -> None:
        contact = self._contacts.get(wallet_id)
        if contact is None:
            return
        urls = await self._relays(contact)
        first = max(contact.told.values(), default=contact.since)
        new = {url: first for url in urls if url not in contact.told}
        await self._means.contacts.told(wallet_id, new)
        contact.told.update(new)
        for url in urls if self._contacts.get(wallet_id) is contact else ():
            self._send(url, wallet_id)

    async def _relays(self, contact: Contact) -> list[str]:
        """Where a wallet's owner reads: as registered, else by the key's own list, else here."""
        named: Sequence[str] = contact.relays or await self._listed(contact.pubkey) or self._means.urls()[:1]
        return list({normalized_url(url): url for url in named}.values())

    async def _listed(self, pubkey: str) -> list[str]:
        wanted = Filter(kinds=frozenset({kinds.MESSAGE_RELAYS}), authors=frozenset({pubkey}))
        answer = await self._means.events.query(Query((wanted,), default_limit=1))
        found = [url for event in answer.events for url in parse_event(event.json).values("relay")]
        return [url for url in found if is_relay_url(url)][:MOST_RELAYS]

    def _send(self, url: str, wallet_id: str) -> None:
        route = self._routes.get(url)
        if route is None:
            route = self._routes[url] = _Route(url, self._means.tools.tasks.event())
        route.waiting.add(wallet_id)
        if route.task is None:
            route.task = self._means.tools.tasks.start("telling wallets at a relay", self._work(route))

    async def _work(self, route: _Route) -> None:
        """Until all is told there."""
        while route.waiting:
            try:
                done = await self._visit(route)
            except Unavailable as away:
                log.info("{url} takes no notifications: {why}", url=route.url, why=str(away))
                self._means.tools.meter.count(NOSTR_WRAPS, "failed")
                done = False
            if done:
                route.pause = SHORTEST
            else:
                await self._means.tools.tasks.sleep(self._pause(route))
        del self._routes[route.url]

    def _pause(self, route: _Route) -> float:
        """Seconds until the next attempt: more each time, and somewhat by chance."""
        chance = int.from_bytes(self._means.tools.entropy.bytes(4), "big") / 2**32
        pause, route.pause = route.pause, min(route.pause * 2, LONGEST)
        return pause * (0.5 + chance / 2)

    async def _visit(self, route: _Route) -> bool:
        """Tell all that wait what they have not been told; whether all of it was taken. Without news nobody is called."""
        for wallet_id in tuple(route.waiting):
            await self._check(route, wallet_id)
        if not route.waiting:
            return True
        if self._is_own(route.url):
            return await self._tell_all(route, Home(self._means.publisher))
        if self._calls >= MOST_CALLS:
            return False
        self._calls += 1
        try:
            return await self._tell_all(route, Call(route.url, self._means.dialler, self._means.tools))
        finally:
            self._calls -= 1

    async def _check(self, route: _Route, wallet_id: str) -> None:
        """Let a wallet wait no longer that has no news; what comes meanwhile lets it wait again."""
        route.waiting.discard(wallet_id)
        contact = self._contacts.get(wallet_id)
        news = True
        try:
            news = contact is not None and bool(await self._news(contact, route.url, 1))
        finally:
            if news and wallet_id in self._contacts:
                route.waiting.add(wallet_id)

    def _is_own(self, url: str) -> bool:
        return normalized_url(url) in map(normalized_url, self._means.urls())

    async def _tell_all(self, route: _Route, way: Home | Call) -> bool:
        done = True
        async with way:
            for wallet_id in sorted(route.waiting):
                done = await self._try(route, wallet_id, way) and done
        return done

    async def _try(self, route: _Route, wallet_id: str, way: Home | Call) -> bool:
        """Tell one wallet, which waits on unless all of it was taken."""
        route.waiting.discard(wallet_id)
        contact = self._contacts.get(wallet_id)
        told = contact is None
        try:
            if contact is not None:
                told = await self._tell(contact, route.url, way)
        finally:
            if not told and wallet_id in self._contacts:
                route.waiting.add(wallet_id)
        return told

    async def _tell(self, contact: Contact, url: str, way: Home | Call) -> bool:
        """Tell one wallet all that came since; False if the relay wants to be asked later."""
        while True:
            page = await self._news(contact, url, PAGE)
            for entry in page:
                is_meant = entry.wallet_id == contact.wallet_id and is_told(entry.kind)
                if is_meant and not await self._deliver(entry, contact, way):
                    return False
                contact.told[url] = entry.number
                await self._means.contacts.told(contact.wallet_id, {url: entry.number})
            if len(page) < PAGE:
                return True

    async def _news(self, contact: Contact, url: str, most: int) -> list[Entry]:
        """What a relay has not taken yet of a wallet."""
        wallets = frozenset({contact.wallet_id})
        return await self._means.log.read(contact.told[url], frozenset({Topic.PAYMENTS}), wallets, most)

    async def _deliver(self, entry: Entry, contact: Contact, way: Home | Call) -> bool:
        """Whether the relay has taken a notification, or will never."""
        answer = await way.put(await self._wrapped(entry, contact.pubkey))
        if answer.accepted:
            self._means.tools.meter.count(NOSTR_WRAPS, "delivered")
            return True
        if answer.reason.partition(":")[0] in PASSING:
            return False
        self._means.tools.meter.count(NOSTR_WRAPS, "refused")
        log.warn("a relay refuses notifications for good: {reason}", reason=answer.reason[:200])
        return True

    async def _wrapped(self, entry: Entry, recipient: str) -> Event:
        """A notification for one key; the message inside is the same however often it is wrapped."""
        tools = self._means.tools
        text = f"{sentence(entry)}\n\n{self._means.written(entry).decode()}"
        rumor = message(self._author, (recipient,), text, entry.at)
        noise = tools.entropy.bytes(Chance.SIZE + 8)
        now = int(tools.clock.now())
        times = tuple(now - int.from_bytes(part, "big") % BLUR for part in (noise[-8:-4], noise[-4:]))
        chance = Chance.of(noise[: Chance.SIZE])
        return await tools.compute.run(gift_wrap, rumor, tools.secret, recipient, chance, (times[0], times[1]))
