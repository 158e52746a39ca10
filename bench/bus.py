"""How fast are commands and events of our bus client beside the real JavaScript one, at the same real server?

Run ``python -m bench.bus`` (``--quick`` for fewer rounds). The server and the JavaScript client come from npm, as processes of
their own; ours runs in this one. They take turns: commands one after the other, then one command that causes many events.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from bench.common import Report, is_quick, say
from sdkrelay.bus import BusClient, BusConfig
from tests.support.xcraft import XcraftServer, command, make_project

TRIPS, EVENTS, GOAL = 300, 3_000, 1.0
_SCRIPT = """\
'use strict';
const [root, config] = process.argv.slice(2);
require('xcraft-server/lib/init-env.js')(root, __dirname);
const {BusClient} = require('xcraft-core-busclient');
const client = new BusClient({host: '127.0.0.1', passive: true, ...JSON.parse(config)});
const lines = require('readline').createInterface({input: process.stdin});
client.connect('axon', null, () => {
  const response = client.newResponse('bench', client.getOrcName());
  let heard = 0;
  response.events.subscribe('interop.custom', () => ++heard);
  lines.on('line', async (line) => {
    const [what, count] = JSON.parse(line);
    const start = process.hrtime.bigint();
    if (what === 'trips') for (let n = 0; n < count; ++n) await response.command.sendAsync('interop.echo', {n});
    else { heard = 0; await response.command.sendAsync('interop.emit', {count}); if (heard !== count) throw new Error(); }
    console.log('@@' + Number(process.hrtime.bigint() - start) / 1e9);
  });
  console.log('@@0');
});
"""


class JavaScript:
    """The real client, which is told what to do line by line."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        make_project(folder, {"client.js": _SCRIPT})
        arguments = (*command(), str(folder / "client.js"), str(folder / "root"), json.dumps(ports))
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def told(self) -> float:
        """The seconds it tells next."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("@@"):
                return float(line[2:])
        raise RuntimeError("the JavaScript client has ended")

    def run(self, what: str, count: int) -> float:
        """The seconds that it takes."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, count]) + "\n")
        self.process.stdin.flush()
        return self.told()


class Ours:
    """Our client, doing the same."""

    def __init__(self, client: BusClient) -> None:
        self._response = client.new_response("bench")
        self._heard = 0
        self._response.events.subscribe("interop.custom", self._count)

    def _count(self, _: Any) -> None:
        self._heard += 1

    async def run(self, what: str, count: int) -> float:
        """The seconds that it takes."""
        start, send = time.perf_counter(), self._response.command.send_async
        if what == "trips":
            for number in range(count):
                await send("interop.echo", {"n": number})
        else:
            self._heard = 0
            await send("interop.emit", {"count": count})
            assert self._heard == count, "an event was lost"
        return time.perf_counter() - start


async def compare(ours: Ours, theirs: JavaScript, rounds: int) -> None:
    """Both works in turns."""
    report = Report()
    for what, count, name in (("trips", TRIPS, "command round trip"), ("events", EVENTS, "event received")):
        pairs = []
        for _ in range(rounds + 1):
            pairs.append((await ours.run(what, count), await deferToThread(theirs.run, what, count)))
        mine, other = (median(each) / count for each in zip(*pairs[1:], strict=True))
        report.goal(name, f"{mine * 1e6:.0f} µs, JavaScript {other * 1e6:.0f} µs", mine / other, GOAL)
    report.end()


async def main(rounds: int) -> None:
    """Start the server and both clients."""
    folder = Path(tempfile.mkdtemp(prefix="sdkrelay-bench-"))
    server = XcraftServer(folder / "server")
    theirs = None
    try:
        await server.start()
        say(f"server ready on {server.commander} and {server.notifier}")
        theirs = JavaScript(folder / "client", {"commanderPort": server.commander, "notifierPort": server.notifier})
        await deferToThread(theirs.told)
        client = BusClient(BusConfig(commander_port=server.commander, notifier_port=server.notifier))
        await client.connect()
        await compare(Ours(client), theirs, rounds)
        await client.stop()
    finally:
        if theirs is not None:
            theirs.process.kill()
            theirs.process.wait()
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    ROUNDS = 3 if is_quick(__doc__) else 9
    react(lambda reactor: Deferred.fromCoroutine(main(ROUNDS)))
