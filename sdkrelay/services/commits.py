"""Writes what other relays give: what comes while something is being written is written together, in one transaction.

A transaction costs a wait for the disk, however many records are in it. And what was begun is finished, whoever waits for it: a
link that ends in the middle must not leave records on the disk that nobody was told of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import define, field

from ..domain.record import Record
from ..ports import Event, Stored, Tasks

#: So many batches are written together.
TOGETHER = 4


@define(eq=False)
class _Batch:
    """Records of one relay, and what became of them."""

    records: Sequence[Record]
    source: str
    done: Event
    stored: list[Stored] = field(factory=list)
    failure: Exception | None = None


class Commits:
    """``write`` keeps records durably; ``tell`` says what that changed, with the relay they came from."""

    def __init__(
        self,
        write: Callable[[Sequence[Record]], Awaitable[list[Stored]]],
        tell: Callable[[Sequence[Stored], str], Awaitable[None]],
        tasks: Tasks,
    ) -> None:
        self._write = write
        self._tell = tell
        self._tasks = tasks
        self._waiting: list[_Batch] = []
        self._is_writing = False

    async def put(self, records: Sequence[Record], source: str) -> list[Stored]:
        """Keep records of the relay ``source``: on the disk and told when this returns. Unavailable if they cannot be kept."""
        batch = _Batch(records, source, self._tasks.event())
        self._waiting.append(batch)
        if not self._is_writing:
            self._is_writing = True
            self._tasks.start("records of other relays", self._write_all())
        await batch.done.wait()
        if batch.failure is not None:
            raise batch.failure
        return batch.stored

    async def _write_all(self) -> None:
        """Until nobody waits."""
        while self._waiting:
            batches, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            try:
                await self._keep(batches)
            except Exception as failure:
                for batch in batches:
                    batch.failure = failure
            for batch in batches:
                batch.done.set()
        self._is_writing = False

    async def _keep(self, batches: Sequence[_Batch]) -> None:
        stored = await self._write([record for batch in batches for record in batch.records])
        for place, batch in enumerate(batches):
            if place:
                await self._tasks.sleep(0)
            batch.stored, stored = stored[: len(batch.records)], stored[len(batch.records) :]
            await self._tell(batch.stored, batch.source)
