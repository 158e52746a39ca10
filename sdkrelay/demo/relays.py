"""Several relays on this machine that are one mesh, each in a process of its own, with wires between them that can be cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from ..io.bitcoind.process import RegtestNode
from ..io.world import SystemEntropy
from .relay import RelayProcess
from .wire import Wire

#: Relays are dialled again soon after a cut, and only as they are told, for through others they would find ways around it.
SETTINGS = {
    "SDKRELAY_MESH__BACKOFF_MS": "250",
    "SDKRELAY_MESH__MAX_BACKOFF_MS": "1000",
    "SDKRELAY_MESH__DISCOVERY": "false",
}
#: Who dials whom, by their places: of three relays, each is linked with both others.
TRIANGLE = ((0, 1), (0, 2), (1, 2))


class RelayMesh:
    """Relays on one bitcoind that share a token; ``ways`` says who dials whom. Used on the reactor's thread."""

    def __init__(
        self, folder: Path, node: RegtestNode, ways: Iterable[tuple[int, int]] = TRIANGLE,
        options: Sequence[str] = (), environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        token = made_token(folder / "mesh-token")
        self.ways = tuple(ways)
        surroundings = {**SETTINGS, **(environment or {})}
        self.relays = [
            RelayProcess(folder / f"relay-{chr(ord('a') + place)}", node, environment=surroundings)
            for place in sorted({place for way in self.ways for place in way})
        ]
        for place, relay in enumerate(self.relays):
            dialled = [f"--peer={self._address(way)}" for way in self.ways if way[0] == place]
            relay.options = [f"--mesh-token-file={token}", *dialled, *options]

    async def start(self) -> None:
        """Start all that do not run, and wait until they answer; RelayFailed if one does not."""
        for relay in self.relays:
            if relay.pid is None:
                relay.spawn()
        for relay in self.relays:
            await deferToThread(relay.wait)

    async def linked(self) -> bool:
        """Whether every relay says that it is linked with all that it dials, or that dial it."""
        return all([len(await connected(self.relays[place])) == links for place, links in enumerate(self._links())])

    def kill(self) -> None:
        """End all relays without warning."""
        for relay in self.relays:
            relay.kill()

    def _links(self) -> list[int]:
        return [sum(place in way for way in self.ways) for place in range(len(self.relays))]

    def _address(self, way: tuple[int, int]) -> str:
        return self.relays[way[1]].ws_url


class WiredMesh(RelayMesh):
    """The same with a wire on each way; close it before the reactor stops."""

    def __init__(self, folder: Path, node: RegtestNode, reactor: Any, **settings: Any) -> None:
        self._reactor = reactor
        self.wires: dict[tuple[int, int], Wire] = {}
        super().__init__(folder, node, **settings)

    def part(self, *apart: int) -> None:
        """Cut these relays off from the others, but not from each other."""
        for way, wire in self.wires.items():
            if len(set(apart).intersection(way)) == 1:
                wire.cut()

    def heal(self) -> None:
        """Mend all wires."""
        for wire in self.wires.values():
            wire.mend()

    async def close(self) -> None:
        """End everything."""
        self.kill()
        for wire in self.wires.values():
            await wire.close()

    def _address(self, way: tuple[int, int]) -> str:
        wire = self.wires[way] = Wire(self._reactor, self.relays[way[1]].ws_port)
        return wire.url


async def connected(relay: RelayProcess) -> list[dict[str, Any]]:
    """The relays that this one says it is linked with."""
    told = await deferToThread(relay.get, "/relays")
    return [one for one in told["relays"] if one["status"] == "connected"]


def made_token(path: Path) -> Path:
    """A new mesh token in a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(SystemEntropy().bytes(32).hex())
    return path
