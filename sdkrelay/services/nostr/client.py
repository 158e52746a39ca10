"""Who is at the other end of a Nostr conversation, and where an event came from, as the services see it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from typing import Any, Protocol

from attrs import frozen

from ...domain.access import Approach
from ...ports import Task


class Client(Protocol):
    """One open conversation, as its Nostr half uses it; a :class:`~sdkrelay.ports.Caller` can be one."""

    @property
    def session_id(self) -> str:
        """A name that no other conversation has."""

    @property
    def approach(self) -> Approach:
        """How it came."""

    def say(self, frames: Sequence[bytes]) -> None:
        """Send these text frames, in one write where that is possible; without effect once the conversation has ended."""

    async def room(self) -> None:
        """Until the other side has taken most of what it was told."""

    def beside(self, name: str, coroutine: Coroutine[Any, Any, None]) -> Task:
        """Run it once the present frame is dealt with; cancelled when the conversation ends."""

    def at_end(self, action: Callable[[], None]) -> None:
        """Call this when the conversation ends, however it ends."""


class Origin(StrEnum):
    """By which way an event came."""

    CLIENT = "client"
    STREAM = "stream"
    MESH = "mesh"
    IMPORT = "import"
    RELAY = "relay"


@frozen
class Source:
    """Where an event came from: ``address`` of the client or URL of the relay, the keys that its sender has proved."""

    origin: Origin
    address: str = ""
    readers: frozenset[str] = frozenset()

    @property
    def trusted(self) -> bool:
        """Whether it was let in by the operator's settings, so that no allowance is asked for."""
        return self.origin is not Origin.CLIENT
