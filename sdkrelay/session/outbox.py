"""What waits to be sent to one client: bounded, so that whoever reads slowly harms only itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import frozen

from ..domain.position import Position
from ..ports import Clock, Event, Tasks


@frozen
class Patience:
    """When a client is too slow: this many unsent bytes, or this many seconds without progress."""

    backlog_bytes: int = 8_000_000
    stalled_seconds: float = 60.0


class Outbox:
    """Payloads in order. While the transport wants no more they wait; ``position`` is that of the last news sent."""

    def __init__(self, send: Callable[[bytes], None], clock: Clock, tasks: Tasks, patience: Patience) -> None:
        self._send = send
        self._clock = clock
        self._tasks = tasks
        self._patience = patience
        # Made when something has to wait: most clients always take what there is.
        self._waiting: deque[tuple[bytes, Position | None]] | None = None
        self._bytes = 0
        self._paused_since: float | None = None
        self._roomy: list[Event] = []
        self.position: Position | None = None
        #: Whether what is put now goes out at once.
        self.idle = True

    def put(self, payload: bytes, position: Position | None = None) -> None:
        """Send a payload, or let it wait its turn."""
        if self.idle:
            self.position = position or self.position
            self._send(payload)
            return
        waiting = self._waiting = deque() if self._waiting is None else self._waiting
        waiting.append((payload, position))
        self._bytes += len(payload)
        self._flow()

    def pause(self) -> None:
        """The transport wants no more for now."""
        self.idle = False
        if self._paused_since is None:
            self._paused_since = self._clock.monotonic()

    def resume(self) -> None:
        """The transport takes more."""
        self._paused_since = None
        self._flow()

    def clear(self) -> None:
        """Forget what waits, and let nobody wait for room."""
        self._waiting = None
        self._bytes = 0
        self._wake()

    @property
    def waiting_bytes(self) -> int:
        """How much waits to be sent."""
        return self._bytes

    async def room(self) -> None:
        """Until everything put so far has gone to the transport, or was forgotten."""
        if self._waiting:
            event = self._tasks.event()
            self._roomy.append(event)
            await event.wait()

    def too_slow(self) -> bool:
        """Whether patience with this client has ended."""
        since = self._paused_since
        stalled = since is not None and self._clock.monotonic() - since >= self._patience.stalled_seconds
        return stalled or self._bytes > self._patience.backlog_bytes

    def _flow(self) -> None:
        while self._waiting and self._paused_since is None:
            payload, position = self._waiting.popleft()
            self._bytes -= len(payload)
            self.position = position or self.position
            self._send(payload)
        self.idle = self._paused_since is None
        if not self._waiting:
            self._wake()

    def _wake(self) -> None:
        roomy, self._roomy = self._roomy, []
        for event in roomy:
            event.set()
