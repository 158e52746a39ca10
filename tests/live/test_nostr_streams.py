"""Streams with a relay of others: nostr-sdk's, in a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from msgspec.structs import replace
from twisted.trial.unittest import TestCase

from sdkrelay.config.nostr import Nostr
from sdkrelay.config.streaming import NostrStream
from tests.mesh.meshed import MeshRelay, free_port
from tests.mesh.test_nostr import has, put
from tests.support.live import aside
from tests.support.nostr_clients import PYTHON_PACKAGES, SCRIPTS
from tests.support.nostr_relay import ALICE, BOB
from tests.support.python_with import python_with


class LocalRelayTests(TestCase):
    """Two relays of ours, and theirs between them."""

    timeout = 240

    async def setUp(self) -> None:
        """Theirs serves; one of ours gives it events and the other takes them."""
        python, port = await aside(python_with, *PYTHON_PACKAGES), free_port()
        self.theirs = subprocess.Popen(
            [python, str(SCRIPTS / "local_relay.py"), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.theirs.stdout is not None
        self.assertEqual(await aside(self.theirs.stdout.readline), "ready\n")
        folder = Path(self.mktemp()).absolute()
        self.giver, self.taker = MeshRelay(folder, "giver"), MeshRelay(folder, "taker")
        for relay, direction in ((self.giver, "up"), (self.taker, "down")):
            stream = NostrStream(url=f"ws://127.0.0.1:{port}", direction=direction)  # type: ignore[arg-type]
            relay.config = replace(relay.config, nostr=Nostr(streams={"theirs": stream}))

    async def tearDown(self) -> None:
        """Leave nothing in the reactor, and no process."""
        await self.giver.stop()
        await self.taker.stop()
        self.theirs.kill()
        await aside(self.theirs.communicate)

    async def test_events_go_through_it(self) -> None:
        """By reconciliation what was there before, and live what comes."""
        await self.giver.start()
        await put(self.giver, ALICE.event(content="before"), BOB.event(0, '{"name":"Bob"}'))
        await self.taker.start()
        await has(self.taker, 2)
        await put(self.giver, ALICE.event(content="after"))
        await has(self.taker, 3)
