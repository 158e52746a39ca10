"""Reconciliation with another implementation of the protocol, that of the npm package nostr-tools, which only ever asks."""

from __future__ import annotations

import json
import random
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.reconcile import Items, Reconciler
from tests.support.node_js import NOSTR_TOOLS, node_with, put

#: Does what each line asks, and answers with one line.
SCRIPT = """
import { createInterface } from 'node:readline'
import { Negentropy, NegentropyStorageVector } from './node_modules/nostr-tools/lib/esm/nip77.js'
let side
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line), have = [], need = []
  let frame = null
  if (asked.items) {
    const storage = new NegentropyStorageVector()
    for (const [time, id] of asked.items) storage.insert(time, id)
    storage.seal()
    side = new Negentropy(storage, asked.limit)
    frame = side.initiate()
  } else frame = side.reconcile(asked.frame, id => have.push(id), id => need.push(id))
  console.log(JSON.stringify({ frame, have, need }))
}
"""
Pairs = list[tuple[int, bytes]]
#: Items that both have, items of each side alone, how many milliseconds they are spread over, and the limit of frames.
CASES = [
    (*sizes, spread, limit)
    for sizes, spread, limit in product(
        [(0, 0, 0), (0, 40, 3), (7, 0, 9), (40, 1, 1), (3000, 25, 30), (3000, 0, 2500)], [3, 10**6], [4096, 60_000]
    )
]


class Other:
    """The other implementation, in a process of its own."""

    def __init__(self) -> None:
        node, folder = node_with(NOSTR_TOOLS)
        script = folder / "negentropy.mjs"
        put(script, SCRIPT.encode())
        self._process = subprocess.Popen(
            [node, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(folder), text=True
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        """Ask; its answer."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process has no pipes")
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer

    def initiate(self, items: Pairs, limit: int) -> str:
        """Give it a set; its first frame."""
        frame: str = self.ask(items=[(time, name.hex()) for time, name in items], limit=limit)["frame"]
        return frame

    def end(self) -> None:
        """Stop it."""
        self._process.communicate()


def sets(shared: int, one: int, other: int, spread: int) -> tuple[Pairs, Pairs]:
    """Two random sets, the same in every run."""
    source = random.Random(f"{shared} {one} {other} {spread}")
    parts = [[(source.randrange(spread), source.randbytes(32)) for _ in range(count)] for count in (shared, one, other)]
    return parts[0] + parts[1], parts[0] + parts[2]


def alone(first: Pairs, second: Pairs) -> set[bytes]:
    """Ids of the first that the second has not."""
    return {name for _, name in first} - {name for _, name in second}


class NegentropyTests(SynchronousTestCase):
    """Our answers are understood."""

    def setUp(self) -> None:
        """The other one runs."""
        self.other = Other()
        self.addCleanup(self.other.end)

    def test_it_asks(self) -> None:
        """Whatever the sets and the limit, it learns the whole difference from our answers, which fit."""
        for *sizes, spread, limit in CASES:
            ours, theirs = sets(*sizes, spread)
            side, have, need = Reconciler(Items.of(ours), limit), set[str](), set[str]()
            frame = self.other.initiate(theirs, limit)
            while frame:
                response = side.respond(bytes.fromhex(frame))
                self.assertLessEqual(len(response), limit)
                answer = self.other.ask(frame=response.hex())
                frame, have, need = answer["frame"], have.union(answer["have"]), need.union(answer["need"])
            expected = tuple({name.hex() for name in names} for names in (alone(theirs, ours), alone(ours, theirs)))
            self.assertEqual((have, need), expected, (sizes, spread, limit))
