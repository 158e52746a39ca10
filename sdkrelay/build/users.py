"""The users in the database of a relay, for the command line: whether the relay runs or not."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen

from ..config.model import Config
from ..crypto.passwords import SALT_SIZE, hash_password
from ..domain.access import Role, User
from ..io.storage import DatabaseInUse, DatabaseStore, InlineExecutor, StoreError
from ..io.world import SystemClock, SystemEntropy
from ..ports import Unavailable

T = TypeVar("T")


class UsersError(Exception):
    """The users cannot be read or changed; the message says why, in words for an operator."""


@frozen
class Users:
    """The users of one database, changed while it is open; ``relay_runs`` says whether a relay has it open too."""

    _store: DatabaseStore
    relay_runs: bool

    async def add(self, name: str, password: str, role: Role) -> bool:
        """A new user; False if the name is taken."""
        now = int(SystemClock().now())
        return await self._store.access.add_user(User(name, _hashed(password), frozenset({role}), now))

    async def set_password(self, name: str, password: str) -> bool:
        """Another password; False if there is no such user."""
        return await self._store.access.set_password(name, _hashed(password))

    async def remove(self, name: str) -> bool:
        """No user any more; False if there was none."""
        return await self._store.access.remove_user(name)

    async def all(self) -> list[User]:
        """All of them, by name."""
        return await self._store.access.users()


def with_users(config: Config, work: Callable[[Users], Coroutine[Any, Any, T]]) -> T:
    """What ``work`` returns for the users of this relay's database, which is made if it is not there. UsersError if not."""
    try:
        return _finished(_with_users(config, work))
    except (StoreError, Unavailable) as reason:
        raise UsersError(str(reason)) from reason


async def _with_users(config: Config, work: Callable[[Users], Coroutine[Any, Any, T]]) -> T:
    if config.database.url == "sqlite://":
        raise StoreError("the database is in memory and belongs to the relay alone: set database.url to a file")
    Path(config.data_dir).mkdir(parents=True, exist_ok=True, mode=0o700)
    store = DatabaseStore(config.database.url, InlineExecutor, SystemClock(), SystemEntropy())
    relay_runs = False
    try:
        await store.open()
    except DatabaseInUse:
        relay_runs = True
        await store.join()
    try:
        return await work(Users(store, relay_runs))
    finally:
        await store.close()


def _hashed(password: str) -> str:
    return hash_password(password, SystemEntropy().bytes(SALT_SIZE))


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing, as all do whose store works on the calling thread."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    raise RuntimeError("the store waits for something, though it works on the calling thread")
