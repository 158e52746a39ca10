"""The demonstration of the mesh, run as its users run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from tests.support.bitcoind import command
from tests.support.live import aside
from tests.support.source import ROOT

RUN = "import sys; from sdkrelay.cli import main; sys.exit(main(['mesh-demo', *sys.argv[1:]]))"


class MeshDemoTests(TestCase):
    """Three relays, a partition, and its end."""

    timeout = 180

    def setUp(self) -> None:
        """A bitcoind can be had."""
        command()
        self.folder = Path(self.mktemp()).absolute()

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """The demonstration, started with its data where the test sees it."""
        running = subprocess.Popen(
            [sys.executable, "-c", RUN, f"--folder={self.folder}", "--messages=5", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.addCleanup(running.kill)
        return running

    def left(self) -> list[str]:
        """Processes that still work in the folder."""
        commands = [words(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        return [each for each in commands if str(self.folder) in each]

    async def test_once(self) -> None:
        """It shows a message reach all, a cut, and that all have everything after it; it ends well, and with it all it began."""
        running = self.begin("--once")
        said, _ = await aside(running.communicate)
        self.assertEqual(0, running.returncode, said)
        for words in ("c's client is told after", "Cutting a off from b and c", "all have everything", "/sync/status"):
            self.assertIn(words, said)
        self.assertIn("a's client knows 11 of 11, b's client knows 11 of 11, c's client knows 11 of 11", said)
        self.assertEqual([], self.left())

    async def test_interrupted(self) -> None:
        """Ctrl-C ends it and all it began, whatever it does."""
        running = self.begin()
        assert running.stdout is not None
        await aside(lambda: next(line for line in running.stdout or () if "Each is linked" in line))
        running.send_signal(signal.SIGINT)
        said, _ = await aside(running.communicate)
        self.assertEqual(0, running.returncode, said)
        self.assertEqual([], self.left())


def words(path: Path) -> str:
    """What a process was started with; nothing of one that is gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
