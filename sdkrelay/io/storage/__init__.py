"""Keeps the index, the wallets, the log and the users in one database behind the store ports.

Every port method is one transaction, run whole on the store's own thread: what it returns is on the disk, and when it raises
nothing of it is.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy
from attrs import frozen

from ...ports import Clock, Entropy, Meter
from . import facts, index, wallets
from .access import DatabaseAccess
from .contacts import DatabaseContacts
from .engine import DatabaseInUse, StoreError, engine_for
from .index import DatabaseIndex
from .log import LOG_ID, DatabaseLog
from .payments import DatabasePayments
from .records import DatabaseRecords
from .runner import Executor, InlineExecutor, Runner, ThreadExecutor
from .upgrade import require_current, upgrade
from .wallets import Changes, DatabaseWallets

__all__ = [
    "DatabaseInUse",
    "DatabaseStore",
    "Executor",
    "Forgotten",
    "InlineExecutor",
    "StoreError",
    "ThreadExecutor",
    "open_store",
]


@frozen
class Forgotten:
    """What :meth:`DatabaseStore.forget_index` removed, and how many wallets begin again."""

    blocks: int
    tweaks: int
    wallets: int


class DatabaseStore:
    """The ``Store`` over one database; touches nothing before :meth:`open`, so it can be made before a daemon forks."""

    def __init__(
        self,
        url: str,
        executors: Callable[[str], Executor],
        clock: Clock,
        entropy: Entropy,
        meter: Meter | None = None,
    ) -> None:
        self._runner = Runner(engine_for(url), executors, meter, clock.monotonic)
        self._entropy = entropy
        changes = Changes(self._runner.engine)
        self.index = DatabaseIndex(self._runner, changes, clock.now)
        self.wallets = DatabaseWallets(self._runner, changes, clock.now)
        self.log = DatabaseLog(self._runner, clock.now)
        self.access = DatabaseAccess(self._runner)
        self.payments = DatabasePayments(self._runner, clock.now)
        self.records = DatabaseRecords(self._runner)
        self.contacts = DatabaseContacts(self._runner)

    async def open(self) -> None:
        """Claim the database, bring its schema up to date. StoreError says what to do; ``Unavailable`` may pass by itself."""
        await self._runner.open(self._prepare)

    async def join(self) -> None:
        """Connect beside the relay that runs on the database, for a short change. StoreError as :meth:`open` raises it."""
        await self._runner.join(require_current)

    def _prepare(self, database: sqlalchemy.Engine) -> None:
        upgrade(database)
        with database.begin() as connection:
            if facts.get_fact(connection, LOG_ID) is None:
                facts.set_fact(connection, LOG_ID, self._entropy.bytes(8).hex())

    async def meta(self, key: str) -> str | None:
        """A small fact kept with the data."""
        return await self._runner.read(lambda connection: facts.get_fact(connection, key))

    async def set_meta(self, key: str, value: str) -> None:
        """Keep a small fact."""
        await self._runner.write(lambda connection: facts.set_fact(connection, key, value))

    async def forget_index(self) -> Forgotten:
        """Forget all blocks, and take every wallet back to its birthday; wallets, tokens, outputs and the log stay."""
        return await self._runner.write(
            lambda connection: Forgotten(*index.forget_all(connection), wallets.begin_again(connection))
        )

    def condition(self) -> str | None:
        """None while writes succeed, else why the last one failed, in words for an operator."""
        return self._runner.condition()

    async def close(self) -> None:
        """Finish what is under way and close; whatever is called afterwards raises ``Unavailable``."""
        await self._runner.close()


async def open_store(url: str, executors: Callable[[str], Executor], clock: Clock, entropy: Entropy) -> DatabaseStore:
    """The store at ``sqlite:///path`` or in memory at ``sqlite://``, opened.

    ``executors`` makes each of its threads by name: ``partial(ThreadExecutor, reactor)``, or ``InlineExecutor`` to stay on the
    calling thread. Raises StoreError.
    """
    store = DatabaseStore(url, executors, clock, entropy)
    await store.open()
    return store
