"""Tells who follows ``relays`` which other relays come and go, and which are not reached."""

from __future__ import annotations

from ...domain.notification import Kind, Notice, RelayData, Topic
from ...domain.problem import Code
from ...messages.bulletin import Bulletin
from ...messages.native.session import Error
from ...ports import Clock, Store, Tasks, Unavailable
from ..hub import Hub
from .link import Link, Links


class MeshNews:
    """Logs ``relay_connected`` and ``relay_disconnected``, once each for a time of being linked, and publishes them."""

    def __init__(self, links: Links, store: Store, hub: Hub, tasks: Tasks, clock: Clock) -> None:
        self._links = links
        self._store = store
        self._hub = hub
        self._tasks = tasks
        self._clock = clock
        self._order = tasks.lock()
        self._connected: set[str] = set()
        links.subscribe(self._up, self._down)

    def not_reached(self, relay_id: str, attempt: int) -> None:
        """A relay was dialled so often in vain: an ``error``, live only, to who follows ``relays``."""
        details = {"relay_id": relay_id, "attempt": attempt}
        error = Error(error_code=Code.WS_CONNECTION_FAILED, message="Failed to connect to relay", details=details)
        self._tasks.start("news of the mesh", self._hub.broadcast(Topic.RELAYS, Bulletin(error, self._clock.now())))

    def _up(self, link: Link) -> None:
        if link.relay_id not in self._connected:
            self._connected.add(link.relay_id)
            self._tasks.start("news of the mesh", self._tell(Kind.RELAY_CONNECTED, link))

    def _down(self, link: Link) -> None:
        if self._links.get(link.relay_id) is None:
            self._connected.discard(link.relay_id)
            self._tasks.start("news of the mesh", self._tell(Kind.RELAY_DISCONNECTED, link))

    async def _tell(self, kind: Kind, link: Link) -> None:
        data = RelayData(
            relay_id=link.relay_id,
            address=link.address,
            version=link.standing.version,
            capabilities=link.standing.capabilities,
            timestamp=int(self._clock.now()),
            connection_id=link.session_id,
        )
        async with self._order:
            try:
                entries = await self._store.wallets.settle([], [Notice(kind, Topic.RELAYS, data)])
            except Unavailable:
                return
            await self._hub.publish(entries)
