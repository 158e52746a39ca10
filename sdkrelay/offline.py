"""What an operator does to a relay's database while no relay runs on it; the database's lock sees to that.

It is synchronous: the store works on the calling thread, and there is no reactor.
"""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .config.model import Config
from .io.storage import DatabaseStore, Forgotten, InlineExecutor, StoreError
from .io.world import SystemClock, SystemEntropy
from .ports import Unavailable

T = TypeVar("T")


class CannotDo(Exception):
    """It cannot be done; the message says why and what to do about it. Nothing was changed."""


def forget_index(config: Config) -> Forgotten:
    """Remove the index, so that the next start makes it anew. CannotDo if there is none, or a relay is running."""
    path = config.database.url.removeprefix("sqlite:///")
    if path == config.database.url or not Path(path).is_file():
        raise CannotDo(f"there is no database at {config.database.url}: nothing to do")
    try:
        return _result(_forget_index(config.database.url))
    except (StoreError, Unavailable) as reason:
        raise CannotDo(str(reason)) from reason


async def _forget_index(url: str) -> Forgotten:
    store = DatabaseStore(url, InlineExecutor, SystemClock(), SystemEntropy())
    await store.open()
    try:
        return await store.forget_index()
    finally:
        await store.close()


def _result(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine that has nothing to wait for returns or raises."""
    results: list[T] = []
    failures: list[Failure] = []
    Deferred.fromCoroutine(work).addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    return results[0]
