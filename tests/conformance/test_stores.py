"""Every kind of store is put through one suite: in memory, in a file on the calling thread, in a file on its own threads."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sdkrelay.io.storage import InlineExecutor, ThreadExecutor
from sdkrelay.io.world import running_reactor
from tests.storage.access_contract import AccessContract
from tests.storage.contact_contract import ContactContract
from tests.storage.contract import IndexContract, LogContract, StoreCase, WalletContract, WholeContract
from tests.storage.model import ACTIONS, play
from tests.storage.payments_contract import PaymentContract
from tests.storage.record_contract import RecordContract
from tests.storage.settling import SettlingContract
from tests.support.stores import now, opened

#: What to do and a number that says with what.
STEPS = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 1000)), max_size=30)


class InMemory:
    """A store in memory on the calling thread."""

    def url(self) -> str:
        """Memory."""
        return "sqlite://"

    def executors(self) -> Any:
        """The calling thread."""
        return InlineExecutor


class InFile(InMemory):
    """A store in a file on the calling thread."""

    def url(self) -> str:
        """A new file."""
        path: str = self.mktemp()  # type: ignore[attr-defined]
        return f"sqlite:///{path}"


class InFileOnThread(InFile):
    """A store in a file as the relay runs it."""

    def executors(self) -> Any:
        """The store's own threads."""
        return partial(ThreadExecutor, running_reactor())


class RandomStepsTests(SynchronousTestCase):
    """Any sequence of steps leaves a store as it leaves a plain model of it."""

    @settings(deadline=None, max_examples=60)
    @given(STEPS)
    def test_in_memory(self, steps: list[tuple[str, int]]) -> None:
        """A store in memory agrees with the model after every step."""
        store = now(opened())
        now(play(store, steps))
        now(store.close())

    @settings(deadline=None, max_examples=20)
    @given(STEPS)
    def test_in_a_file(self, steps: list[tuple[str, int]]) -> None:
        """A store in a file agrees with the model after every step."""
        store = now(opened(f"sqlite:///{self.mktemp()}"))
        now(play(store, steps))
        now(store.close())


class RandomStepsOnThreadTests(InFileOnThread, StoreCase, TestCase):
    """The same on the store's own threads, with steps from a fixed seed."""

    async def test_on_threads(self) -> None:
        """A store on its threads agrees with the model after each of many steps."""
        chance = random.Random(352)
        steps = [(chance.choice(ACTIONS), chance.randrange(1000)) for _ in range(150)]
        await play(await self.opened(), steps)


class MemoryIndexTests(InMemory, IndexContract, TestCase):
    """The index in memory."""


class MemoryWalletTests(InMemory, WalletContract, TestCase):
    """Wallets in memory."""


class MemorySettlingTests(InMemory, SettlingContract, TestCase):
    """Settlements in memory."""


class MemoryLogTests(InMemory, LogContract, TestCase):
    """The log in memory."""


class MemoryWholeTests(InMemory, WholeContract, TestCase):
    """The store in memory."""


class FileIndexTests(InFile, IndexContract, TestCase):
    """The index in a file."""


class FileWalletTests(InFile, WalletContract, TestCase):
    """Wallets in a file."""


class FileSettlingTests(InFile, SettlingContract, TestCase):
    """Settlements in a file."""


class FileLogTests(InFile, LogContract, TestCase):
    """The log in a file."""


class FileWholeTests(InFile, WholeContract, TestCase):
    """The store in a file."""


class ThreadIndexTests(InFileOnThread, IndexContract, TestCase):
    """The index in a file on its own thread."""


class ThreadWalletTests(InFileOnThread, WalletContract, TestCase):
    """Wallets in a file on the store's thread."""


class ThreadSettlingTests(InFileOnThread, SettlingContract, TestCase):
    """Settlements in a file on the store's thread."""


class ThreadLogTests(InFileOnThread, LogContract, TestCase):
    """The log in a file on the store's thread."""


class ThreadWholeTests(InFileOnThread, WholeContract, TestCase):
    """The store in a file on its own thread."""


class MemoryAccessTests(InMemory, AccessContract, TestCase):
    """Users and tokens in memory."""


class FileAccessTests(InFile, AccessContract, TestCase):
    """Users and tokens in a file."""


class ThreadAccessTests(InFileOnThread, AccessContract, TestCase):
    """Users and tokens in a file on the store's thread."""


class MemoryPaymentTests(InMemory, PaymentContract, TestCase):
    """Expected payments in memory."""


class FilePaymentTests(InFile, PaymentContract, TestCase):
    """Expected payments in a file."""


class ThreadPaymentTests(InFileOnThread, PaymentContract, TestCase):
    """Expected payments in a file on the store's thread."""


class MemoryRecordTests(InMemory, RecordContract, TestCase):
    """Records in memory."""


class FileRecordTests(InFile, RecordContract, TestCase):
    """Records in a file."""


class ThreadRecordTests(InFileOnThread, RecordContract, TestCase):
    """Records in a file on the store's thread."""


class MemoryContactTests(InMemory, ContactContract, TestCase):
    """Contacts of wallets in memory."""


class FileContactTests(InFile, ContactContract, TestCase):
    """Contacts of wallets in a file."""


class ThreadContactTests(InFileOnThread, ContactContract, TestCase):
    """Contacts of wallets in a file on the store's threads."""
