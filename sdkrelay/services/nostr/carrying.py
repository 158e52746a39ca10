"""Relays of the mesh carry Nostr events: whoever dialled a link keeps a stream to the same address while the link lasts."""

from __future__ import annotations

from collections.abc import Callable

from ...ports import Tasks
from ...ports.remotes import RemoteDialler
from ..mesh.link import Link, Links
from .stream import Stream


class Carrying:
    """A stream, both ways, beside each link that this relay has dialled; ``make`` takes the relay's name and address."""

    def __init__(self, links: Links, make: Callable[[str, str], Stream], dialler: RemoteDialler, tasks: Tasks) -> None:
        self._make = make
        self._dialler = dialler
        self._tasks = tasks
        self._streams: dict[str, Stream] = {}
        self._started = False
        self._links = links
        links.subscribe(self._up, self._down)

    @property
    def streams(self) -> list[Stream]:
        """Those there are now."""
        return list(self._streams.values())

    def start(self) -> None:
        """From now on; links that are up already count."""
        self._started = True
        for link in self._links.all():
            self._up(link)

    async def stop(self) -> None:
        """End all of them."""
        self._started = False
        while self._streams:
            await self._streams.popitem()[1].stop()

    def _up(self, link: Link) -> None:
        if not self._started or not link.dialled or link.address is None or link.relay_id in self._streams:
            return
        stream = self._streams[link.relay_id] = self._make(link.relay_id, link.address)
        stream.start(self._dialler)

    def _down(self, link: Link) -> None:
        if self._links.get(link.relay_id) not in (None, link):
            return
        stream = self._streams.pop(link.relay_id, None)
        if stream is not None:
            self._tasks.start("ending a stream of the mesh", stream.stop())
