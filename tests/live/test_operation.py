"""A relay as a process, changed and restarted by its operator while clients are at it."""

from __future__ import annotations

import json
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sdkrelay.client import Closed, Connection, RelayError, connect
from sdkrelay.crypto.silent import public_key
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.world import SystemEntropy
from tests.support.bitcoind import make_node, pause, until
from tests.support.source import ROOT

_entropy = SystemEntropy()
#: The checkout's own package, wherever the tests run.
HERE = {"PYTHONPATH": str(ROOT)}


class OperatedTestCase(TestCase):
    """One relay over one node."""

    timeout = 120

    def setUp(self) -> None:
        """A node with an empty chain."""
        self.node = make_node(self)
        self.node.start()

    def relay(self, *options: str, **environment: str) -> RelayProcess:
        """A started relay."""
        folder = tempfile.TemporaryDirectory(prefix="sdkrelay-operated-")
        self.addCleanup(folder.cleanup)
        relay = RelayProcess(Path(folder.name) / "relay", self.node, options, {**HERE, **environment})
        self.addCleanup(relay.kill)
        relay.start()
        for _ in range(600):  # It answers a moment before it has asked its bitcoind for the first time.
            if relay.get("/health")["services"]["bitcoin_core"] in ("connected", "not_configured"):
                return relay
            time.sleep(0.02)
        raise AssertionError("the relay does not reach its bitcoind")

    async def ask(self, relay: RelayProcess, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer of one HTTP request, made in a thread."""

        def exchange() -> tuple[int, Any]:
            connection = HTTPConnection("127.0.0.1", relay.http_port, timeout=20)
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())

        return await deferToThread(exchange)

    async def is_back(self, relay: RelayProcess, restart_id: str) -> None:
        """Until the restarted relay serves."""
        await until(lambda: f"back after {restart_id}" in relay.log_path.read_text(), "the relay is back")
        self.assertEqual((await self.ask(relay, "GET", "/health"))[0], 200)


class RestartTests(OperatedTestCase):
    """``POST /restart`` of a real process."""

    async def test_nothing_acknowledged_is_lost(self) -> None:
        """Wallets registered until the last moment are there afterwards; clients hear 1012; the process is the same."""
        relay = self.relay()
        connection = await connect(reactor, relay.ws_url)
        tokens: list[str] = []
        registering = Deferred.fromCoroutine(self.register(connection, tokens))
        await until(lambda: len(tokens) > 20, "some wallets")
        pid = relay.pid
        status, answer = await self.ask(relay, "POST", "/restart")
        self.assertEqual((status, answer["status"]), (200, "restarting"))
        self.assertRegex(answer["restart_id"] + answer["estimated_duration"], r"\Arestart-[0-9a-f]+[0-9]+s\Z")
        self.assertEqual(await registering, 1012)
        await self.is_back(relay, answer["restart_id"])
        self.assertEqual(relay.pid, pid)
        again = await connect(reactor, relay.ws_url, wallet_tokens=tokens)
        self.addCleanup(again.abort)
        self.assertEqual(len(set(again.greeting["wallet_ids"])), len(tokens))

    async def register(self, connection: Connection, tokens: list[str]) -> int | None:
        """Register wallets until the connection ends; the code it ends with."""
        while True:
            keys = {
                "scan_private_key": _entropy.bytes(32).hex(),
                "spend_public_key": public_key(_entropy.bytes(32)).hex(),
            }
            try:
                tokens.append((await connection.request("register_wallet", **keys))["wallet_token"])
            except Closed as closed:
                return closed.code

    async def test_twice_with_a_file_for_its_number(self) -> None:
        """twistd's own file does not stand in the way, and is there again afterwards."""
        folder = tempfile.TemporaryDirectory(prefix="sdkrelay-pid-")
        self.addCleanup(folder.cleanup)
        relay = RelayProcess(
            Path(folder.name) / "relay", self.node, (), HERE, pidfile=str(Path(folder.name) / "relay.pid")
        )
        self.addCleanup(relay.kill)
        relay.start()
        for _ in range(2):
            _, answer = await self.ask(relay, "POST", "/restart")
            await self.is_back(relay, answer["restart_id"])
        self.assertEqual((Path(folder.name) / "relay.pid").read_text(), str(relay.pid))


class KeptTests(OperatedTestCase):
    """What an operator changed holds over a restart and over a kill."""

    async def test_changes_survive_a_kill(self) -> None:
        """Over HTTP and over the socket, answered once they are written."""
        relay = self.relay(SDKRELAY_SYNC__INTERVAL="10")
        status, answer = await self.ask(relay, "PUT", "/config", {"sync": {"interval": 60}, "dev_mode": True})
        self.assertEqual((status, answer["status"], answer["restart_required"]), (200, "updated", False))
        connection = await connect(reactor, relay.ws_url)
        fallback = {"primary_relay": "relay-b", "backup_relays": ["relay-c"], "failover_timeout_ms": 700}
        for kind, fields in (("fallback_config", fallback), ("retry_config", {"max_attempts": 9})):
            updated = await connection.request(kind, **fields)
            self.assertEqual((updated["type"], updated["config"]), ("config_updated", kind))
        relay.kill()
        relay.start()
        _, config = await self.ask(relay, "GET", "/config")
        self.assertEqual(
            (config["sync"]["interval"], config["dev_mode"], config["retry"]["max_attempts"]), (60, True, 9)
        )
        again = await connect(reactor, relay.ws_url)
        self.addCleanup(again.abort)
        self.assertEqual(again.greeting["fallback"], fallback)

    async def test_what_is_wrong_is_refused_on_the_socket(self) -> None:
        """And what holds stays."""
        relay = self.relay()
        connection = await connect(reactor, relay.ws_url)
        self.addCleanup(connection.abort)
        for fields in ({"max_connections": 0}, {"min_connections": 20, "max_connections": 10}):
            with self.assertRaises(RelayError) as caught:
                await connection.request("pool_config", **fields)
            self.assertEqual(caught.exception.code, "VALIDATION_ERROR")

    async def test_limits_are_taken_at_once(self) -> None:
        """By whoever comes from then on: sizes of bodies, and how many clients."""
        relay = self.relay()
        limits = {"websocket_connections": 1, "http_body_bytes": 200}
        _, answer = await self.ask(relay, "PUT", "/config", {"limits": limits})
        self.assertFalse(answer["restart_required"])
        first = await connect(reactor, relay.ws_url)
        self.addCleanup(first.abort)
        with self.assertRaises(Closed):
            await connect(reactor, relay.ws_url)
        status, _ = await self.ask(relay, "PUT", "/config", {"relay_info": {"name": "x" * 300}})
        self.assertEqual(status, 413)

    async def test_what_the_relay_says_of_itself(self) -> None:
        """Stands on its WebSocket port as soon as it is set."""
        relay = self.relay()
        await self.ask(relay, "PUT", "/config", {"relay_info": {"name": "A relay", "contact": "mailto:a@b"}})
        page = await deferToThread(lambda: urlopen(relay.ws_url.replace("ws:", "http:"), timeout=10).read().decode())
        self.assertTrue(page.startswith("A relay\nContact: mailto:a@b\n"), page)


class KindsTests(OperatedTestCase):
    """Other ways to run."""

    async def test_standalone(self) -> None:
        """Without a bitcoind it is healthy, says that there is none, and answers no question about the chain."""
        relay = self.relay(SDKRELAY_STANDALONE="true")
        _, health = await self.ask(relay, "GET", "/health")
        self.assertEqual((health["status"], health["services"]["bitcoin_core"]), ("healthy", "not_configured"))
        self.assertIsNone(health["checks"]["bitcoin_rpc"])
        status, answer = await self.ask(relay, "GET", "/bitcoin/info")
        self.assertEqual((status, answer["error"]["code"]), (503, "UNAVAILABLE"))

    async def test_a_wallet_of_bitcoind(self) -> None:
        """Its state is shown to an operator, null while bitcoind has not loaded it."""
        relay = self.relay(SDKRELAY_BITCOIN_CORE__WALLET="relay wallet")
        _, info = await self.ask(relay, "GET", "/bitcoin/info")
        self.assertIsNone(info["wallet_info"])
        self.node.call("createwallet", "relay wallet")
        await pause(1.1)
        _, info = await self.ask(relay, "GET", "/bitcoin/info")
        self.assertEqual(info["wallet_info"]["walletname"], "relay wallet")

    async def test_the_originals_file(self) -> None:
        """It is understood by the same option, with a warning for what has no use."""
        file = Path(self.mktemp()).absolute()
        file.write_text('core_url="http://127.0.0.1:1"\nwallet_name="w"\nblindbit_url="http://b:8000"\n')
        relay = self.relay(f"--config={file}")
        _, config = await self.ask(relay, "GET", "/config")
        self.assertEqual(config["bitcoin_core"]["wallet"], "w")
        self.assertIn("line 3: blindbit_url has no use here", relay.log_path.read_text())
