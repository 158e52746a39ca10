"""What the relay has to do with other Nostr relays, joined: streams, the mesh's events, and what wallets' owners are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..config.model import Config
from ..config.nostr import Nostr
from ..config.streaming import FilterText, make_wanted
from ..domain.measure import NOSTR_STREAMS
from ..domain.news import News
from ..domain.notification import Entry
from ..domain.position import Position
from ..io.mesh.trust import Trust
from ..io.net.calling import Pauses
from ..io.net.tls import TlsFiles
from ..io.nostr.dialler import NostrPhone
from ..io.storage import DatabaseStore
from ..messages.catalog import Catalog
from ..messages.native.family import REQUESTS as NATIVE
from ..services.hub import Hub
from ..services.mesh.link import Links
from ..services.nostr.carrying import Carrying
from ..services.nostr.client import Origin
from ..services.nostr.exchange import Agreement, Exchange
from ..services.nostr.remote import Tools
from ..services.nostr.stream import Stream
from ..services.nostr.telling import Means, Telling
from ..session.dialects import Native
from .nostr import NostrParts
from .world import World

#: Bytes of a message of another relay: more than any reconciliation's frame, and than an event here may have.
LEAST_MESSAGE = 1_000_000


class Streaming:
    """All conversations in which this relay is the client of another Nostr relay; ``secret`` is its identity key."""

    def __init__(
        self,
        config: Config,
        world: World,
        nostr: NostrParts,
        secret: bytes,
        store: DatabaseStore,
        hub: Hub,
    ) -> None:
        self._config = config
        self._world = world
        self._nostr = nostr
        self._tools = tools_of(world, secret)
        self._phones = [phone(config.nostr, world, Trust())]
        self._streams = [self._stream(one) for one in agreements(config.nostr)]
        self._carrying: Carrying | None = None
        self.telling = self._telling(store, hub) if config.nostr.wraps else None
        world.meter.follow(NOSTR_STREAMS, self._count)

    def carry(self, links: Links) -> None:
        """Let the mesh carry events, where it is to."""
        mesh, tls = self._config.mesh, self._config.tls
        if mesh.nostr != "":
            own = TlsFiles(Path(tls.certificate), Path(tls.key)) if tls.certificate else None
            trust = Trust(Path(mesh.ca_file) if mesh.ca_file else None, own)
            line = phone(self._config.nostr, self._world, trust)
            self._phones.append(line)
            self._carrying = Carrying(links, lambda name, url: self._stream(meshed(name, url, mesh.nostr)), line,
                                      self._world.tasks)  # fmt: skip

    async def load(self) -> None:
        """Learn who is to be told."""
        if self.telling is not None:
            await self.telling.load()

    def start(self) -> None:
        """Dial, and tell."""
        for one in self._phones:
            one.startService()
        for stream in self._streams:
            stream.start(self._phones[0])
        if self._carrying is not None:
            self._carrying.start()
        if self.telling is not None:
            self.telling.start()

    async def stop(self) -> None:
        """Hang up."""
        if self.telling is not None:
            await self.telling.stop()
        if self._carrying is not None:
            await self._carrying.stop()
        for stream in self._streams:
            await stream.stop()
        for one in self._phones:
            if one.running:
                one.stopService()

    def _count(self) -> float:
        carried = self._carrying.streams if self._carrying is not None else []
        return sum(stream.remote is not None for stream in [*self._streams, *carried])

    def _stream(self, agreement: Agreement) -> Stream:
        return make_stream(agreement, self._nostr, self._tools)

    def _telling(self, store: DatabaseStore, hub: Hub) -> Telling:
        settings, nostr = self._config.nostr, self._nostr
        outward = phone(settings, self._world, Trust(), public=not settings.wraps_anywhere)
        self._phones.append(outward)
        means = Means(
            store.log, store.contacts, nostr.store, nostr.publisher, outward, self._tools, lambda: nostr.urls,
            writer(hub),
        )  # fmt: skip
        telling = Telling(means)
        hub.on_entry.append(telling.entered)
        return telling


def writer(hub: Hub) -> Callable[[Entry], bytes]:
    """Notifications as native clients of this relay get them."""
    dialect = Native(Catalog(NATIVE))

    def written(entry: Entry) -> bytes:
        return dialect.news(News(entry, Position.parse(hub.position).log_id))

    return written


def tools_of(world: World, secret: bytes) -> Tools:
    """What conversations with other relays are held with."""
    return Tools(world.tasks, world.clock, world.entropy, world.compute, world.meter, secret)


def phone(settings: Nostr, world: World, trust: Trust, public: bool = False) -> NostrPhone:
    """What dials other relays."""
    most = max(settings.message_bytes, LEAST_MESSAGE)
    return NostrPhone(world.clock, world.entropy, world.reactor, trust, lambda: Pauses(1.0, 60.0), most, public)


def make_stream(agreement: Agreement, nostr: NostrParts, tools: Tools) -> Stream:
    """One stream of a relay."""
    return Stream(Exchange(agreement, nostr.store, nostr.publisher, tools), nostr.live, tools)


def agreements(settings: Nostr) -> list[Agreement]:
    """The streams as the settings have them."""
    return [
        Agreement(name, one.url, make_wanted(one.filter), one.direction != "down", one.direction != "up")
        for name, one in settings.streams.items()
    ]


def meshed(relay_id: str, url: str, wanted: FilterText) -> Agreement:
    """What is exchanged with a relay of the mesh."""
    return Agreement(relay_id, url, make_wanted(wanted), True, True, Origin.MESH)
