"""The Nostr relay, joined: its store, its rules, its conversations; one object that the relay opens and closes."""

from __future__ import annotations

from pathlib import Path

from twisted.web.resource import IResource

from .. import __version__
from ..config.address import parse_address
from ..config.model import Config
from ..config.nostr import Nostr as Settings
from ..config.nostr import by_kind
from ..domain.measure import NOSTR_DATABASE, NOSTR_SUBSCRIPTIONS
from ..domain.networks import Networks
from ..io.nostr.http import HttpHalf, NostrDoor
from ..io.nostr.program import Job, ProgramPolicy
from ..io.storage.nostr import SqliteEventStore
from ..services.nostr.about import About, Card
from ..services.nostr.client import Client
from ..services.nostr.conversation import Conversation, Relay
from ..services.nostr.limits import Features, NostrLimits
from ..services.nostr.lists import Lists
from ..services.nostr.live import Live
from ..services.nostr.manage import Management
from ..services.nostr.publish import Around, Publisher
from ..services.nostr.query import Questions
from ..services.nostr.reconcile import Means
from ..services.nostr.retention import Bounds, Keeper
from ..services.nostr.rules import Rules
from ..session.gate import Allowances
from .relations import own_address
from .world import World

#: Hosts that mean this machine under whatever name.
_EVERYWHERE = ("0.0.0.0", "::", "127.0.0.1", "::1", "localhost")


class NostrParts:
    """What serves Nostr; :meth:`open` first."""

    def __init__(self, config: Config, world: World, own_key: str | None = None) -> None:
        settings = config.nostr
        self.limits, self.features = limits_of(settings, config.limits.websocket_message_bytes), features_of(settings)
        self.urls = own_urls(config)
        self.store = SqliteEventStore(database_path(config), world.executors, world.clock)
        self.lists, self.live = Lists(self.store), Live(world.meter)
        job = Job(settings.write_policy, settings.write_policy_seconds)
        self._policy = ProgramPolicy(world.reactor, job, world.tasks, world.clock) if job.command else None
        rules = Rules(
            lambda: self.limits, self.lists, world.clock, lambda: self.urls, Networks.of(config.limits.exempt)
        )
        self.publisher = Publisher(
            Around(
                self.store, self.live, rules, world.compute, world.tasks, world.clock, world.meter, lambda: self.limits,
                lambda: self.urls, self._policy,
            )
        )  # fmt: skip
        self._relay = self._conversations(config, world)
        self.about = About(
            _card(settings), __version__, own_key, self.lists, lambda: self.limits, lambda: self.features
        )
        self._keeper = Keeper(self.store, _bounds(settings), world.tasks, world.clock)
        self._management = Management(self.store, self.lists, world.clock, settings.admins, self.urls)
        world.meter.follow(NOSTR_SUBSCRIPTIONS, lambda: len(self.live.index))
        world.meter.follow(NOSTR_DATABASE, lambda: self.store.connections)

    def _conversations(self, config: Config, world: World) -> Relay:
        questions = Questions(
            self.store, self.live, world.clock, world.meter, lambda: self.limits, lambda: self.features
        )
        self.means = Means(self.store, world.compute, world.clock, lambda: self.limits, lambda: self.features)
        allowances = Allowances(world.clock, self.limits.requests_per_minute, Networks.of(config.limits.exempt))
        return Relay(
            self.publisher, questions, self.means, allowances, world.tasks, world.clock, world.entropy, world.meter,
            lambda: self.limits, lambda: self.urls, self.lists.is_blocked,
        )  # fmt: skip

    async def open(self) -> None:
        """Open the store, and begin to take events. StoreError says what to do."""
        await self.store.open()
        await self.lists.load()
        self.publisher.start()
        self._keeper.start()

    async def close(self) -> None:
        """Finish what is being stored."""
        await self._keeper.stop()
        await self.publisher.stop()
        if self._policy is not None:
            self._policy.stop()
        await self.store.close()

    def conversation(self, client: Client) -> Conversation:
        """The Nostr half of a connection."""
        return Conversation(self._relay, client)

    def door(self, inner: IResource) -> NostrDoor:
        """The root of the WebSocket port: Nostr's HTTP half before what else it serves."""
        call = self._management.call if self.features.manage else None
        return NostrDoor(HttpHalf(self.about.document, call), inner)


def own_urls(config: Config) -> tuple[str, ...]:
    """What clients may call this relay: the address set, else those under which this machine itself reaches it."""
    if config.nostr.url:
        return (config.nostr.url,)
    own, address = own_address(config), parse_address(config.ws_url)
    if address is None or address.host not in _EVERYWHERE:
        return (own,)
    scheme = own.partition(":")[0]
    return (own, *(f"{scheme}://{host}:{address.port}" for host in ("localhost", "127.0.0.1", "[::1]")))


def _card(settings: Settings) -> Card:
    return Card(
        settings.name, settings.description, settings.icon, settings.banner, settings.pubkey, settings.contact,
        settings.terms_of_service,
    )  # fmt: skip


def _bounds(settings: Settings) -> Bounds:
    return Bounds(by_kind(settings.retention_days), settings.max_bytes, settings.max_events)


def database_path(config: Config) -> Path | None:
    """The file of the events; None for memory, which they share with all else."""
    url = config.nostr.database or ("sqlite://" if config.database.url == "sqlite://" else "")
    if url == "sqlite://":
        return None
    return Path(url.removeprefix("sqlite:///")) if url else Path(config.data_dir) / "nostr.sqlite"


def limits_of(settings: Settings, largest_message: int) -> NostrLimits:
    """The limits that are enforced; ``largest_message`` is what the socket takes, in bytes."""
    return NostrLimits(
        message=min(settings.message_bytes, largest_message),
        subscriptions=settings.subscriptions,
        filters=settings.filters,
        default_limit=min(settings.default_limit, settings.max_limit),
        max_limit=settings.max_limit,
        tags=settings.tags,
        content=settings.content_characters,
        future=settings.future_seconds,
        past=settings.past_seconds or None,
        work=settings.work,
        events_per_minute=settings.events_per_minute,
        key_events_per_minute=settings.key_events_per_minute,
        kind_events_per_minute=by_kind(settings.kind_events_per_minute),
        requests_per_minute=settings.requests_per_minute,
        auth_required=settings.auth_required,
        wraps_need_auth=settings.wraps_need_auth,
        scraper_score=settings.scraper_score,
    )


def features_of(settings: Settings) -> Features:
    """What is switched on."""
    return Features(settings.search, settings.count, settings.reconcile, settings.hints, bool(settings.admins))
