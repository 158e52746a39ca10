"""Who asks over HTTP: a conversation of one request, which hears nothing afterwards."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from attrs import define, field

from ...crypto.channel import Channel
from ...domain.access import Approach, Principal
from ...domain.news import News
from ...messages.bulletin import Bulletin
from ...messages.message import Message
from ...ports import Task, Tasks


@define(eq=False)
class HttpCaller:
    """The :class:`~sdkrelay.ports.Caller` of one HTTP request."""

    approach: Approach
    secure: bool
    _tasks: Tasks
    session_id: str = "http"
    greeted: bool = True
    encrypted: bool = False
    wallet_ids: frozenset[str] = frozenset()
    principal: Principal | None = None
    relay_id: str | None = None
    _ends: list[Callable[[], None]] = field(factory=list)
    _beside: list[Task] = field(factory=list)

    def hold(self, wallet_id: str) -> None:
        self.wallet_ids |= {wallet_id}

    def release(self, wallet_id: str) -> None:
        self.wallet_ids -= {wallet_id}

    def identify(self, principal: Principal | None) -> None:
        self.principal = principal

    def greet(self) -> None:
        """Nothing to open: every request stands alone."""

    def speak(self, version: str | None) -> None:
        """HTTP has one version."""

    def encrypt(self, channel: Channel) -> None:
        """Nothing is said after the answer."""

    def become(self, relay_id: str, blame: Callable[[str], None]) -> None:
        """No relay greets another over HTTP."""

    def hang_up(self, reason: str, why: str) -> None:
        """Nothing to close: the answer is the end."""

    def refuse(self, reason: str) -> None:
        """Nothing to close: the answer is the end."""

    def tell(self, message: Message) -> None:
        """Nobody listens after the answer."""

    def push(self, news: News | Bulletin) -> None:
        """Nobody listens after the answer."""

    async def room(self) -> None:
        """There is always room for what nobody hears."""

    def beside(self, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        """Runs until the request is answered."""
        task = self._tasks.start(name, coroutine)
        self._beside.append(task)
        return task

    def at_end(self, action: Callable[[], None]) -> None:
        self._ends.append(action)

    def ended(self) -> None:
        """The request is answered."""
        for task in self._beside:
            task.cancel()
        for action in self._ends:
            action()
