"""Several relays on this machine that are one mesh, each in a process of its own, with wires between them that can be cut."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from ..io.bitcoind.process import RegtestNode
from ..io.world import SystemEntropy
from .relay import RelayProcess
from .wire import Wire

#: Relays are dialled again soon after a cut; over the wires only, for through others they would find ways around a cut.
SETTINGS = {
    "SDKRELAY_MESH__BACKOFF_MS": "250",
    "SDKRELAY_MESH__MAX_BACKOFF_MS": "1000",
    "SDKRELAY_MESH__DISCOVERY": "false",
}


class RelayMesh:
    """Relays on one bitcoind, of which each dials those after it: ``relays[0]`` all, the last none. Used on the reactor's thread."""

    def __init__(
        self, folder: Path, node: RegtestNode, reactor: Any, count: int = 3,
        options: Sequence[str] = (), environment: Mapping[str, str] = SETTINGS,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        token = made_token(folder / "mesh-token")
        self.relays = [
            RelayProcess(folder / f"relay-{name}", node, environment=environment) for name in "abcdefgh"[:count]
        ]
        ends = combinations(range(count), 2)
        self.wires = {(first, last): Wire(reactor, self.relays[last].ws_port) for first, last in ends}
        for place, relay in enumerate(self.relays):
            dialled = [word for (first, _), wire in self.wires.items() if first == place for word in ("--peer", wire.url)]
            relay.options = [f"--mesh-token-file={token}", *dialled, *options]

    async def start(self) -> None:
        """Start all that do not run, and wait until they answer; RelayFailed if one does not."""
        for relay in self.relays:
            if relay.pid is None:
                relay.spawn()
        for relay in self.relays:
            await deferToThread(relay.wait)

    def part(self, *apart: int) -> None:
        """Cut these relays off from the others, but not from each other."""
        for ends, wire in self.wires.items():
            if len(set(apart).intersection(ends)) == 1:
                wire.cut()

    def heal(self) -> None:
        """Mend all wires."""
        for wire in self.wires.values():
            wire.mend()

    async def linked(self) -> bool:
        """Whether every relay says that it is linked with all others."""
        counts = [len(await connected(relay)) for relay in self.relays]
        return counts == [len(self.relays) - 1] * len(self.relays)

    async def close(self) -> None:
        """End everything."""
        for relay in self.relays:
            relay.kill()
        for wire in self.wires.values():
            await wire.close()


async def connected(relay: RelayProcess) -> Collection[dict[str, Any]]:
    """The relays that this one says it is linked with."""
    told = await deferToThread(relay.get, "/relays")
    return [one for one in told["relays"] if one["status"] == "connected"]


def made_token(path: Path) -> Path:
    """A new mesh token in a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(SystemEntropy().bytes(32).hex())
    return path
