"""The outer world of one simulated relay: its wrong clock, its seeded chance, work done at once, and transactions that may kill."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from attrs import define, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from sdkrelay.build.world import World
from sdkrelay.io.world import ReactorTasks

from .host import Host

T = TypeVar("T")

#: When every simulation begins, in seconds since the epoch.
EPOCH = 1_700_000_000.0


@define(eq=False)
class SkewedClock:
    """The clocks of a machine: the wall's is wrong by ``skew`` seconds."""

    reactor: IReactorTime
    skew: float = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as this machine believes."""
        return EPOCH + self.reactor.seconds() + self.skew

    def monotonic(self) -> float:
        """Seconds since the simulation began."""
        now: float = self.reactor.seconds()
        return now


@frozen
class SeededEntropy:
    """Bytes that the seed decides."""

    source: random.Random

    def bytes(self, count: int) -> bytes:
        """``count`` bytes."""
        return self.source.randbytes(count)


class ComputeAtOnce(Service):
    """Heavy work, done by the caller."""

    workers = 1

    def run(self, function: Callable[..., T], *arguments: Any) -> Deferred[T]:
        """``function(*arguments)``."""
        try:
            return succeed(function(*arguments))
        except Exception:
            return fail()


@define(eq=False)
class Fate:
    """When a process dies: at a transaction to come, before its commit or after it. ``on_death`` is called once.

    ``commits`` counts the transactions of all its lives.
    """

    on_death: Callable[[], None]
    commits: int = 0
    dead: bool = False
    _left: int | None = None
    _after: bool = False

    def strike(self, left: int, after: bool) -> None:
        """Die when so many more transactions are done; the last one is committed, or not."""
        self._left, self._after = left, after

    def spare(self) -> None:
        """Live on."""
        self._left = None

    def run(self, transaction: Callable[[], T]) -> T | None:
        """The transaction, unless this is the end: None then."""
        strikes = self._left == 0
        if strikes and not self._after:
            self.die()
            return None
        result = transaction()
        self.commits += 1
        self._left = None if self._left is None else self._left - 1
        if strikes:
            self.die()
            return None
        return result

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let what is left of the dead do a last thing."""
        self.dead, self._left = False, None
        yield
        self.dead = True

    def die(self) -> None:
        """Now."""
        if not self.dead:
            self.dead = True
            self.on_death()


class MortalExecutor:
    """The thread of a store that may die in its work: whoever waits for it then waits for ever."""

    def __init__(self, name: str, fate: Fate) -> None:
        self._writes = name == "store-writer"
        self._fate = fate
        self._opened = False

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""

    async def run(self, function: Callable[[], T]) -> T:
        """``function()``, now; the first of a writer opens the database and is no transaction."""
        fate, opening = self._fate, not self._opened
        self._opened = True
        if fate.dead:
            await Deferred()
        if opening or not self._writes:
            return function()
        result: Any = fate.run(function)
        if fate.dead:
            await Deferred()
        return result


@define(eq=False)
class Life:
    """One life of a process: its host, its fate, and its world."""

    host: Host
    fate: Fate
    world: World = field(init=False)

    @classmethod
    def begin(cls, host: Host, clock: SkewedClock, source: random.Random, on_death: Callable[[], None]) -> Life:
        """A process that has just started."""
        life = cls(host, Fate(on_death))
        compute: Any = ComputeAtOnce()
        life.world = World(
            host, ReactorTasks(host), clock, SeededEntropy(source), compute, lambda name: MortalExecutor(name, life.fate)
        )  # fmt: skip
        return life
