"""A scan that runs on the relay: what it finds, as it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from .connection import Connection
from .errors import RelayError

Progress = Callable[[dict[str, Any]], None]


class Scan:
    """``async for transaction in scan`` gives each output found, with its ``address``, as the protocol's FoundTransaction.

    :attr:`progress` is the last ``scan_progress``; ``on_progress`` is called with each. A scan lives as long as its connection:
    NotConnected is raised when that is lost, and the scan is to be asked for again; RelayError when the relay gives it up.
    """

    def __init__(self, connection: Connection, progress: dict[str, Any], on_progress: Progress | None) -> None:
        self.scan_id: str = progress["scan_id"]
        self.progress = progress
        self._connection = connection
        self._names = [progress[name] for name in ("scan_id", "id")]
        self._stream = connection.scan(*self._names)
        self._on_progress = on_progress
        self._found: deque[dict[str, Any]] = deque()
        self._done = False

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not self._found:
            if self._done:
                self._connection.forget(*self._names)
                raise StopAsyncIteration
            self._take(await self._stream.next())
        return self._found.popleft()

    async def results(self) -> list[dict[str, Any]]:
        """All that it finds, at once."""
        return [transaction async for transaction in self]

    async def cancel(self) -> None:
        """Stop it; the iteration ends."""
        self._done = True
        self._found.clear()
        try:
            self.progress = await self._connection.request("scan_cancel", scan_id=self.scan_id)
        finally:
            self._connection.forget(*self._names)

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "scan_progress":
            self.progress = message
            self._done = bool(message.get("cancelled"))
            if self._on_progress is not None:
                self._on_progress(message)
            return
        if message["type"] == "error":
            self._connection.forget(*self._names)
            raise RelayError.of(message)
        for result in message.get("results", ()):
            self._found.extend({"address": result["address"], **found} for found in result["transactions"])
        self._done = not message.get("more")
