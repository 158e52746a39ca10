"""Expected payments over a real bitcoind and relays that are killed, and moving them to another relay."""

from __future__ import annotations

import json
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from sdkrelay.client import Connection, connect
from sdkrelay.crypto.silent import public_key
from sdkrelay.demo.payer import Payer
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.world import SystemEntropy
from tests.support.bitcoind import make_node, pause
from tests.support.source import ROOT

_entropy = SystemEntropy()
PASSPHRASE = {"X-Export-Passphrase": "correct horse"}
JSON = {"Content-Type": "application/json"}
#: What of an export is the same on another relay.
SAME = ("version", "network", "payments", "messages", "relays", "alerts")


class PaymentTests(TestCase):
    """Two relays over one node; a wallet and a payment to it on the first."""

    timeout = 180

    async def setUp(self) -> None:
        """A chain with something to spend, and a client that expects a payment with two confirmations."""
        self.node = make_node(self)
        self.node.start()
        self.payer = Payer(self.node, _entropy.bytes(32))
        await deferToThread(self.payer.mine, 101)
        self.relay, self.other = self.process("relay"), self.process("other")
        connection = await self.client()
        self.wallet = await connection.request(
            "register_wallet",
            scan_private_key=_entropy.bytes(32).hex(),
            spend_public_key=public_key(_entropy.bytes(32)).hex(),
        )
        address = self.wallet["address"]
        body = {"payment_id": "pay_1", "amount_sats": 100_000, "recipient": address, "confirmations_required": 2}
        await connection.request("create_payment", **body)
        connection.abort()

    def process(self, name: str) -> RelayProcess:
        """A started relay."""
        folder = tempfile.TemporaryDirectory(prefix=f"sdkrelay-{name}-")
        self.addCleanup(folder.cleanup)
        relay = RelayProcess(Path(folder.name) / name, self.node, (), {"PYTHONPATH": str(ROOT)})
        self.addCleanup(relay.kill)
        relay.start()
        return relay

    async def client(self, **handshake: Any) -> Connection:
        """A client of the first relay that hears of payments."""
        connection = await connect(reactor, self.relay.ws_url, capabilities=["silent_payments"], **handshake)
        self.addCleanup(connection.abort)
        return connection

    async def updates(self, until: str) -> list[tuple[str, int | None]]:
        """All updates from the first on, heard by a holder of the wallet, to the first of this status."""
        start = f"{self.wallet_log}-0"
        connection = await self.client(wallet_tokens=[self.wallet["wallet_token"]], since=start)
        told: list[tuple[str, int | None]] = []
        while not told or told[-1][0] != until:
            message = await connection.next()
            if message["type"] == "payment_update":
                told.append((message["status"], message["block_height"]))
        return told

    async def ask(self, relay: RelayProcess, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        """The JSON answer to an HTTP request."""

        def exchange() -> Any:
            connection = HTTPConnection("127.0.0.1", relay.http_port, timeout=60)
            connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            return json.loads(response.read())

        return await deferToThread(exchange)

    async def test_told_once_through_kills(self) -> None:
        """Killed after each step, the relay tells every change, in order, and none twice."""
        connection = await self.client()
        self.wallet_log = connection.greeting["position"].rpartition("-")[0]
        await deferToThread(self.payer.pay, [(self.wallet["address"], 100_000)])
        self.assertEqual(await self.updates("detected"), [("detected", None)])
        for confirmations in (1, 2):
            self.relay.kill()
            await deferToThread(self.payer.mine)
            self.relay.start()
            await self.reached(confirmations)
        told = await self.updates("confirmed")
        self.assertEqual(told, [("detected", None), ("detected", 102), ("confirmed", 102)])

    async def test_moves_to_another_relay(self) -> None:
        """What the other exports afterwards is the same, and the wallet's token is good there."""
        await deferToThread(self.payer.pay, [(self.wallet["address"], 100_000)])
        await deferToThread(self.payer.mine, 2)
        await self.standing(self.relay, "confirmed")
        first = await self.ask(self.relay, "GET", "/export/data", **PASSPHRASE)
        taken = await self.ask(self.other, "POST", "/import/data", json.dumps(first).encode(), **PASSPHRASE, **JSON)
        self.assertEqual((taken["imported"], taken["skipped"], taken["conflicts"]), (2, 0, 0))
        await self.standing(self.other, "confirmed")
        second = await self.ask(self.other, "GET", "/export/data", **PASSPHRASE)
        self.assertEqual([second[name] for name in SAME], [first[name] for name in SAME])
        self.assertEqual(len(second["wallets"]), 1)

    async def reached(self, confirmations: int) -> None:
        """Until the relay has seen so many confirmations: a change that it never saw is told together with the next."""
        while True:
            answer = await self.ask(self.relay, "GET", "/payments", X_Wallet_Token=self.wallet["wallet_token"])
            if answer["payments"][0]["confirmations"] == confirmations:
                return
            await pause(0.1)

    async def standing(self, relay: RelayProcess, status: str) -> None:
        """Until the wallet's holder sees the payment stand so on this relay."""
        while True:
            answer = await self.ask(relay, "GET", "/payments", X_Wallet_Token=self.wallet["wallet_token"])
            if [one["status"] for one in answer["payments"]] == [status]:
                return
            await pause(0.1)
