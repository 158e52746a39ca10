"""Three relays started as their operators start them, of which two dial the one between them: what they say, keep and tell."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

from sdkrelay import __version__
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.demo.relays import RelayMesh, connected
from tests.support.bitcoind import pause, until
from tests.support.live import LiveTestCase, Stage, aside, indexed

from .listener import Listener

#: The first and the last dial the one between them.
WAYS = ((0, 1), (2, 1))
TOPICS = ("sync", "relays", "alerts")
TYPES = ["StateSync", "HealthSync", "MetricsSync", "ReconcileSync"]


class MeshTests(LiveTestCase):
    """Three relays on one bitcoind; what one test changes of the mesh it undoes."""

    timeout = 240
    mesh: RelayMesh

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Start the node; the relays start with the first test."""
        super().furnish(stage)
        cls.mesh = stage.mesh(cls.node, ways=WAYS, environment={"SDKRELAY_ALERTS__INTERVAL": "1"})

    async def start(self) -> None:
        """All run, and are linked as they should be."""
        self.first, self.middle, self.last = self.mesh.relays
        await self.mesh.start()
        await eventually(self.mesh.linked, "links")

    async def listener(self, relay: RelayProcess) -> Listener:
        """A client that follows what relays tell of each other."""
        listener = Listener(relay)
        await self.come(listener)
        self.addCleanup(listener.go)
        return listener

    async def come(self, listener: Listener) -> None:
        """Connect (again), and follow."""
        await listener.come(capabilities=())
        await listener.connection.request("subscribe", subscriptions=TOPICS, since=listener.position)

    async def test_a_message_reaches_all(self) -> None:
        """Left with a relay at one end, it is told to the clients of all, once each."""
        await self.start()
        listeners = [await self.listener(relay) for relay in self.mesh.relays]
        answer = await leave(listeners[0], "to-all")
        self.assertEqual("sync_ack", answer["type"])
        for listener in listeners:
            told = await listener.hear("sync_message", 60, message_id="to-all")
            self.assertEqual({"text": "to-all"}, told["content"])
            self.assertEqual(1, len(listener.heard("sync_message", message_id="to-all")))

    async def test_figures(self) -> None:
        """Relays, exchanges and metrics are shown as they were measured."""
        await self.start()
        await eventually(lambda: has_compared(self.middle), "a comparison")
        [shown, _] = await connected(self.middle)
        self.assertEqual((__version__, 0), (shown["version"], shown["offences"]))
        report = await aside(self.middle.get, f"/relays/{shown['relay_id']}")
        self.assertEqual((shown["id"], "connected"), (report["id"], report["connection"]))
        self.assertGreater(report["latency"], 0)
        self.assertEqual(100.0, report["metrics"]["success_rate"])
        status = await aside(self.middle.get, "/sync/status")
        self.assertEqual(TYPES, status["sync_types"])
        self.assertGreaterEqual(status["statistics"]["successful_syncs"], 4)
        self.assertGreaterEqual(status["next_sync"], status["last_sync"])
        metrics = (await aside(self.middle.get, "/metrics"))["sync_metrics"]
        self.assertEqual((2, 2), (metrics["known_relays"], metrics["mesh_connections"]))
        self.assertGreaterEqual(metrics["sync_requests"], 4)

    async def test_forced(self) -> None:
        """``POST /sync/force`` asks the relays named for the types named, and nobody else for anything else."""
        await self.start()
        await eventually(lambda: has_exchanged(self.middle), "an exchange")
        before = await latest(self.middle)
        target = (await connected(self.middle))[0]["relay_id"]
        wanted = {"sync_types": ["HealthSync", "ReconcileSync"], "target_relays": [target]}
        answer = await aside(self.middle.ask, "POST", "/sync/force", wanted)
        self.assertEqual(([target], wanted["sync_types"]), (answer["target_relays"], answer["sync_types"]))
        await eventually(lambda: has_asked(self.middle, before, target), "what was asked for")

    async def test_a_relay_that_was_stopped(self) -> None:
        """It has everything once it is back; others tell that it went, is not reached, and came."""
        await self.start()
        listener, away = await self.listener(self.middle), await self.listener(self.last)
        at_the_end = await self.listener(self.first)
        relay_id = away.connection.greeting["relay_id"]
        await aside(self.last.stop)
        await away.gone()
        await listener.hear("relay_disconnected", 60, relay_id=relay_id)
        names = [f"while-away-{number}" for number in range(20)]
        for number, name in enumerate(names):
            await leave((listener, at_the_end)[number % 2], name)
        await self.mesh.start()
        await self.come(away)
        for name in names:
            await away.hear("sync_message", 60, message_id=name)
        await listener.hear("relay_connected", 60, relay_id=relay_id)

    async def test_a_relay_that_is_not_reached(self) -> None:
        """Who dials in vain tells WS_CONNECTION_FAILED, and shows it; who was removed is not dialled any more."""
        await self.start()
        listener = await self.listener(self.last)
        added = await aside(self.last.ask, "POST", "/relays/add", {"address": "ws://127.0.0.1:9"})
        await until(lambda: failures(listener), "a failure that is told", 60)
        self.assertEqual(added["id"], failures(listener)[0]["details"]["relay_id"])
        report = await aside(self.last.get, f"/relays/{added['id']}")
        self.assertEqual("disconnected", report["connection"])
        self.assertGreaterEqual(report["errors"], 3)
        await aside(self.last.ask, "DELETE", f"/relays/{added['id']}")
        self.assertEqual(1, (await aside(self.last.get, "/relays"))["total"])

    async def test_added_and_removed(self) -> None:
        """A relay that is added is linked at once, and after a restart; one that is removed is not linked any more."""
        await self.start()
        listener = await self.listener(self.first)
        added = await aside(self.last.ask, "POST", "/relays/add", {"address": self.first.ws_url})
        mine = (await aside(self.last.get, "/health"))["relay_id"]
        await listener.hear("relay_connected", 60, relay_id=mine)
        await aside(self.last.stop)
        await listener.hear("relay_disconnected", 60, relay_id=mine)
        listener.told.clear()
        await self.mesh.start()
        await listener.hear("relay_connected", 60, relay_id=mine)
        self.assertEqual(added["id"], (await aside(self.last.ask, "DELETE", f"/relays/{added['id']}"))["relay_id"])
        await listener.hear("relay_disconnected", 60, relay_id=mine)
        self.assertEqual(1, len(await connected(self.first)))

    async def test_digests_that_differ(self) -> None:
        """Two relays that made other things of one block say so in an alert and in ``/relays``, until they agree."""
        await self.start()
        for relay in (self.first, self.middle, self.last):
            await indexed(relay)
        listener = await self.listener(self.first)
        right = await self.tamper(self.middle, bytes(32))
        await until(lambda: alerts(listener, "firing"), "an alert", 60)
        [shown] = await connected(self.first)
        [dispute] = shown["digest_disputes"]
        self.assertEqual((right.hex(), bytes(32).hex()), (dispute["ours"], dispute["theirs"]))
        self.assertEqual("warning", shown["health"])
        self.assertEqual(1, len((await connected(self.middle))[0]["digest_disputes"]))
        await self.tamper(self.middle, right)
        await until(lambda: alerts(listener, "resolved"), "the end of the alert", 60)

    async def tamper(self, relay: RelayProcess, digest: bytes) -> bytes:
        """Give the last block that a relay has another digest while it is stopped; the one it had."""
        await aside(relay.stop)
        with closing(sqlite3.connect(relay.folder / "sdkrelay.sqlite")) as database, database:
            height, before = database.execute("SELECT height, digest FROM block ORDER BY height DESC").fetchone()
            database.execute("UPDATE block SET digest = ? WHERE height = ?", (digest, height))
        await self.start()
        return bytes(before)


