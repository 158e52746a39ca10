"""Alerts of a relay as a process: its bitcoind goes away and comes back, and whoever should hear of it does."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from sdkrelay.client import Connection, connect
from tests.support.alarmed import Receiving
from tests.support.bitcoind import until

from .test_operation import OperatedTestCase

SECRET = "a secret of the test"


class AlertsTests(OperatedTestCase):
    """One relay, one bitcoind, one receiver of the webhook that fails at first."""

    async def hear(self, connection: Connection) -> dict[str, Any]:
        """The next alert about bitcoind."""
        while (message := await connection.next())["type"] != "alert" or message["alert_id"] != "bitcoind_away":
            pass
        return message

    async def test_bitcoind_goes_and_comes_back(self) -> None:
        """A subscriber, the webhook, the list, the overview and the log say so, each time."""
        receiving = Receiving(statuses=[500])
        url = receiving.listen(reactor)
        self.addCleanup(lambda: receiving.port and receiving.port.stopListening())
        settings = {"INTERVAL": "1", "WEBHOOK_URL": url, "WEBHOOK_SECRET": SECRET}
        relay = self.relay(**{f"SDKRELAY_ALERTS__{name}": value for name, value in settings.items()})
        connection = await connect(reactor, relay.ws_url)
        self.addCleanup(connection.abort)
        await connection.request("subscribe", subscriptions=["alerts"])
        condition = {"condition": "bitcoin_connected == false", "fire_after": 0, "clear_after": 0}
        answer = await connection.request("alert_config", alert_id="bitcoind_away", severity="critical", **condition)
        self.assertEqual((answer["type"], answer["config"]), ("config_updated", "alert_config"))

        await deferToThread(self.node.stop)
        fired = await self.hear(connection)
        self.assertEqual((fired["status"], fired["message"]), ("firing", "bitcoind is not connected"))
        _, listed = await self.ask(relay, "GET", "/alerts")
        states = {alert["alert_id"]: alert["state"] for alert in listed["alerts"]}
        self.assertEqual((states["bitcoind_away"], listed["firing"]), ("firing", 1))
        _, overview = await self.ask(relay, "GET", "/admin/status")
        self.assertEqual(overview["alerts"]["active"], 1)

        await deferToThread(self.node.start)
        self.assertEqual((await self.hear(connection))["status"], "resolved")
        await until(lambda: len(receiving.taken) == 3, "the webhook, which had failed once")
        self.assertEqual([self.posted(*taken) for taken in receiving.taken], ["firing", "firing", "resolved"])
        said = relay.log_path.read_text()
        self.assertIn("alert bitcoind_away firing: bitcoind is not connected", said)
        self.assertNotIn(SECRET, said)

    def posted(self, headers: dict[str, str], body: bytes) -> str:
        """The status in a body whose signature is right."""
        signed = headers["x-sdkrelay-timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(SECRET.encode(), signed, sha256).hexdigest()
        self.assertEqual(headers["x-sdkrelay-signature"], expected)
        return str(json.loads(body)["status"])

    async def test_what_operators_say_is_kept(self) -> None:
        """Over a restart, and shown without the webhook's secrets."""
        url = "http://127.0.0.1:1/hunter2"
        relay = self.relay(SDKRELAY_ALERTS__WEBHOOK_URL=url, SDKRELAY_ALERTS__WEBHOOK_SECRET=SECRET)
        connection = await connect(reactor, relay.ws_url)
        self.addCleanup(connection.abort)
        await connection.request("alert_config", alert_id="mine", condition="index_lag > 6 or latency > 2")
        await deferToThread(relay.stop)
        await deferToThread(relay.start)
        _, listed = await self.ask(relay, "GET", "/alerts")
        self.assertIn("mine", [alert["alert_id"] for alert in listed["alerts"]])
        _, shown = await self.ask(relay, "GET", "/config")
        self.assertEqual(shown["alerts"], {"interval": 5, "fire_after": 30, "clear_after": 60})
        _, exported = await self.ask(relay, "GET", "/export/data")
        self.assertEqual([alert["alert_id"] for alert in exported["alerts"]], ["mine"])
        self.assertNotIn("hunter2", json.dumps([shown, exported]) + relay.log_path.read_text())
