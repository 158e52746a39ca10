"""The stage of the live tests: bitcoinds, payers and relays as real processes, shared by the tests of one class.

Starting a node and mining its first coins takes seconds, so a stage stays until another class takes its place or the
process ends. Processes are started on the main thread (the kernel ends them with the thread that started them); what
else blocks is called by :func:`aside`.
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sdkrelay.demo.payer import Payer
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.demo.relays import RelayMesh
from sdkrelay.io.bitcoind.process import CallFailed, Options, RegtestNode

from .bitcoind import command, pause

P = ParamSpec("P")
T = TypeVar("T")

#: What a payer mines first: its oldest blocks can be spent then.
FIRST_BLOCKS = 130

#: An output by its txid, in display form, and its index.
Place = tuple[str, int]


async def aside(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """The result of something that blocks, while the reactor goes on."""
    return await deferToThread(function, *arguments, **named)


class Stage:
    """Processes and folders that end together."""

    def __init__(self) -> None:
        self._endings = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="sdkrelay-live-"))
        self._endings.callback(shutil.rmtree, self.folder, ignore_errors=True)

    def node(self, name: str = "bitcoind", options: Options | None = None) -> RegtestNode:
        """A running bitcoind. SkipTest where there is none and none can be fetched."""
        node = RegtestNode(command(), self.folder / name, options or Options())
        self._endings.callback(node.kill)
        node.start()
        return node

    def relay(
        self, node: RegtestNode | None, name: str = "relay", folder: Path | None = None, **settings: Any
    ) -> RelayProcess:
        """A relay for a node, not started; for None it is one that runs alone by its environment."""
        relay = RelayProcess(folder or self.folder / name, node, **settings)
        self._endings.callback(relay.kill)
        return relay

    def mesh(self, node: RegtestNode, name: str = "mesh", **settings: Any) -> RelayMesh:
        """Relays that are one mesh, not started."""
        mesh = RelayMesh(self.folder / name, node, **settings)
        self._endings.callback(mesh.kill)
        return mesh

    def ends_with(self, ending: Callable[[], object]) -> None:
        """Have this called at the end."""
        self._endings.callback(ending)

    def end(self) -> None:
        """End what runs and remove what was written."""
        self._endings.close()


class _Theatre:
    """At most one stage at a time."""

    owner: type | None = None
    stage: Stage | None = None

    def take(self, owner: type, furnish: Callable[[Stage], None]) -> Stage:
        """The stage of this class, furnished when it is new."""
        if self.owner is owner and self.stage is not None:
            return self.stage
        self.clear()
        stage = Stage()
        try:
            furnish(stage)
        except BaseException:
            stage.end()
            raise
        self.owner, self.stage = owner, stage
        return stage

    def clear(self) -> None:
        """End the stage that stands."""
        stage, self.owner, self.stage = self.stage, None, None
        if stage is not None:
            stage.end()


_THEATRE = _Theatre()
atexit.register(_THEATRE.clear)


class LiveTestCase(TestCase):
    """One bitcoind and somebody who pays for the whole class; each test has wallets, clients and payments of its own."""

    timeout = 120
    options = Options()
    node: ClassVar[RegtestNode]
    payer: ClassVar[Payer]
    stage: Stage

    def setUp(self) -> None:
        """Take the stage."""
        self.stage = _THEATRE.take(type(self), self.furnish)

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start what the class shares."""
        cls.node = stage.node(options=cls.options)
        cls.payer = rich_payer(cls.node)

    async def pay(self, *payments: tuple[str, int], taproot_inputs: bool = False) -> str:
        """A silent payment in the mempool: its txid; the payments are its first outputs, in order."""
        return await aside(self.payer.pay, payments, taproot_inputs=taproot_inputs)

    async def mine(self, count: int = 1) -> list[str]:
        """Blocks with all of the mempool; their hashes."""
        return await aside(mine, self.node, self.payer.address, count)


def rich_payer(node: RegtestNode, secret: bytes = b"\x11" * 32) -> Payer:
    """Somebody with coins to spend."""
    payer = Payer(node, secret)
    payer.mine(FIRST_BLOCKS)
    return payer


def mine(node: RegtestNode, address: str, count: int = 1) -> list[str]:
    """Blocks whose coins nobody counts on: they may be disconnected again."""
    hashes: list[str] = node.call("generatetoaddress", count, address)
    return hashes


def height(node: RegtestNode) -> int:
    """The node's best height."""
    found: int = node.call("getblockcount")
    return found


def confirmed(node: RegtestNode, paid: Iterable[Place], first: int = 0) -> dict[Place, tuple[str, bool]]:
    """The truth, by asking the node for every block: where these outputs are confirmed and whether anything spends them.

    Nothing of interest happened below the block ``first``.
    """
    wanted = set(paid)
    blocks = [node.call("getblock", node.call("getblockhash", at), 2) for at in range(first, height(node) + 1)]
    pool = [node.call("getrawtransaction", txid, True) for txid in node.call("getrawmempool")]
    everything = [one for block in blocks for one in block["tx"]] + pool
    spent = {(put["txid"], put["vout"]) for one in everything for put in one["vin"] if "txid" in put}
    places = {(one["txid"], put["n"]): block["hash"] for block in blocks for one in block["tx"] for put in one["vout"]}
    return {place: (places[place], place in spent) for place in wanted & places.keys()}


async def indexed(relay: RelayProcess, seconds: float = 90.0) -> None:
    """Wait until the relay says that it is at the node's tip."""
    for _ in range(round(seconds / 0.1)):
        if await aside(_is_at_tip, relay):
            return
        await pause(0.1)
    raise AssertionError(f"the index did not come to the tip: {await aside(_health, relay)}")


def _is_at_tip(relay: RelayProcess) -> bool:
    with contextlib.suppress(CallFailed, OSError, HTTPException):
        indexer = _health(relay).get("indexer", {})
        return bool(indexer.get("state") == "live" and indexer["height"] == height(relay.node))
    return False


def _health(relay: RelayProcess) -> dict[str, Any]:
    """What the relay says of itself; nothing while it is away."""
    with contextlib.suppress(OSError, ValueError, HTTPException):
        told: dict[str, Any] = relay.get("/health")
        return told
    return {}


def replacement(node: RegtestNode, raw: str, outputs: Sequence[dict[str, str]], keys: Sequence[str]) -> str:
    """Another transaction, signed, of the inputs of a raw one: it replaces it if it leaves a higher fee."""
    inputs = [{"txid": put["txid"], "vout": put["vout"]} for put in node.call("decoderawtransaction", raw)["vin"]]
    unsigned = node.call("createrawtransaction", inputs, list(outputs))
    signed: str = node.call("signrawtransactionwithkey", unsigned, list(keys))["hex"]
    return signed
