"""Whole relays of one mesh on loopback, in the process of the test: made by build, without a bitcoind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from sdkrelay.build.relay import Relay
from sdkrelay.config.meshing import Mesh
from sdkrelay.config.model import Config, Database
from sdkrelay.domain.chain import Network
from sdkrelay.domain.notification import Entry, Topic
from sdkrelay.io.bitcoind.process import free_port
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.messages.rest.relays import GetRelays, RelayItem
from sdkrelay.services.mesh.link import Link, Links
from tests.support.tuned import OPERATOR, Somebody

TOKEN = "a token of more than thirty-two characters"


class MeshRelay:
    """One relay that can be started and stopped any number of times; ``peers`` are others."""

    def __init__(self, folder: Path, name: str, *peers: MeshRelay, port: int | None = None, **mesh: Any) -> None:
        self.port = port or free_port()
        self.address = f"ws://127.0.0.1:{self.port}"
        addresses = tuple(peer.address for peer in peers)
        defaults = {"token": TOKEN, "backoff_ms": 50, "max_backoff_ms": 200, "peers": addresses}
        self.config = Config(
            relay_id=name,
            network=Network.REGTEST,
            standalone=True,
            ws_url=f"127.0.0.1:{self.port}",
            http_url="127.0.0.1:0",
            data_dir=str(folder / name),
            database=Database(url=f"sqlite:///{folder / name}/relay.sqlite"),
            mesh=Mesh(**(defaults | mesh)),
        )
        self.name = name
        self.relay: Relay | None = None

    def again(self, **mesh: Any) -> None:
        """Other settings for the next start."""
        self.config = replace(self.config, mesh=replace(self.config.mesh, **mesh))

    async def start(self) -> None:
        """Serve."""
        self.relay = Relay(self.config)
        self.relay.startService()
        assert self.relay.started is not None
        await self.relay.started

    async def stop(self) -> None:
        """Serve no more."""
        relay, self.relay = self.relay, None
        if relay is not None:
            await relay.stopService()

    @property
    def parts(self) -> Any:
        """What it is made of."""
        assert self.relay is not None, "it serves"
        return self.relay._parts

    @property
    def links(self) -> Links:
        """Its links."""
        links: Links = self.parts.relations.mesh.links
        return links

    async def linked(self, name: str) -> Link:
        """The link to this relay, once there is one."""
        held = self.links.get(name)
        if held is not None:
            return held
        up: Deferred[Link] = Deferred()
        self.links.subscribe(lambda link: up.callback(link) if link.relay_id == name and not up.called else None, _not)
        return await up

    async def parted(self, name: str) -> None:
        """Once there is no link to this relay."""
        if self.links.get(name) is None:
            return
        down: Deferred[None] = Deferred()
        self.links.subscribe(
            _not, lambda link: down.callback(None) if link.relay_id == name and not down.called else None
        )
        await down

    async def until(self, holds: Callable[[], bool]) -> None:
        """Once this holds; the test's own timeout ends the waiting."""
        while not holds():
            await self.parts._world.tasks.sleep(0.01)

    def logged(self) -> int:
        """How many entries were published."""
        head: int = self.parts.hub._head
        return head

    async def told(self) -> list[Entry]:
        """What the log has about other relays."""
        store: DatabaseStore = self.relay._store if self.relay else None  # type: ignore[assignment]
        return await store.log.read(0, frozenset({Topic.RELAYS}), frozenset(), 100)

    async def shown(self) -> dict[str | None, RelayItem]:
        """What ``/relays`` shows, by the relays' own names, else by their addresses."""
        relays = await self.parts.relations.relays.relays(GetRelays(), Somebody(OPERATOR))
        return {item.relay_id or item.address: item for item in relays.relays}


def _not(link: Link) -> None:
    """Of no interest."""
