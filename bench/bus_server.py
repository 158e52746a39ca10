"""How fast is the relay as a bus, beside the real Xcraft server, with the same JavaScript clients?

One process of clients is connected to both servers and gives them the same work in turns: commands that are answered one
after the other, and events published by one client and heard by all. What the clients themselves cost is part of both.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from bench.common import Report, is_quick, say
from sdkrelay.io.bitcoind.process import free_port
from tests.support.bitcoind import until
from tests.support.node_js import Program
from tests.support.xcraft import XcraftServer, command, make_project

#: Clients that hear, commands and events of a turn, and turns, of which the first is thrown away.
WORK, QUICK = (20, 300, 200, 6), (10, 100, 50, 3)
#: The relay must not be slower than this part of the real server's time.
GOAL = 1.0

_CLIENTS = """\
'use strict';
const [root, servers, work] = process.argv.slice(2);
require('xcraft-server/lib/init-env.js')(root, __dirname);
require('xcraft-core-log')('bench', null).setVerbosity(3);
const {BusClient} = require('xcraft-core-busclient');
const [hearers, commands, events, turns] = JSON.parse(work);
const connect = (ports) =>
  new Promise((done) => {
    const client = new BusClient({host: '127.0.0.1', passive: true, ...ports});
    client.connect('axon', null, () => done(client));
  });
const send = (client, name, data, done) => client.command.send(name, data, null, done, {forceNested: true});
const roundTrips = async (client, name) => {
  for (let n = 0; n < commands; ++n) await new Promise((done) => send(client, name, {}, done));
};
const fanOut = (clients) =>
  new Promise((done) => {
    let missing = events * clients.length;
    const heard = () => --missing || done();
    clients.forEach((client) => client.events.subscribe('bench::tick', heard));
    for (let n = 0; n < events; ++n) {
      const msg = {...clients[0].newMessage('bench::tick', clients[0].getOrcName()), data: {n, text: 'x'.repeat(300)}};
      send(clients[0], 'broadcast', {topic: 'bench::tick', msg});
    }
  }).then(() => clients.forEach((client) => client.events.unsubscribeAll('bench::tick')));
const timed = async (work) => {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start) / 1e9;
};
(async () => {
  const sides = [];
  for (const {name, ports} of JSON.parse(servers)) {
    const clients = [];
    for (let n = 0; n < hearers; ++n) clients.push(await connect(ports));
    sides.push({name, clients});
  }
  for (let turn = 0; turn < turns; ++turn) {
    const figures = [];
    for (const {name, clients} of sides)
      figures.push([await timed(() => roundTrips(clients[0], name)), await timed(() => fanOut(clients))]);
    console.log('@@' + JSON.stringify(figures));
  }
  process.exit();
})();
"""


def relay_process(folder: Path, ports: dict[str, int]) -> Program:
    """A relay without a node, whose bus lets clients publish and counts nothing."""
    settings = {
        "STANDALONE": "true",
        "BUS__ENABLED": "true",
        "BUS__BROADCAST": "true",
        "BUS__COMMANDS_URL": f"127.0.0.1:{ports['commanderPort']}",
        "BUS__EVENTS_URL": f"127.0.0.1:{ports['notifierPort']}",
        "LIMITS__WEBSOCKET_COST_PER_MINUTE": "100000000",
    }
    environment = {f"SDKRELAY_{name}": value for name, value in settings.items()}
    options = ["--network=regtest", f"--data-dir={folder}", "--ws=127.0.0.1:0", "--http=127.0.0.1:0"]
    twisted = (sys.executable, "-m", "twisted", "sdkrelay", *options)
    return Program(twisted, folder.parent / "relay.txt", environment)


async def measured(folder: Path, quick: bool) -> list[list[list[float]]]:
    """The figures of each turn: for the relay and for the real server, seconds of commands and of events."""
    ours = {"commanderPort": free_port(), "notifierPort": free_port()}
    relay, real = relay_process(folder / "relay", ours), XcraftServer(folder / "server")
    relay.start()
    clients: Program | None = None
    try:
        await real.start()
        await until(lambda: "sdkrelay.build.relay" in relay.printed(), "the relay serves")
        theirs = {"commanderPort": real.commander, "notifierPort": real.notifier}
        servers = [{"name": "relay.ping", "ports": ours}, {"name": "interop.echo", "ports": theirs}]
        make_project(folder / "clients", {"clients.js": _CLIENTS})
        work = QUICK if quick else WORK
        arguments = (str(folder / "clients" / "root"), json.dumps(servers), json.dumps(work))
        clients = Program((*command(), str(folder / "clients" / "clients.js"), *arguments), folder / "clients.txt")
        clients.start()
        await until(lambda: _figures(clients, work), "the figures", 120.0)
        return _figures(clients, work)[1:]
    finally:
        relay.end()
        real.end()
        if clients is not None:
            clients.end()


def _figures(clients: Program | None, work: tuple[int, ...]) -> list[Any]:
    """All turns' figures, once they are complete."""
    printed = clients.printed() if clients else ""
    turns = [json.loads(line[2:]) for line in printed.splitlines() if line.startswith("@@")]
    return turns if len(turns) == work[-1] else []


def told(turns: list[list[list[float]]], quick: bool) -> None:
    """Medians and their ratio, beside the goal."""
    hearers, commands, events, _ = QUICK if quick else WORK
    report = Report()
    for place, (name, count) in enumerate((("command round trip", commands), ("event to a client", events * hearers))):
        ours, theirs = (median([turn[side][place] for turn in turns]) / count * 1e6 for side in (0, 1))
        say(f"{name}: relay {ours:.1f} µs, Xcraft server {theirs:.1f} µs")
        report.goal(name, f"{ours:.1f} µs", ours / theirs, GOAL)
    report.end()


def main(reactor: Any, quick: bool) -> Deferred[None]:
    """Measure and tell."""

    async def run() -> None:
        with tempfile.TemporaryDirectory(prefix="sdkrelay-bus-") as folder:
            told(await measured(Path(folder), quick), quick)

    return Deferred.fromCoroutine(run())


if __name__ == "__main__":
    react(main, (is_quick(__doc__),))
