"""Ending the process so that it begins anew, and knowing how long that takes: the last one is measured.

A restart leaves a fact in the store when it begins; the relay that comes back finds it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]
from twisted.logger import Logger

from ..command import CommandLine
from ..io.storage import DatabaseStore
from ..ports import Clock

log = Logger()

_BEGUN, _TOOK = "restart_begun", "restart_took"


class _Begun(msgspec.Struct, frozen=True):
    """A restart that has begun: its name, and when (seconds since the epoch)."""

    restart_id: str
    at: float


class Restarter:
    """Restarts of one relay. ``seconds`` is how long the last one took, or the start if there was none."""

    def __init__(self, reactor: Any, clock: Clock, store: DatabaseStore, command: CommandLine) -> None:
        self._reactor = reactor
        self._clock = clock
        self._store = store
        self._command = command
        self.seconds = 0.0

    async def has_started(self) -> None:
        """The relay serves: note how long that took."""
        began, took = await self._store.meta(_BEGUN), await self._store.meta(_TOOK)
        if began:
            begun = msgspec.json.decode(began, type=_Begun)
            self.seconds = max(0.0, self._clock.now() - begun.at)
            log.info("back after {restart}, which took {seconds:.1f} s", restart=begun.restart_id, seconds=self.seconds)
            await self._store.set_meta(_BEGUN, "")
            await self._store.set_meta(_TOOK, str(self.seconds))
        else:
            self.seconds = float(took) if took else max(0.0, self._clock.now() - psutil.Process().create_time())

    async def begin(self, restart_id: str) -> None:
        """Stop the reactor, and with it everything, and become the same program when all has ended."""
        log.info("{restart} begins", restart=restart_id)
        begun = _Begun(restart_id, self._clock.now())
        await self._store.set_meta(_BEGUN, msgspec.json.encode(begun).decode())
        self._reactor.addSystemEventTrigger("after", "shutdown", self._command.run_again)
        self._reactor.stop()
