"""What runs beside a conversation: it begins when the answer in hand was given, and ends with the conversation."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from ..ports import Event, Task, Tasks


class Beside:
    """The coroutines of one conversation."""

    __slots__ = ("_running", "_tasks", "_waiting")

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._running: set[Task] = set()
        self._waiting: list[Event] = []

    def start(self, name: str, coroutine: Coroutine[Any, Any, None], answering: bool, ended: bool) -> Task:
        """Run it: at once, or when what is being answered was; not at all once the conversation has ended."""
        answered = self._tasks.event() if answering or ended else None
        if answered is not None:
            self._waiting.append(answered)
        task = self._tasks.start(name, _after(answered, coroutine))
        self._running.add(task)
        self._tasks.start(name, self._forget_when_done(task))
        if ended:
            task.cancel()
        return task

    def answered(self) -> None:
        """The answer was given: what waited for it begins."""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            event.set()

    def end(self) -> None:
        """The conversation has ended."""
        for task in tuple(self._running):
            task.cancel()

    async def _forget_when_done(self, task: Task) -> None:
        await task.wait()
        self._running.discard(task)


async def _after(event: Event | None, coroutine: Coroutine[Any, Any, None]) -> None:
    """Run the coroutine once the event is set; close it if it never comes to that."""
    try:
        if event is not None:
            await event.wait()
        await coroutine
    finally:
        coroutine.close()
