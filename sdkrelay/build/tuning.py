"""What can be changed while the relay runs, joined to the parts that take the change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.logger import ILogFilterPredicate

from ..config.model import Config
from ..config.sources import Sources
from ..config.tuning import Fallback
from ..io.bitcoind.absent import AbsentNode
from ..io.bitcoind.node import BitcoinNode
from ..io.bitcoind.pool import PoolLimits
from ..io.bitcoind.retry import RetryLimits
from ..io.cache import BoundedCache, CacheLimits
from ..ports import Clock, Hint, Meter
from ..services.configuration import ConfigurationService, Kept
from ..services.handshake import Identity
from ..services.restart import RestartService
from ..services.settings import Live
from .world import World

#: Read from the settings in force each time they are needed, by whoever shows or uses them.
READ_EACH_TIME = (
    "fallback", "relay_info", "bitcoin_core.wallet", "sync.interval", "sync.health_interval", "mesh.backoff_ms",
    "mesh.max_backoff_ms", "mesh.max_links", "mesh.certificates",
)  # fmt: skip


@frozen
class Operation:
    """What the process around the relay gives it: where its settings came from, and how to come back after a restart."""

    sources: Sources
    kept: Mapping[str, Any]
    write: Callable[[str], Awaitable[None]]
    restart: Callable[[str], Awaitable[None]]
    estimate: Callable[[], float]
    verbose: Callable[[Config], None]
    levels: ILogFilterPredicate


class Tuning:
    """The settings in force, and the cache and the services that hang on them."""

    def __init__(self, config: Config, world: World, operation: Operation) -> None:
        self._world = world
        self._operation = operation
        self.live = live = Live(config)
        self.cache = make_cache(config, world.clock, world.meter)
        live.reads((*READ_EACH_TIME, "sync.metrics_interval"))
        live.subscribe(("cache",), lambda now: self.cache.resize(cache_limits(now)))
        live.subscribe(("logging.level", "logging.levels", "dev_mode"), operation.verbose)

    def wallet(self) -> str:
        """The name of bitcoind's wallet that operators are shown, empty for none."""
        return self.live.config.bitcoin_core.wallet

    def fallback(self) -> Fallback:
        """The relays that clients may turn to."""
        return self.live.config.fallback

    def introduction(self) -> list[str]:
        """What the relay says of itself to people, in lines."""
        info = self.live.config.relay_info
        lines = {"": info.name, "About: ": info.description, "Contact: ": info.contact, "Public key: ": info.pubkey}
        return [word + " ".join(line.split()) for word, line in lines.items() if line.strip()]

    def follow(self, chain: BitcoinNode | AbsentNode) -> None:
        """Let the node take changes of its pool and its attempts."""
        self.live.subscribe(("pool", "retry"), lambda now: chain.tune(pool_limits(now), retry_limits(now)))

    def services(self, identity: Identity, identity_key: Callable[[], str | None]) -> list[object]:
        """Who answers for the settings and the restart."""
        operation, world = self._operation, self._world
        kept = Kept(operation.sources, operation.kept, operation.write)
        configuration = ConfigurationService(identity, self.live, kept, world.tasks, identity_key)
        return [configuration, RestartService(operation.restart, operation.estimate, world.entropy, world.tasks)]


def both(first: Callable[[Hint], None], second: Callable[[Hint], None]) -> Callable[[Hint], None]:
    """Tell two of the node's hints, one after the other."""

    def tell(hint: Hint) -> None:
        first(hint)
        second(hint)

    return tell


def make_cache(config: Config, clock: Clock, meter: Meter) -> BoundedCache:
    """The configured cache, empty."""
    return BoundedCache(clock, cache_limits(config), meter)


def cache_limits(config: Config) -> CacheLimits:
    """The section ``cache`` in bytes and seconds."""
    cache = config.cache
    return CacheLimits(cache.max_size_mb * 1_000_000, cache.ttl_seconds, cache.eviction_policy)


def pool_limits(config: Config) -> PoolLimits:
    """The section ``pool`` in seconds."""
    pool = config.pool
    return PoolLimits(pool.max_connections, pool.min_connections, pool.connection_timeout_ms / 1000)


def retry_limits(config: Config) -> RetryLimits:
    """The section ``retry`` in seconds."""
    retry = config.retry
    return RetryLimits(retry.max_attempts, retry.backoff_ms / 1000, retry.max_backoff_ms / 1000)
