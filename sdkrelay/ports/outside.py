"""Time, chance, coroutines and computation, as the services need them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Clock(Protocol):
    """Time, as the reactor has it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


class Entropy(Protocol):
    """Unpredictable bytes."""

    def bytes(self, count: int) -> bytes:
        """``count`` bytes from the operating system's generator."""


class Task(Protocol):
    """A running coroutine with an owner."""

    def cancel(self) -> None:
        """Stop it at its next await; it sees ``Cancelled``."""

    async def wait(self) -> None:
        """Until it has ended, however it ended; never raises."""


class Lock(Protocol):
    """Mutual exclusion between coroutines: ``async with lock:``."""

    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *exc: object) -> None: ...


class Event(Protocol):
    """One coroutine waits, others set."""

    def set(self) -> None:
        """Wake who waits, or the next who does."""

    async def wait(self, timeout: float | None = None) -> bool:
        """True when set (and cleared by this), False after ``timeout`` seconds."""


class Tasks(Protocol):
    """Coroutines beside each other, on the reactor or on a test's clock."""

    def start(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> Task:
        """Run it beside; a failure is logged under ``name``."""

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T]:
        """Await all, in order; the first failure cancels the others and is raised."""

    async def sleep(self, seconds: float) -> None:
        """Come back after that time."""

    def lock(self) -> Lock:
        """A new lock."""

    def event(self) -> Event:
        """A new event, not set."""


class Compute(Protocol):
    """Heavy work away from the reactor: a few threads, one set of native buffers each; inline in tests."""

    @property
    def workers(self) -> int:
        """How many pieces run at the same time."""

    def run(self, function: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        """``function(*arguments)`` on a worker; queued in order, urgent work first is not promised."""


class Document(Protocol):
    """A JSON object too large to be held as a whole."""

    def members(self) -> AsyncIterator[tuple[str, Any]]:
        """Its members from the first on, each time this is called; the items of lists one by one under the list's name.

        Problem VALIDATION_ERROR for what is no JSON object, or holds a single item beyond all bounds.
        """
