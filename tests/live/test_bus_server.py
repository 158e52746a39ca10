"""The real JavaScript client of the Xcraft bus at a relay: over TCP, over TLS, and over TLS with certificates."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from sdkrelay.bus import BusClient, BusConfig, CommandError
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.bitcoind.process import free_port
from tests.support.bitcoind import until
from tests.support.certificates import Authority
from tests.support.live import LiveTestCase, Stage, aside, height, indexed
from tests.support.xcraft import installed
from tests.support.xcraft_client import JavaScriptClient

from .listener import Owner

SATS = 120_000


class BusTestCase(LiveTestCase):
    """One relay for the whole class, with clients for each test."""

    relay: RelayProcess
    #: What a client needs beside the ports.
    settings: dict[str, Any]
    ports: tuple[int, int]
    clients: int = 0

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start node and relay."""
        installed()
        super().furnish(stage)
        cls.ports, cls.settings = (free_port(), free_port()), {}
        cls.relay = stage.relay(cls.node, environment={**cls.bus(), **cls.tls(stage.folder)})
        # Endpoint strings are plain whatever the settings say of TLS, so that the relay can be asked how it is.
        ports = {"ws": cls.relay.ws_port, "http": cls.relay.http_port}
        cls.relay.options = [f"--{name}=tcp:{port}:interface=127.0.0.1" for name, port in ports.items()]
        cls.relay.start()

    @classmethod
    def bus(cls) -> dict[str, str]:
        """The variables that open the bus."""
        commands, events = (f"127.0.0.1:{port}" for port in cls.ports)
        return {
            "SDKRELAY_BUS__ENABLED": "true",
            "SDKRELAY_BUS__COMMANDS_URL": commands,
            "SDKRELAY_BUS__EVENTS_URL": events,
        }

    @classmethod
    def tls(cls, folder: Path) -> dict[str, str]:
        """The variables that encrypt it; none here."""
        return {}

    def client(self, *steps: tuple[str, Any], **settings: Any) -> JavaScriptClient:
        """A client that sends these commands."""
        type(self).clients += 1
        commands, events = self.ports
        ports = {"commanderPort": commands, "notifierPort": events}
        folder = self.stage.folder / f"client-{self.clients}"
        client = JavaScriptClient.start(folder, {**ports, **self.settings, **settings}, *steps)
        self.addCleanup(client.program.end)
        return client


class ComingBackTests(BusTestCase):
    """The relay ends, one way or the other."""

    async def test_clients_come_back(self) -> None:
        """After a power cut they find it again, go on under their old name, and are answered."""
        client = self.client()
        name = (await client.says("connected"))["orc"]
        self.relay.kill()
        self.relay.start()
        self.assertEqual(await client.says("reconnect"), name)
        await client.says("answer")
        self.assertEqual(client.answers("relay.ping")[0]["type"], "pong")

    async def test_the_game_is_over(self) -> None:
        """A relay that is stopped tells its clients not to come back."""
        client = self.client()
        await client.says("connected")
        self.assertEqual(await aside(self.relay.stop), -signal.SIGTERM)
        await client.hears("gameover")
        self.relay.start()


class OwnClientTests(BusTestCase):
    """The relay's own client at the relay's own bus."""

    async def test_both_ends_are_of_one_mind(self) -> None:
        """A wallet that came over the bus is told of its payment there; errors have their codes."""
        await indexed(self.relay)
        owner, told = Owner.make(), list[Any]()
        client = BusClient(BusConfig(commander_port=self.ports[0], notifier_port=self.ports[1]))
        await client.connect()
        self.addCleanup(client.stop)
        response = client.new_response("wallet")
        response.events.subscribe("*::relay.payment_detected", lambda event: told.append(event.data["data"]))
        await response.command.send_async("relay.register_wallet", owner.keys)
        with self.assertRaises(CommandError) as caught:
            await response.command.send_async("relay.scan", {"from_block": -1})
        self.assertIn("VALIDATION_ERROR", str(caught.exception))
        txid = await self.pay((owner.address, SATS))
        await until(lambda: told, "a payment over the bus")
        self.assertEqual((told[0]["txid"], told[0]["amount_sats"]), (txid, SATS))


