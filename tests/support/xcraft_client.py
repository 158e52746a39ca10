"""The JavaScript client of the Xcraft bus from npm, run as it is: it is told what to ask, and prints what it hears."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define

from .bitcoind import until
from .node_js import Program
from .xcraft import command, make_project

_MARK = "@@"

#: Connects, asks one thing after the other, then goes on listening; each line that begins with the mark is for the test.
_SCRIPT = """\
'use strict';
const [root, config, steps] = process.argv.slice(2);
require('xcraft-server/lib/init-env.js')(root, __dirname);
const {BusClient} = require('xcraft-core-busclient');
const say = (what, value) => console.log('@@' + JSON.stringify([what, value === undefined ? null : value]));
const client = new BusClient({host: '127.0.0.1', passive: true, ...JSON.parse(config)}, ['*::*', 'gameover']);
const ask = (name, data) =>
  new Promise((done) =>
    client.command.send(name, data, null, (error, answer) => {
      say(error ? 'failed' : 'answer', {name, data: error || answer.data});
      done();
    })
  );
client.on('reconnect', () => {
  say('reconnect', client.getOrcName());
  ask('relay.ping');
});
let reason = null;
setInterval(() => client.lastErrorReason !== reason && say('reason', (reason = client.lastErrorReason)), 10).unref();
client.connect('axon', null, async (error) => {
  say('connected', {error, orc: client.getOrcName(), names: Object.keys(client.getCommandsNames())});
  client.events.catchAll((topic, message) => say('event', {topic, data: message && message.data}));
  for (const [name, data] of JSON.parse(steps)) await ask(name, data);
  say('ready');
});
"""


@define
class JavaScriptClient:
    """One process; what it said so far is in ``lines``, by what it is about."""

    program: Program

    @classmethod
    def start(cls, folder: Path, settings: dict[str, Any], *steps: tuple[str, Any]) -> JavaScriptClient:
        """Run it with these settings of its bus, and these commands to send; the folder becomes its own."""
        make_project(folder, {"client.js": _SCRIPT})
        arguments = (str(folder / "root"), json.dumps(settings), json.dumps(steps))
        program = Program((*command(), str(folder / "client.js"), *arguments), folder / "output.txt")
        program.start()
        return cls(program)

    def lines(self, what: str) -> list[Any]:
        """All it said of this."""
        printed = self.program.printed().splitlines(keepends=True)
        marked = [json.loads(line[len(_MARK) :]) for line in printed if line.startswith(_MARK) and line.endswith("\n")]
        return [value for about, value in marked if about == what]

    async def says(self, what: str, *values: Any) -> Any:
        """What it says of this first, once it does; with values, once it is one of these."""
        return (await self._until(lambda: [one for one in self.lines(what) if not values or one in values], what))[0]

    def answers(self, name: str) -> list[Any]:
        """The payloads that answered this command."""
        return [one["data"] for one in self.lines("answer") if one["name"] == name]

    def events(self, ending: str) -> list[Any]:
        """The payloads of events whose topic ends so."""
        return [one["data"] for one in self.lines("event") if one["topic"].endswith(ending)]

    async def hears(self, ending: str) -> Any:
        """The payload of the first such event, once it has come."""
        return (await self._until(lambda: self.events(ending), ending))[0]

    async def _until(self, found: Callable[[], list[Any]], what: str) -> list[Any]:
        try:
            await until(found, what, 60.0)
        except AssertionError:
            raise AssertionError(f"a JavaScript client without {what}: {self.program.printed()[-2000:]}") from None
        return found()
