"""``sdkrelay sync`` against a relay on loopback: what was exchanged, and why it was not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.support.nostr_relay import ALICE, BOB
from tests.support.source import ROOT

from .meshed import MeshRelay, free_port
from .test_nostr import has, nostr, put

RUN = "import sys; from sdkrelay.cli import main; sys.exit(main(sys.argv[1:]))"


class SyncCommandTests(TestCase):
    """The command as a process of its own."""

    timeout = 90

    def setUp(self) -> None:
        """A relay that runs, and the settings of another that does not."""
        folder = Path(self.mktemp()).absolute()
        self.there, self.here = MeshRelay(folder, "there"), MeshRelay(folder, "here")
        self.settings = folder / "sdkrelay.toml"
        folder.mkdir(parents=True)
        data = self.here.config.data_dir
        self.settings.write_text(f'data_dir = "{data}"\nnetwork = "regtest"\n')

    async def tearDown(self) -> None:
        """Leave nothing in the reactor."""
        await self.here.stop()
        await self.there.stop()

    async def said(self, *arguments: str) -> tuple[int, str, str]:
        """Status, standard output and standard error."""
        command = ["-c", RUN, "sync", *arguments, "--config", str(self.settings)]
        out, err, status = await getProcessOutputAndValue(
            sys.executable, command, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        return status, out.decode(), err.decode()

    async def test_both_have_all_afterwards(self) -> None:
        """As far as the filter goes, and a second time there is nothing left to do."""
        await self.here.start()
        await put(self.here, ALICE.event(content="here"), ALICE.event(7, "of another kind"))
        await self.here.stop()
        await self.there.start()
        await put(self.there, BOB.event(content="there"), BOB.event(content="there, too"))
        chosen = (self.there.address, "--filter", '{"kinds": [1]}')
        self.assertEqual(await self.said(*chosen), (0, "2 events received, 1 sent, 0 refused.\n", ""))
        self.assertEqual(await self.said(*chosen), (0, "0 events received, 0 sent, 0 refused.\n", ""))
        await has(self.there, 3)
        await self.here.start()
        await has(self.here, 4)

    async def test_a_relay_that_runs_is_not_disturbed(self) -> None:
        """The command says what to set instead."""
        await self.here.start()
        status, _, errors = await self.said(self.there.address)
        self.assertEqual(status, 1)
        self.assertIn("the relay is running: stop it first", errors)
        self.assertIn(f'[nostr.streams.NAME]\nurl = "{self.there.address}"', errors)
        self.assertEqual((await nostr(self.here).store.figures()).events, 0)

    async def test_nobody_there(self) -> None:
        """Is told in a sentence."""
        status, _, errors = await self.said(f"ws://127.0.0.1:{free_port()}")
        self.assertEqual((status, errors.startswith("sdkrelay sync: Connection was refused")), (1, True), errors)

    async def test_what_cannot_be_meant(self) -> None:
        """A wrong address, filter or direction ends with status 2 and says what was expected."""
        url = self.there.address
        wrong = {"expected wss": ("https://a.example",), "--filter: ": (url, "--filter", '{"limit": 5}'),
                 "invalid choice": (url, "--direction", "sideways")}  # fmt: skip
        for expected, arguments in wrong.items():
            status, _, errors = await self.said(*arguments)
            self.assertEqual((status, expected in errors), (2, True), errors)
