"""Coming back anew at an operator's word: answered first, done right after, and once however often it is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import ceil

from ..messages.rest.config import Restart, Restarting
from ..ports import Caller, Entropy, Tasks
from .router import handles

#: Seconds the answer has to get out before the relay begins to end.
HEAD_START = 0.25


class RestartService:
    """Answers ``POST /restart``; ``restart`` is called with the restart's name, ``estimate`` says how many seconds it takes."""

    def __init__(
        self, restart: Callable[[str], Awaitable[None]], estimate: Callable[[], float], entropy: Entropy, tasks: Tasks
    ) -> None:
        self._restart = restart
        self._estimate = estimate
        self._entropy = entropy
        self._tasks = tasks
        self._restart_id = ""

    @handles(Restart)
    async def begin(self, request: Restart, caller: Caller) -> Restarting:
        """Begin a restart, or name the one that has begun."""
        if not self._restart_id:
            self._restart_id = f"restart-{self._entropy.bytes(4).hex()}"
            self._tasks.start("the restart", self._soon(self._restart_id))
        duration = f"{max(1, ceil(self._estimate()))}s"
        return Restarting(status="restarting", estimated_duration=duration, restart_id=self._restart_id)

    async def _soon(self, restart_id: str) -> None:
        await self._tasks.sleep(HEAD_START)
        await self._restart(restart_id)
