"""Every kind of store of Nostr events is put through one suite: in memory, in a file, in a file on its own threads."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from sdkrelay.io.storage import InlineExecutor, ThreadExecutor
from sdkrelay.io.world import running_reactor
from tests.storage.event_contract import AskingContract, ForgettingContract, KeepingContract


class InMemory:
    """A store in memory on the calling thread."""

    def path(self) -> Path | None:
        """No file."""
        return None

    def executors(self) -> Any:
        """The calling thread."""
        return InlineExecutor


class InFile(InMemory):
    """A store in a file on the calling thread."""

    def path(self) -> Path | None:
        """A new file."""
        return Path(self.mktemp()).absolute()  # type: ignore[attr-defined]


class InFileOnThreads(InFile):
    """A store in a file as the relay runs it."""

    def executors(self) -> Any:
        """The store's own threads."""
        return partial(ThreadExecutor, running_reactor())


class MemoryKeepingTests(InMemory, KeepingContract, TestCase):
    """Keeping in memory."""


class MemoryForgettingTests(InMemory, ForgettingContract, TestCase):
    """Forgetting in memory."""


class MemoryAskingTests(InMemory, AskingContract, TestCase):
    """Asking in memory."""


class FileKeepingTests(InFile, KeepingContract, TestCase):
    """Keeping in a file."""


class FileForgettingTests(InFile, ForgettingContract, TestCase):
    """Forgetting in a file."""


class FileAskingTests(InFile, AskingContract, TestCase):
    """Asking in a file."""


class ThreadKeepingTests(InFileOnThreads, KeepingContract, TestCase):
    """Keeping in a file on the store's threads."""


class ThreadForgettingTests(InFileOnThreads, ForgettingContract, TestCase):
    """Forgetting in a file on the store's threads."""


class ThreadAskingTests(InFileOnThreads, AskingContract, TestCase):
    """Asking in a file on the store's threads."""