async def leave(listener: Listener, name: str) -> dict[str, Any]:
    """Leave a message with the relay that a client is connected to; what the relay answers."""
    return await listener.connection.request("sync_message", message_id=name, content={"text": name}, ttl=3600)


async def eventually(is_so: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait for something that has to be asked for."""
    for _ in range(600):
        if await is_so():
            return
        await pause(0.1)
    raise AssertionError(f"did not happen: {what}")


async def exchanges(relay: RelayProcess) -> list[dict[str, Any]]:
    """The last exchanges of a relay, newest first."""
    history: list[dict[str, Any]] = (await aside(relay.get, "/sync/history"))["history"]
    return history


async def latest(relay: RelayProcess) -> str:
    """The name of a relay's last exchange."""
    return str((await exchanges(relay))[0]["message_id"])


async def has_exchanged(relay: RelayProcess) -> bool:
    """Whether a relay had any exchange."""
    return bool(await exchanges(relay))


async def has_compared(relay: RelayProcess) -> bool:
    """Whether a relay had an exchange of each type."""
    return {one["sync_type"] for one in await exchanges(relay) if one["status"] == "success"} == set(TYPES)


async def has_asked(relay: RelayProcess, before: str, target: str) -> bool:
    """Whether a relay has asked another for its health and compared records with it since an exchange."""
    names = [one["message_id"] for one in await exchanges(relay)]
    since = (await exchanges(relay))[: names.index(before)]
    asked = {(one["sync_type"], one["target_relay"]) for one in since if one["latency"] is not None}
    return {("HealthSync", target), ("ReconcileSync", target)} <= asked


def failures(listener: Listener) -> list[dict[str, Any]]:
    """What a client was told of relays that are not reached."""
    return [one for one in listener.others if one.get("error_code") == "WS_CONNECTION_FAILED"]


def alerts(listener: Listener, status: str) -> list[dict[str, Any]]:
    """The alerts about digests that a client was told."""
    told = [one for one in listener.others if one["type"] == "alert" and one["alert_id"] == "digests_differ"]
    return [one for one in told if one["status"] == status]
