"""What befalls a relay: its bitcoind dies or hangs, its disk is full, something is wrong at its start."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from unittest import SkipTest

from sdkrelay.client import RelayError
from sdkrelay.demo.relay import RelayProcess
from tests.support.bitcoind import pause, until
from tests.support.live import LiveTestCase, Place, aside, confirmed, height, indexed

from .listener import Listener, Owner, folded, scanned

SATS = 200_000


class FaultTestCase(LiveTestCase):
    """A relay for each test, with a registered wallet and its client."""

    async def begin(self, **settings: Any) -> None:
        """Start the relay and register the wallet."""
        self.relay = self.stage.relay(self.node, self.id(), **settings)
        self.addCleanup(self.relay.kill)
        self.relay.start()
        await indexed(self.relay)
        self.base, self.paid = height(self.node), set[Place]()
        self.owner, self.listener = Owner.make(), Listener(self.relay)
        self.addCleanup(self.listener.go)
        await self.listener.come()
        await self.listener.register(self.owner)

    async def give(self) -> str:
        """Pay the wallet; the txid."""
        txid = await self.pay((self.owner.address, SATS))
        self.paid.add((txid, 0))
        return txid

    async def health(self) -> dict[str, Any]:
        """What the relay says of itself, with the HTTP status under ``http``."""
        return await aside(health_of, self.relay)

    async def says(self, part: str, words: str, seconds: float = 50.0) -> dict[str, Any]:
        """Its health once the reason of a part has these words."""
        for _ in range(round(seconds / 0.1)):
            found = await self.health()
            if words in found["reasons"].get(part, ""):
                return found
            await pause(0.1)
        raise AssertionError(f"{part} never said {words!r}: {found}")

    async def check_nothing_is_missing(self) -> None:
        """After a last block: told, scanned and true are the same."""
        [last] = await self.mine()
        await indexed(self.relay, 60.0)
        await self.listener.hear("block_mined", 60.0, block_hash=last)
        truth = await aside(confirmed, self.node, self.paid, self.base)
        self.assertEqual(truth.keys(), self.paid)
        await until(lambda: folded(self.listener.told) == truth, "all is told")
        found = await self.listener.scan(self.base, height(self.node), scan_keys=[self.owner.keys])
        self.assertEqual(scanned(found), truth)
        self.assertTrue(self.listener.is_ascending())
        self.assertEqual((await self.health())["status"], "healthy")


class NodeFaultTests(FaultTestCase):
    """bitcoind is another process, and goes its own way."""

    async def test_killed_and_restarted(self) -> None:
        """The relay says so, serves on, goes on by itself, and undoes the block that bitcoind forgot."""
        await self.begin()
        kept = await self.give()
        await self.mine()
        await aside(self.node.call, "gettxoutsetinfo")  # makes bitcoind write down what it has
        await self.listener.hear("payment_confirmed", txid=kept)
        raw = await aside(self.payer.pay, [(self.owner.address, SATS)], broadcast=False)
        txid = await aside(self.node.call, "sendrawtransaction", raw)
        await self.mine()
        await self.listener.hear("payment_confirmed", txid=txid)
        await aside(self.node.kill)
        away = await self.says("bitcoin_core", "is bitcoind running")
        self.assertEqual(
            (away["http"], away["status"], away["services"]["bitcoin_core"]), (200, "degraded", "disconnected")
        )
        await self.check_it_serves()
        self.node.start()
        if txid not in await aside(self.node.call, "getrawmempool") and height(self.node) == self.base + 1:
            await aside(self.node.call, "sendrawtransaction", raw)
        self.paid.add((txid, 0))
        await self.give()
        await self.check_nothing_is_missing()

    async def test_hanging(self) -> None:
        """Nothing comes back and nothing is refused: the relay answers all the same, says so, and goes on afterwards."""
        await self.begin()
        pid = self.node.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        await self.check_it_serves()
        hanging = await self.says("bitcoin_core", "did not answer within")
        self.assertEqual(hanging["status"], "degraded")
        os.kill(pid, signal.SIGCONT)
        await self.give()
        await self.check_nothing_is_missing()

    async def check_it_serves(self) -> None:
        """What needs no bitcoind."""
        self.assertEqual((await self.listener.connection.request("ping"))["type"], "pong")
        self.assertEqual(len((await self.listener.connection.request("list_wallets"))["wallets"]), 1)
        found = await self.listener.scan(1, 1, addresses=[self.owner.address])
        self.assertEqual(found, [])


class FullDiskTests(FaultTestCase):
    """The data folder is on a small file system of its own, which is filled."""

    def small_disk(self) -> Path:
        """A folder with room for 48 MB. SkipTest where none can be had."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        if os.geteuid() != 0:
            raise SkipTest("only root can mount a small file system")
        mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            raise SkipTest("no small file system can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(folder)], check=True)
        return folder

    async def fill_the_disk(self, folder: Path) -> Path:
        """Write a file until no more goes; it is made when the relay has just started, whose journal is then small."""
        await aside(self.relay.stop)
        await self.listener.gone()
        self.relay.start()
        await self.listener.come()
        ballast = folder / "ballast"
        with ballast.open("wb", buffering=0) as file, self.assertRaises(OSError):
            while True:
                file.write(bytes(4096))
        return ballast

    async def test_told_and_got_over(self) -> None:
        """It says so, serves what it has, refuses what it cannot keep, and with room again nothing is missing."""
        folder = self.small_disk()
        await self.begin(folder=folder)
        first = await self.give()
        await self.mine()
        await self.listener.hear("payment_confirmed", txid=first)
        ballast = await self.fill_the_disk(folder)
        await self.give()
        await self.mine()
        full = await self.says("store", "the disk is full")
        self.assertEqual((full["http"], full["status"]), (503, "unhealthy"))
        await self.check_it_serves(first)
        await self.give()
        ballast.unlink()
        await self.check_nothing_is_missing()

    async def check_it_serves(self, first: str) -> None:
        """What is stored can be read; what would have to be stored is refused."""
        self.assertEqual((await self.listener.connection.request("ping"))["type"], "pong")
        self.assertEqual(len((await self.listener.connection.request("list_wallets"))["wallets"]), 1)
        found = await self.listener.scan(self.base, self.base + 1, addresses=[self.owner.address])
        self.assertEqual([one["txid"] for one in found], [first])
        with self.assertRaises(RelayError) as caught:
            await self.listener.register(Owner.make())
        self.assertEqual(caught.exception.code, "UNAVAILABLE")
        self.assertIn("the disk is full", str(caught.exception))


class StartFaultTests(FaultTestCase):
    """What is wrong at the start ends it with a sentence, or is shown and waited for."""

    async def ends(self, relay: RelayProcess) -> str:
        """Start a relay that ends by itself, with status 1; the end of what it said."""
        relay.spawn()
        await until(lambda: relay.pid is None, "the end")
        self.assertEqual(await aside(relay.stop), 1)
        said = relay.log_path.read_text()[-1500:]
        self.assertNotIn("Traceback", said)
        return said

    async def test_a_port_that_is_taken(self) -> None:
        """Either of the two."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            for name in ("ws_port", "http_port"):
                said = await self.ends(self.stage.relay(self.node, f"{self.id()}-{name}", **{name: port}))
                self.assertIn(f"sdkrelay: Couldn't listen on 127.0.0.1:{port}", said)

    async def test_data_of_another_network(self) -> None:
        """Is not touched."""
        await self.begin()
        await aside(self.relay.stop)
        other = self.stage.relay(self.node, self.id(), options=["--network=signet"])
        said = await self.ends(other)
        self.assertIn("the database holds regtest, but network is signet: use another data_dir", said)

    async def test_two_relays_on_the_same_data(self) -> None:
        """The second ends and names the first, which does not notice."""
        await self.begin()
        said = await self.ends(self.stage.relay(self.node, self.id()))
        self.assertIn(f"is in use by another relay (process {self.relay.pid})", said)
        await self.give()
        await self.check_nothing_is_missing()

    async def test_a_wrong_cookie(self) -> None:
        """Is told, not fatal; once it is right the relay goes on by itself, which it also does without the file at first."""
        cookie = Path(self.mktemp()).absolute()
        self.relay = self.stage.relay(self.node, self.id(), options=[f"--bitcoin-cookie={cookie}"])
        self.addCleanup(self.relay.kill)
        self.relay.start()
        await self.says("bitcoin_core", "cannot be read")
        cookie.write_text("__cookie__:wrong")
        await self.says("bitcoin_core", f"refused the cookie read from {cookie}")
        cookie.write_bytes(self.node.cookie_path.read_bytes())
        await indexed(self.relay)
        self.assertEqual((await self.health())["status"], "healthy")


def health_of(relay: RelayProcess) -> dict[str, Any]:
    """``/health``, with the HTTP status under ``http``."""
    connection = HTTPConnection("127.0.0.1", relay.http_port, timeout=10)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        return {**json.loads(response.read()), "http": response.status}
    finally:
        connection.close()
