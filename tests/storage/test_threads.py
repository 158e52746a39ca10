"""The store's threads: a long read does not keep a write waiting, and none is left behind."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from sqlalchemy import Connection
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from sdkrelay.io.storage import StoreError, ThreadExecutor, open_store
from sdkrelay.io.storage.index import ROWS
from sdkrelay.io.world import running_reactor
from tests.support.stores import CountedEntropy, SetClock, block, chain


def store_threads() -> list[str]:
    """Names of the threads that stores have."""
    return [thread.name for thread in threading.enumerate() if "store-" in thread.name]


class ThreadTests(TestCase):
    """On real threads."""

    async def opened(self, url: str) -> Any:
        """A store with threads of its own."""
        return await open_store(url, partial(ThreadExecutor, running_reactor()), SetClock(), CountedEntropy())

    async def test_a_write_does_not_wait_for_a_long_read(self) -> None:
        """While rows are being read a block is stored; the reader sees one chain as it was, the next reader the new one."""
        store = await self.opened(f"sqlite:///{self.mktemp()}")
        blocks = chain(3)
        await store.index.append_blocks(blocks)
        begun, go_on = threading.Event(), threading.Event()

        def slowly(connection: Connection) -> int:
            rows = connection.execute(ROWS, {"first": 0, "last": 1000})
            begun.set()
            go_on.wait()
            return len(rows.all()) + len(connection.execute(ROWS, {"first": 0, "last": 1000}).all())

        reading = Deferred.fromCoroutine(store._runner.read(slowly))
        begun.wait()
        await store.index.append_block(block(blocks[-1].id), [])
        go_on.set()
        self.assertEqual((await reading, len(await store.index.rows(0, 1000))), (6, 4))
        await store.close()

    async def test_closing_ends_the_threads(self) -> None:
        """A file has two threads while it is open, memory one, and both none afterwards."""
        for url, names in ((f"sqlite:///{self.mktemp()}", 2), ("sqlite://", 1)):
            store = await self.opened(url)
            self.assertEqual(len(store_threads()), names)
            await store.close()
            await store.close()
            self.assertEqual(store_threads(), [])

    async def test_a_refusal_ends_the_threads_and_may_be_tried_again(self) -> None:
        """A store that could not be opened leaves nothing behind."""
        folder = self.mktemp()
        try:
            await self.opened(f"sqlite:///{folder}/relay.sqlite")
        except StoreError:
            self.assertEqual(store_threads(), [])
        else:
            self.fail("a missing folder was taken")

    async def test_what_was_given_before_close_is_done(self) -> None:
        """Writes under way when the store is closed are on the disk."""
        url = f"sqlite:///{self.mktemp()}"
        store = await self.opened(url)
        writing = [Deferred.fromCoroutine(store.index.append_block(new, [])) for new in chain(10)]
        await store.close()
        for write in writing:
            await write
        again = await self.opened(url)
        self.assertEqual(await again.index.totals(), (10, 20))
        await again.close()

    async def test_who_no_longer_waits_does_not_stop_a_write(self) -> None:
        """A cancelled wait ends at once; the write it waited for is whole, and the next one follows it."""
        store = await self.opened(f"sqlite:///{self.mktemp()}")
        first, second = chain(2)
        writing = Deferred.fromCoroutine(store.index.append_block(first, []))
        writing.cancel()
        await self.assertFailure(writing, CancelledError)
        await store.index.append_block(second, [])
        self.assertEqual(await store.index.totals(), (2, 4))
        await store.close()
