"""The client with real relays on one chain: each payment once, though relays are killed and programs start again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from sdkrelay.client import Client, Relay, Scan
from tests.support.bitcoind import until
from tests.support.live import LiveTestCase, Stage, aside, indexed

from .listener import Owner

EXAMPLE = Path(__file__).parents[2] / "docs/examples/client.py"


class ClientTests(LiveTestCase):
    """Two relays on one bitcoind, the second the backup of the first."""

    timeout = 120

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start node and relays."""
        super().furnish(stage)
        cls.first, cls.second = stage.relay(cls.node, "first"), stage.relay(cls.node, "second")

    async def start(self) -> None:
        """Both relays run and are at the tip."""
        for relay in (self.first, self.second):
            if relay.pid is None:
                relay.start()
            await indexed(relay)

    async def test_each_payment_once_though_the_primary_is_killed(self) -> None:
        """Payments before, while and after the primary is killed without warning are each given once, and confirmed once."""
        await self.start()
        client, owner = self.client(), Owner.make()
        told = self.read(client)
        await client.connect()
        await client.register_wallet(*owner.keys.values())
        paid = [await self.pay((owner.address, 10_000))]
        await self.hear(told, 1)
        self.first.kill()
        paid.append(await self.pay((owner.address, 20_000)))
        await self.mine()
        await indexed(self.second)  # Which has told of this payment before there is the next.
        paid.append(await self.pay((owner.address, 30_000)))
        await self.hear(told, 3)
        self.first.start()
        await until(lambda: client.relay and client.relay.ws_url == self.first.ws_url, "the way back", 90)
        paid.append(await self.pay((owner.address, 40_000)))
        await self.mine()
        await until(lambda: len(kinds(told, "payment_confirmed")) == 4, "confirmations", 60)
        self.assertEqual(paid, kinds(told, "payment_detected"))
        self.assertEqual(sorted(paid), sorted(kinds(told, "payment_confirmed")))
        self.assertEqual([], repeated_blocks(told))

    async def test_calls(self) -> None:
        """Scans, expected payments, the HTTP interface and its failover work against a real relay."""
        await self.start()
        client, owner = self.client(), Owner.make()
        self.read(client)
        await client.connect()
        wallet = await client.register_wallet(*owner.keys.values())
        await client.create_payment("order", 5_000, wallet["address"])
        await self.pay((owner.address, 5_000))
        await self.mine()
        await indexed(self.first)
        found: Scan = await client.scan([wallet["address"]], from_block=131, to_block=await aside(self.height))
        self.assertEqual([5_000], [one["amount_sats"] for one in await found.results()])
        self.assertEqual(["order"], [one["payment_id"] async for one in client.list_payments()])
        self.assertEqual([wallet["wallet_id"]], [one["wallet_id"] async for one in client.list_wallets()])
        self.assertEqual("sync_ack", (await client.sync_message({"a": 1}))["type"])
        self.first.kill()
        self.assertIn("status", await client.get_health())

    async def test_the_example(self) -> None:
        """It prints each payment once, over a kill in between too, but for the one in hand."""
        await self.start()
        owner, state = Owner.make(), self.mktemp()
        await self.lines(owner, state, f"watching {owner.address}")
        first = await self.pay((owner.address, 70_000))
        detected = f"payment_detected 0.0007 BTC {first}"
        await self.lines(owner, state, f"watching {owner.address}", detected)
        await self.mine()
        second = await self.pay((owner.address, 80_000))
        await self.lines(
            owner,
            state,
            f"watching {owner.address}",
            f"payment_confirmed 0.0007 BTC {first}",
            f"payment_detected 0.0008 BTC {second}",
            again=detected,
        )

    async def lines(self, owner: Owner, state: str, *expected: str, again: str = "") -> None:
        """Run the example and end it without warning after these lines; before the others ``again`` may stand once more.

        That is what the run before was told last: whether it was done with it when it was killed is left to chance.
        """
        keys = owner.keys
        running = subprocess.Popen(
            [sys.executable, str(EXAMPLE), state, keys["spend_public_key"], self.first.ws_url, self.second.ws_url],
            env={**os.environ, "SCAN_PRIVATE_KEY": keys["scan_private_key"], "PYTHONPATH": str(EXAMPLE.parents[2])},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.assertEqual(list(expected), [line async for line in self.said(running, len(expected), again)])
        finally:
            running.kill()
            running.communicate()

    async def said(self, running: subprocess.Popen[str], lines: int, again: str) -> AsyncIterator[str]:
        """So many lines of a program, without one that may stand before the second."""
        assert running.stdout is not None
        for number in range(lines):
            line = (await aside(running.stdout.readline)).rstrip()
            if number == 1 and line == again:
                line = (await aside(running.stdout.readline)).rstrip()
            yield line

    def client(self) -> Client:
        """A client of the first relay with the second as backup."""
        backups = [Relay(self.second.ws_url, self.second.http_url)]
        client = Client(self.first.ws_url, self.first.http_url, backups=backups, failover=1.0, reactor=reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(client.close()))
        return client

    def read(self, client: Client) -> list[dict[str, Any]]:
        """All that the client is given from now on."""
        told: list[dict[str, Any]] = []
        client.on("notification", told.append)
        Deferred.fromCoroutine(client.listen()).addErrback(told.append)
        return told

    async def hear(self, told: list[dict[str, Any]], payments: int) -> None:
        """Wait for so many payments."""
        await until(lambda: len(kinds(told, "payment_detected")) >= payments, f"{payments} payments", 60)

    def height(self) -> int:
        """The tip's."""
        found: int = self.node.call("getblockcount")
        return found


def kinds(told: list[dict[str, Any]], kind: str) -> list[str]:
    """The transactions of all notifications of a kind."""
    return [one["data"]["txid"] for one in told if one["notification_type"] == kind]


def repeated_blocks(told: list[dict[str, Any]]) -> list[str]:
    """Blocks that were told more than once."""
    hashes = [one["data"]["block_hash"] for one in told if one["notification_type"] == "block_mined"]
    return [one for one in set(hashes) if hashes.count(one) > 1]