class BusOverTcpTests(BusTestCase):
    """What clients do, in clear."""

    #: What who is no operator is told.
    operators = "AUTH_REQUIRED"

    async def test_a_wallet_is_told_and_nobody_else(self) -> None:
        """Health, a wallet, its payment; a foreign client, which only listens, hears of the block and of nothing else."""
        await indexed(self.relay)
        owner = Owner.make()
        health: tuple[str, Any] = ("relay.health", {})
        register = ("relay.register_wallet", owner.keys)
        holder, foreign = self.client(health, register), self.client()
        for client in (holder, foreign):
            await client.says("ready")
        self.assertEqual(holder.answers("relay.health")[0]["status"], "healthy")
        (wallet,) = holder.answers("relay.register_wallet")
        txid = await self.pay((owner.address, SATS))
        told = await holder.hears("::relay.payment_detected")
        self.assertEqual((told["data"]["txid"], told["data"]["amount_sats"]), (txid, SATS))
        (mined,) = await self.mine()
        await holder.hears("::relay.payment_confirmed")
        self.assertEqual((await foreign.hears("relay::block_mined"))["data"]["block_hash"], mined)
        # What the relay says after the block comes after whatever it said before.
        printed = foreign.program.printed()
        for private in (wallet["wallet_id"], wallet["wallet_token"], txid, "payment_detected"):
            self.assertNotIn(private, printed)

    async def test_errors_are_theirs(self) -> None:
        """An unknown command, a field that is wrong, and what is the operator's."""
        client = self.client(("relay.nothing", {}), ("relay.scan", {"from_block": -1}), ("relay.restart", {}))
        await client.says("ready")
        codes = [one["data"]["code"] for one in client.lines("failed")]
        self.assertEqual(codes, ["CMD_NOT_AVAILABLE", "VALIDATION_ERROR", self.operators])

    async def test_clients_are_counted(self) -> None:
        """In the relay's own words, with the commands they find in its registry."""
        client = self.client(("relay.health", None))
        self.assertIn("relay.register_wallet", (await client.says("connected"))["names"])
        await client.says("ready")
        self.assertGreaterEqual(client.answers("relay.health")[0]["connections"]["bus"], 1)
        self.assertGreaterEqual(height(self.node), 1)


class BusOverTlsTests(BusOverTcpTests):
    """The relay's certificate is checked by the client."""

    @classmethod
    def tls(cls, folder: Path) -> dict[str, str]:
        """A certificate of an authority that the clients know."""
        cls.authority = authority = Authority(folder / "tls")
        certificate, key = authority.issue("relay")
        cls.settings["caPath"] = str(authority.path)
        return {"SDKRELAY_TLS__CERTIFICATE": str(certificate), "SDKRELAY_TLS__KEY": str(key)}

    authority: Authority


class BusWithCertificatesTests(BusOverTlsTests):
    """Clients show certificates too, and one without is sent away."""

    operators = "FORBIDDEN"

    @classmethod
    def tls(cls, folder: Path) -> dict[str, str]:
        """An authority for both sides; a client's certificate makes it a reader."""
        variables = super().tls(folder)
        certificate, key = cls.authority.issue("program", client=True)
        cls.settings.update(certPath=str(certificate), keyPath=str(key))
        trusted = {"CLIENT_CA": str(cls.authority.path)}
        return {
            **variables,
            **{f"SDKRELAY_TLS__{name}": value for name, value in trusted.items()},
            "SDKRELAY_BUS__REQUIRE_CERTIFICATE": "true",
            "SDKRELAY_AUTH__USERS": "program=reader",
        }

    async def test_the_certificate_says_who_it_is(self) -> None:
        """Nothing else had to be sent for that."""
        client = self.client(("relay.secure", {}))
        await client.says("ready")
        (shown,) = client.answers("relay.secure")
        self.assertEqual((shown["subject"], shown["roles"]), ("CN=program", ["reader"]))

    async def test_without_one_it_is_sent_away(self) -> None:
        """In the words their clients know; commands are not taken."""
        client = self.client(("relay.health", {}), certPath="", keyPath="")
        await client.says("reason", "XCRAFT_AXON_CLIENT_CERTIFICATE_REJECT")
        self.assertEqual(client.lines("connected"), [])
