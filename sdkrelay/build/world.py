"""What one relay has of the outer world, in one value."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from attrs import field, frozen

from ..io.ops.metrics import RegistryMeter
from ..io.storage import Executor, InlineExecutor, ThreadExecutor
from ..io.world import ReactorTasks, SystemClock, SystemEntropy, ThreadCompute
from ..ports import Clock, Entropy, Tasks
from .mechanisms import Mechanisms

T = TypeVar("T")


class StoreThread(ThreadExecutor):
    """A thread of the store; until the reactor runs, nothing else waits, and the work is done at once."""

    def __init__(self, reactor: Any, name: str) -> None:
        super().__init__(reactor, name)
        self._running = lambda: reactor.running

    async def run(self, function: Callable[[], T]) -> T:
        return await super().run(function) if self._running() else function()


@frozen
class World:
    """The outer world of one relay; ``executors`` makes each thread of its store, by name.

    ``mechanisms`` are those that all relays of its mesh work by.
    """

    reactor: Any
    tasks: Tasks
    clock: Clock
    entropy: Entropy
    compute: ThreadCompute
    executors: Callable[[str], Executor] = InlineExecutor
    meter: RegistryMeter = field(factory=RegistryMeter)
    mechanisms: Mechanisms = field(factory=Mechanisms)


def real_world(reactor: Any) -> World:
    """The world as the process has it."""
    return World(
        reactor, ReactorTasks(reactor), SystemClock(), SystemEntropy(), ThreadCompute(reactor), partial(StoreThread, reactor)
    )  # fmt: skip
