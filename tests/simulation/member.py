"""One relay of the simulation through all its lives: the same file and the same place in the network, another process each time."""

from __future__ import annotations

import atexit
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar

from attrs import define, frozen
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from sdkrelay.build.relay import Relay
from sdkrelay.config.alerting import Alerts
from sdkrelay.config.model import Config, Database, Sync
from sdkrelay.config.nostr import Nostr
from sdkrelay.config.resolve import resolve
from sdkrelay.crypto.seal import token_hash
from sdkrelay.domain.access import AccessToken, Role, User
from sdkrelay.io.storage.access import DatabaseAccess
from sdkrelay.io.storage.engine import engine_for
from sdkrelay.io.storage.runner import InlineExecutor, Runner
from sdkrelay.io.storage.upgrade import upgrade
from sdkrelay.services.mesh.link import Link

from .host import Host
from .network import Network
from .world import Life, SkewedClock

#: Makes one relay: settings and world in, the service out.
RelayMaker = Callable[..., Relay]
#: Who leaves messages with every relay as the same author, and the token that shows it.
AUTHOR, TOKEN = "anna", "simulated-token-of-anna"

T = TypeVar("T")


@frozen
class Kept:
    """A record as it lies in a database."""

    record_id: bytes
    author: str
    message_id: str
    content: bytes
    hlc: int
    expires_at: int

    @property
    def text(self) -> str:
        """What the client said."""
        said: str = json.loads(self.content)["text"]
        return said


@define(eq=False)
class Member:
    """A relay: its number, its folder and settings, and the wrong clock of its machine."""

    number: int
    network: Network
    folder: Path
    settings: Config
    clock: SkewedClock
    source: random.Random
    make: RelayMaker
    on_death: Callable[[Member], None]
    relay: Any = None
    life: Any = None
    deaths: int = 0
    down: float = 1.0

    @property
    def address(self) -> str:
        """Where it is in the network."""
        return address_of(self.number)

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.life is not None and not self.life.fate.dead

    @property
    def file(self) -> Path:
        """Its database."""
        return self.folder / "sdkrelay.sqlite"

    @property
    def links(self) -> tuple[Link, ...]:
        """Its links to other relays."""
        found: tuple[Link, ...] = self.relay._parts.relations.mesh.links.all()
        return found

    def start(self) -> None:
        """Begin a life. It may end in the middle of this."""
        host = Host(self.network, self.address)
        self.life = Life.begin(host, self.clock, self.source, self._died)
        self.relay = self.make(self.settings, world=self.life.world)
        self.relay.startService()

    def strike(self, left: int, after: bool) -> None:
        """Let it die at a transaction to come."""
        if self.alive:
            self.life.fate.strike(left, after)

    def spare(self) -> None:
        """Let it live on."""
        if self.alive:
            self.life.fate.spare()

    def kill(self) -> None:
        """Let it die now."""
        if self.alive:
            self.life.fate.die()

    def records(self) -> list[Kept]:
        """All records in its database, read past the relay."""
        with closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT record_id, author, message_id, content, hlc, expires_at FROM record")
            return [Kept(*row) for row in rows]

    def bury(self) -> None:
        """Take apart what a dead process leaves in this one: its observers, and its hold on the file."""
        relay, self.relay = self.relay, None
        if relay is not None:
            MultiService.stopService(relay)
            with self.life.fate.suspended():
                Deferred.fromCoroutine(relay._store.close())

    def _died(self) -> None:
        self.deaths += 1
        self.life.host.die()
        self.on_death(self)


def address_of(number: int) -> str:
    """The address of the relay of this number."""
    return f"10.0.0.{number + 1}"


def folder_for(parent: Path, number: int) -> Path:
    """A data folder with an empty database of today's form."""
    folder = parent / f"relay-{number}"
    folder.mkdir()
    shutil.copy(_template(), folder / "sdkrelay.sqlite")
    return folder


def settings_for(number: int, folder: Path, **sections: Any) -> Config:
    """The settings of a relay that stands alone but for other relays: it says seldom how it is, and speaks no Nostr."""
    config = Config(
        relay_id=f"relay-{number}",
        standalone=True,
        data_dir=str(folder),
        ws_url="0.0.0.0:8090",
        http_url="0.0.0.0:8090",
        alerts=Alerts(interval=60),
        nostr=Nostr(enabled=False),
        sync=Sync(interval=60, health_interval=300, metrics_interval=600),
        database=Database(url=f"sqlite:///{folder}/sdkrelay.sqlite"),
        **sections,
    )
    return resolve(config, {}, str(folder))


def scratch() -> Path:
    """A new temporary folder, in memory where the system has such a place."""
    memory = Path("/dev/shm")
    return Path(mkdtemp(prefix="sdkrelay-simulation-", dir=memory if memory.is_dir() else None))


@cache
def _template() -> Path:
    """A database as the first start makes it, without what makes it one relay's; made once a process."""
    path = scratch() / "template.sqlite"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    runner = Runner(engine_for(f"sqlite:///{path}"), InlineExecutor)
    finished(runner.open(upgrade))
    access = DatabaseAccess(runner)
    finished(access.add_user(User(AUTHOR, "no password", frozenset({Role.READER}), 0)))
    finished(access.issue(AccessToken(token_hash(TOKEN), AUTHOR, frozenset({Role.READER}), 0, 10**10)))
    finished(runner.close())
    return path


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing."""
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    found: T = result
    return found
