"""Killed without warning, the store keeps all that it acknowledged and nothing half."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.stores import now, opened

ROUNDS = 10

#: One step after the other, each with an entry whose number it says: seven blocks stored, the last one removed, and again.
WRITER = """
import sys
from tests.support.stores import ROOT, block, block_notice, now, opened
store = now(opened(sys.argv[1]))
print("ready", flush=True)
while True:
    tip = now(store.index.tip()) or ROOT
    if now(store.log.last_number()) % 8 == 7:
        [entry] = now(store.index.disconnect_tip(tip, [], [block_notice(tip)]))
    else:
        [entry] = now(store.index.append_block(block(tip, 200), [block_notice(tip)]))
    print(entry.number, flush=True)
"""


class KillTests(SynchronousTestCase):
    """kill -9 while blocks are stored and removed."""

    def setUp(self) -> None:
        self.url = f"sqlite:///{Path(self.mktemp()).absolute()}"
        self.chance = random.Random(9)

    def acknowledged(self) -> int:
        """Run the writer until it is killed, at a random moment after a random step; the last number it said."""
        command = [sys.executable, "-c", WRITER, self.url]
        root = Path(__file__).resolve().parents[2]
        writer = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(writer.kill)
        assert writer.stdout is not None
        assert writer.stderr is not None
        self.assertEqual(writer.stdout.readline(), "ready\n")
        said = "".join(writer.stdout.readline() for _ in range(self.chance.randrange(9)))
        threading.Timer(self.chance.uniform(0.0, 0.05), writer.kill).start()
        said += writer.stdout.read()  # communicate() would pass over what readline() has read ahead.
        self.assertEqual((writer.stderr.read(), writer.wait()), ("", -9))
        whole = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
        return int(whole[-1]) if whole else 0

    def test_all_that_was_acknowledged_is_there(self) -> None:
        """After each kill the log has what was said, at most one step more, and index, totals and log agree."""
        total = 0
        for _ in range(ROUNDS):
            total = max(self.acknowledged(), total)
            store = now(opened(self.url))
            last = now(store.log.last_number())
            self.assertIn(last - total, (0, 1))
            total = last
            rows = now(store.index.rows(0, 1 << 40))
            self.assertEqual(len(rows), last - 2 * (last // 8))
            self.assertEqual(now(store.index.totals()), (len(rows), 200 * len(rows)))
            self.assertTrue(all(after.prev_hash == before.hash for before, after in pairwise(rows)))
            now(store.close())
        self.assertGreater(total, ROUNDS)
