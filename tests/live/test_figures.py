"""The figures, the log and the topics of a relay as a process, with a real bitcoind behind it."""

from __future__ import annotations

import json
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from sdkrelay.client import Connection, connect
from sdkrelay.crypto.silent import public_key
from sdkrelay.demo.relay import RelayProcess
from tests.support.bitcoind import pause, until

from .test_operation import OperatedTestCase


class FiguresTests(OperatedTestCase):
    """What is shown moves when the world does."""

    async def hear(self, connection: Connection, kind: str) -> dict[str, Any]:
        """The next message of this type."""
        while (message := await connection.next())["type"] != kind:
            pass
        return message

    async def test_topics_follow_their_intervals_and_the_chain(self) -> None:
        """One at once, then at the interval of the settings, which can be changed meanwhile."""
        relay = self.relay(SDKRELAY_SYNC__METRICS_INTERVAL="1")
        connection = await connect(reactor, relay.ws_url, capabilities=["health", "metrics"])
        self.addCleanup(connection.abort)
        first = await self.hear(connection, "metrics")
        await deferToThread(self.node.call, "generatetodescriptor", 2, "raw(51)")
        while (later := await self.hear(connection, "metrics"))["bitcoin_metrics"]["block_height"] != 2:
            self.assertEqual(first["bitcoin_metrics"]["block_height"], 0)
        self.assertGreaterEqual(later["requests_total"], first["requests_total"])
        status, answer = await self.ask(relay, "PUT", "/config", {"sync": {"health_interval": 1}})
        self.assertEqual(status, 200, answer)
        for _ in range(3):
            health = await self.hear(connection, "health")
        self.assertEqual((health["connections"]["websocket"], health["metrics"]["uptime"]), (1, health["uptime"]))

    async def test_gauges_show_how_things_stand(self) -> None:
        """Conversations, wallets, the index and the node, as a scraper reads them."""
        relay = self.relay()
        await deferToThread(self.node.call, "generatetodescriptor", 2, "raw(51)")
        connection = await connect(reactor, relay.ws_url, capabilities=["silent_payments"])
        self.addCleanup(connection.abort)
        keys = {"scan_private_key": "11" * 32, "spend_public_key": public_key(b"\x22" * 32).hex()}
        await connection.request("register_wallet", **keys)
        expected = {"sessions_open": 1, "wallets": 1, "index_height": 2, "node_connected": 1, "store_writable": 1}
        for _ in range(100):
            gauges = await deferToThread(self.scrape, relay)
            if gauges["sdkrelay_index_height"] == 2:
                break
            await pause(0.1)
        self.assertEqual({name: gauges[f"sdkrelay_{name}"] for name in expected}, expected)
        self.assertEqual((gauges["sdkrelay_messages_received_total"], gauges["sdkrelay_sessions_opened_total"]), (2, 1))
        self.assertGreater(gauges["sdkrelay_bytes_sent_total"], 500)

    def scrape(self, relay: RelayProcess) -> dict[str, float]:
        """The samples without labels."""
        connection = HTTPConnection("127.0.0.1", relay.http_port, timeout=20)
        connection.request("GET", "/metrics", headers={"Accept": "text/plain"})
        lines = connection.getresponse().read().decode().splitlines()
        samples = (line.split(" ") for line in lines if not line.startswith("#") and "{" not in line)
        return {name: float(value) for name, value in samples}

    async def test_the_log_is_a_file_and_an_answer(self) -> None:
        """JSON lines, each whole; the last ones over HTTP, with the connection's farewell."""
        folder = tempfile.TemporaryDirectory(prefix="sdkrelay-log-")
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "logs" / "relay.log"
        relay = self.relay(SDKRELAY_LOGGING__FILE=str(path))
        connection = await connect(reactor, relay.ws_url)
        connection.abort()
        await until(lambda: " ended: lost; " in path.read_text(), "the farewell")
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        _, answer = await self.ask(relay, "GET", "/logs?search=ended:%20lost")
        (line,) = answer["logs"]
        self.assertIn(line["message"], [each["message"] for each in lines])
        self.assertEqual(answer["filters"], {"level": None, "limit": 100, "search": "ended: lost"})

    async def test_the_overview_knows_the_process(self) -> None:
        """Its number, its database and its bitcoind."""
        relay = self.relay()
        _, status = await self.ask(relay, "GET", "/admin/status")
        self.assertEqual((status["pid"], status["network"]), (relay.pid, "regtest"))
        self.assertEqual((status["database"]["writable"], status["bitcoin"]["state"]), (True, "connected"))
        self.assertGreater(status["bitcoin"]["calls"], 0)
        self.assertGreater(status["bitcoin"]["avg_latency"], 0)
