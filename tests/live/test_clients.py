"""Clients of others, and our examples, at a real relay: the documented ones as they stand in the sources, our own from docs."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unittest import SkipTest
from urllib.request import urlopen

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sdkrelay.build.identity import identity_of
from sdkrelay.crypto.silent import public_key
from sdkrelay.demo.payer import Payer
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.settings import load
from tests.support.bitcoind import make_node, until
from tests.support.node_js import Program, node_command, python_command
from tests.support.source import ROOT

EXAMPLES = ROOT / "docs" / "examples"
#: Everything that is told at intervals is told every second.
OFTEN = {f"SDKRELAY_SYNC__{name}": "1" for name in ("INTERVAL", "HEALTH_INTERVAL", "METRICS_INTERVAL")}


def documented(first: str, last: str, relay: RelayProcess) -> str:
    """The code between two headings of the source, only its two URLs replaced; SkipTest where the source is not there."""
    folder = Path(os.environ.get("SDKRELAY_TEST_SOURCES") or ROOT.parent / "shared" / "sources")
    source = folder / "api-full.fr.md"
    if not source.is_file():
        raise SkipTest(f"the documented clients are not at {source}: set SDKRELAY_TEST_SOURCES")
    code = source.read_text().partition(f"\n{first}\n")[2].partition(f"\n{last}\n")[0]
    return code.replace("ws://localhost:8090", relay.ws_url).replace("http://localhost:8091", relay.http_url)


class ClientCase(TestCase):
    """One relay over one node, and programs that talk to it."""

    timeout = 120

    def setUp(self) -> None:
        """A relay that tells often."""
        self.node = make_node(self)
        self.node.start()
        self.payer = Payer(self.node, bytes(31) + b"\x07")
        folder = tempfile.TemporaryDirectory(prefix="sdkrelay-clients-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.relay = RelayProcess(self.folder / "relay", self.node, (), {"PYTHONPATH": str(ROOT), **OFTEN})
        self.addCleanup(self.relay.kill)
        self.relay.start()

    def run_program(self, command: Sequence[str], **environment: str) -> Program:
        """A started program, ended with the test."""
        program = Program(command, self.folder / "printed", environment)
        self.addCleanup(program.end)
        program.start()
        return program

    def script(self, name: str, code: str) -> str:
        """A file with this code."""
        path = self.folder / name
        path.write_text(code)
        return str(path)

    async def prints(self, program: Program, pattern: str) -> re.Match[str]:
        """Wait until something like this was printed."""
        found = re.compile(pattern)
        try:
            await until(lambda: found.search(program.printed()), pattern, 30)
        except AssertionError:
            raise AssertionError(f"{pattern!r} was not printed: {program.printed()[-2000:]}") from None
        match = found.search(program.printed())
        assert match is not None, "it was printed a moment ago"
        return match

    async def mined(self) -> str:
        """The hash of a new block."""
        (block,) = await deferToThread(self.payer.mine)
        return str(block)


class DocumentedClientTests(ClientCase):
    """The clients of the original's documentation; they never send a ``subscribe``."""

    async def check(self, program: Program) -> None:
        """A state, a health and a new block are printed; both kinds of sync have their parts."""
        await self.prints(program, r"Sync:? StateSync:?[^#]*last_block")
        await self.prints(program, r"Sync:? HealthSync:?[^#]*memory_usage")
        block = await self.mined()
        await self.prints(program, rf"Notification:? block_mined[^#]*{block}")

    async def test_javascript(self) -> None:
        """It connects, shows the metrics, forces a synchronisation, and prints what it is told."""
        code = documented("Client JavaScript", "Client Python", self.relay)
        program = self.run_program([*node_command(), self.script("client.cjs", code)])
        await self.prints(program, "Handshake accept")
        await self.prints(program, r"M.triques:[^#]*known_relays")
        await self.check(program)
        figures = await deferToThread(urlopen, f"{self.relay.http_url}/metrics?format=text")
        self.assertIn('sdkrelay_requests_total{outcome="ok",type="force_sync"} 1.0', figures.read().decode())

    async def test_python(self) -> None:
        """It connects, shows the metrics, and prints what it is told."""
        code = documented("Client Python", "Client cURL", self.relay)
        program = self.run_program([*python_command(), self.script("client.py", code)])
        await self.prints(program, r"M.triques: .*known_relays")
        await self.prints(program, "Handshake accept")
        await self.check(program)


class ExampleTests(ClientCase):
    """What stands in docs/examples, as it stands there."""

    async def test_watching_blocks_in_javascript(self) -> None:
        """It prints the relay's state and each new block."""
        program = self.run_program([*node_command(), str(EXAMPLES / "watch_blocks.mjs"), self.relay.ws_url])
        await self.prints(program, "connected to relay-")
        await self.prints(program, r"state: \w+ at block")
        block = await self.mined()
        await self.prints(program, rf"block 1 {block}")

    async def test_watching_a_wallet_in_python(self) -> None:
        """It registers the wallet and prints its payment."""
        await deferToThread(self.payer.mine, 101)
        spend = public_key(bytes(31) + b"\x05").hex()
        command = [*python_command(), str(EXAMPLES / "watch_wallet.py"), self.relay.ws_url, spend]
        program = self.run_program(command, SCAN_PRIVATE_KEY="00" * 31 + "06", PYTHONPATH=str(ROOT))
        address = (await self.prints(program, r"watching (\S+)"))[1]
        txid = await deferToThread(self.payer.pay, [(address, 100_000)])
        await self.prints(program, rf"payment_detected 0\.001 BTC {txid}")

    async def test_an_encrypted_conversation_in_javascript(self) -> None:
        """Written on node's WebCrypto alone, it reads our answers and news, and we its requests."""
        config = load(None, {"data_dir": str(self.relay.folder), "network": "regtest"})
        command = [*node_command(), str(EXAMPLES / "encrypted.mjs"), self.relay.ws_url, identity_of(config)]
        program = self.run_program(command)
        await self.prints(program, r'decrypted subscribe_response .*"subscriptions":\["blocks"\]')
        await self.prints(program, "decrypted pong ")
        block = await self.mined()
        await self.prints(program, rf"decrypted block_mined .*{block}")

    async def test_an_encrypted_conversation_with_another_relay(self) -> None:
        """Who has not the identity that the client knows is not talked to."""
        other = "A" * 43 + "="
        command = [*node_command(), str(EXAMPLES / "encrypted.mjs"), self.relay.ws_url, other]
        program = self.run_program(command)
        await self.prints(program, "another relay")
        self.assertNotIn("decrypted", program.printed())
