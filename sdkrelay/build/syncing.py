"""One exchange of Nostr events with another relay while our own does not run: opened, exchanged, closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..config.model import Config
from ..io.masterkey import KeyFileError, signing_key
from ..io.mesh.trust import Trust
from ..io.storage import StoreError
from ..io.storage.engine import DatabaseInUse
from ..io.world import running_reactor
from ..ports import Unavailable
from ..services.nostr.delivery import Call
from ..services.nostr.exchange import Agreement, Exchange, Tally
from .nostr import NostrParts, database_path
from .streaming import phone, tools_of
from .world import World, real_world


class CannotSync(Exception):
    """It could not be done, or not to the end; the message says why."""


def sync(config: Config, agreement: Agreement, tell: Callable[[Tally], None]) -> Tally:
    """Exchange all that one of both relays lacks; ``tell`` hears how far it is. CannotSync, also when interrupted."""
    if database_path(config) is None:
        raise CannotSync("the events of this relay are kept in memory: only while it runs, by [nostr.streams]")
    Path(config.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    reactor = running_reactor()
    results: list[Tally] = []
    failures: list[Failure] = []

    def begin() -> None:
        running = Deferred.fromCoroutine(_sync(config, real_world(reactor), agreement, tell))
        running.addCallbacks(results.append, failures.append)
        running.addBoth(lambda _: reactor.stop() if reactor.running else None)

    reactor.callWhenRunning(begin)
    reactor.run()
    if failures:
        failures[0].raiseException()
    if not results:
        raise CannotSync("it was interrupted; what was exchanged so far is kept")
    return results[0]


async def _sync(config: Config, world: World, agreement: Agreement, tell: Callable[[Tally], None]) -> Tally:
    world.compute.startService()
    nostr = NostrParts(config, world)
    line = phone(config.nostr, world, Trust())
    line.startService()
    try:
        tools = tools_of(world, signing_key(Path(config.data_dir), world.entropy))
        await nostr.open()
        exchange = Exchange(agreement, nostr.store, nostr.publisher, tools)
        exchange.on_progress = tell
        async with Call(agreement.url, line, tools) as call:
            await exchange.settle(call.remote)
        return exchange.tally
    except DatabaseInUse:
        raise CannotSync(_RUNNING.format(url=agreement.url)) from None
    except (Unavailable, StoreError, KeyFileError) as reason:
        raise CannotSync(str(reason)) from None
    finally:
        await nostr.close()
        line.stopService()
        world.compute.stopService()


_RUNNING = (
    "the relay is running: stop it first, or let it exchange events itself, by its settings:\n"
    '[nostr.streams.NAME]\nurl = "{url}"\ndirection = "both"\nfilter = \'{{"kinds": [1]}}\''
)
