"""One connection's questions one after the other, so that what they hold in memory is that of one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...ports import Lock, Tasks
from .client import Client


class Turns:
    """Whose turn it is; questions that no CLOSE can end are counted, and whoever has ``most`` of them waits in :meth:`room`."""

    def __init__(self, tasks: Tasks, client: Client, most: Callable[[], int]) -> None:
        self.lock: Lock = tasks.lock()
        self._client = client
        self._most = most
        self._running = 0
        self._fewer = tasks.event()

    def start(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it when its turn comes."""
        self._running += 1
        self._client.beside(name, self._one(work))

    async def room(self) -> None:
        """Until fewer are on their way than may be."""
        while self._running >= self._most():
            await self._fewer.wait()

    async def _one(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self.lock:
                await work()
        finally:
            self._running -= 1
            self._fewer.set()
