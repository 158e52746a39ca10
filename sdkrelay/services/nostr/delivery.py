"""Brings events to one relay and hears whether it took them: this relay's own store, or another over a short conversation."""

from __future__ import annotations

from typing import Self

from ...domain.nostr.event import Event
from ...messages.nostr.relay import Ok
from ...ports import Event as Signal
from ...ports import Line, Unavailable
from ...ports.remotes import RemoteDialler, RemoteWire
from .client import Origin, Source
from .publish import Publisher
from .remote import Remote, Tools

#: Seconds until there must be a conversation.
REACHED = 30.0


class Call:
    """One short conversation with another relay: ``async with`` it."""

    def __init__(self, url: str, dialler: RemoteDialler, tools: Tools) -> None:
        self._url = url
        self._dialler = dialler
        self._tools = tools
        self._line: Line | None = None
        self._remote: Remote | None = None
        self._why = "it is not reached"
        self._turned: Signal = tools.tasks.event()

    def wanted(self) -> bool:
        """Once."""
        return self._remote is None

    def opened(self, wire: RemoteWire) -> None:
        """There is a connection."""
        self._remote = Remote(self._url, wire, self._tools, lambda: None)
        self._turned.set()

    def failed(self, why: str) -> None:
        """There was none."""
        self._why = why
        self._turned.set()

    async def __aenter__(self) -> Self:
        """Unavailable if the relay is not reached."""
        self._line = self._dialler.line(self._url, self)
        await self._turned.wait(REACHED)
        if self._remote is None:
            self._line.stop()
            raise Unavailable(self._why)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._remote is not None:
            self._remote.hang_up("all is said")
        if self._line is not None:
            self._line.stop()

    @property
    def remote(self) -> Remote:
        """The conversation."""
        assert self._remote is not None, "it is entered"
        return self._remote

    async def put(self, event: Event) -> Ok:
        """Offer an event, and hear whether it was taken."""
        return await self.remote.publish(event.id, event.encoded())


class Home:
    """This relay's own store."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def __aenter__(self) -> Self:
        """It is always there."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing is to be ended."""

    async def put(self, event: Event) -> Ok:
        """Offer an event, and hear whether it was taken."""
        return await self._publisher.publish(event, Source(Origin.RELAY))
