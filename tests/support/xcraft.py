"""The real Xcraft software from npm: installed once, and a server of it as a process of its own.

Every process has a project folder and a root of its own (roots shared by running processes mix their ports), and tells its
ports itself: a port that is taken is silently replaced by the next.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any
from unittest import SkipTest

from attrs import define, field

from sdkrelay.io.bitcoind.obtain import default_cache

from .bitcoind import until
from .node_js import Program
from .once import fetch, made_once

#: The stones are required by another package that does not name them.
PACKAGES = {"xcraft-core-server": "6.5.0", "xcraft-core-busclient": "5.11.4", "xcraft-core-stones": "0.4.21"}
_GOBLINS = {"appId": "interop", "appCompany": "test", "appDate": "2024/01/01", "appEnv": "test", "useRealms": False}
_PACKAGE = {"name": "interop", "version": "1.0.0", "private": True, "dependencies": PACKAGES}

#: Starts the server with a configuration for its packages, and prints its ports when it is ready.
_SERVER = """\
'use strict';
const path = require('path');
const fs = require('fs');
const root = process.argv[2];
const overrides = JSON.parse(process.argv[3]);
overrides['xcraft-core-server'] = {userModulesPath: path.join(__dirname, 'modules'), userModulesFilter: '^xcraft-interop$'};
require('xcraft-server/lib/init-env.js')(root, __dirname, null, overrides);
require('xcraft-core-server').runAsLib().start((error) => {
  if (error) throw error;
  const run = path.join(root, 'var/run', `xcraftd.${process.pid}`);
  const ports = JSON.parse(fs.readFileSync(run))['xcraft-core-bus'];
  console.log('READY ' + JSON.stringify([ports.commanderPort, ports.notifierPort].map(Number)));
});
"""

#: Commands to try a client with.
_COMMANDS = """\
'use strict';
const {fromJS} = require('immutable');
const done = (name) => (msg, resp) => resp.events.send(`interop.${name}.${msg.id}.finished`, msg.data);
const cmd = {echo: done('echo')};
cmd.fail = (msg, resp) =>
  resp.events.send(`interop.fail.${msg.id}.error`, {code: 'INTEROP_FAIL', message: 'always', info: {why: 'because'}});
cmd.never = () => {};
cmd.emit = (msg, resp) => {
  for (let n = 0; n < (msg.data.count || 1); ++n) resp.events.send('interop.custom', {n});
  resp.events.send(`interop.emit.${msg.id}.finished`);
};
cmd.bytes = (msg, resp) => {
  const {chunk} = msg.data;
  resp.events.send(`interop.bytes.${msg.id}.finished`, {isBuffer: Buffer.isBuffer(chunk), chunk: Buffer.from(chunk).reverse()});
};
cmd.immutable = (msg, resp) =>
  resp.events.send(`interop.immutable.${msg.id}.finished`, {imm: fromJS({a: 1, b: [1, 2, {c: 'd'}]})});
cmd.serialized = (msg, resp) => {
  resp.events.send('interop.odd', {f: 'x'}, true);
  resp.events.send(`interop.serialized.${msg.id}.finished`);
};
cmd.context = (msg, resp) => resp.events.send(`interop.context.${msg.id}.finished`, msg.context);
const rc = Object.fromEntries(Object.keys(cmd).map((name) => [name, {parallel: true, desc: name}]));
exports.xcraftCommands = () => ({handlers: cmd, rc});
"""


@cache
def installed() -> Path:
    """The folder that holds ``node_modules``, filled once; SkipTest where npm is missing or cannot fetch."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise SkipTest("node and npm are not installed")
    return made_once(default_cache() / "xcraft" / "-".join(PACKAGES.values()), partial(_install, npm))


def _install(npm: str, folder: Path) -> None:
    _write(folder, {"package.json": json.dumps(_PACKAGE), "goblins.json": json.dumps(_GOBLINS)})
    flags = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund")
    fetch(tuple(PACKAGES), (npm, "install", *flags), folder=folder)


def command() -> tuple[str, ...]:
    """How to run node; SkipTest where there is none."""
    node = shutil.which("node")
    if node is None:
        raise SkipTest("node is not installed")
    return (node,)


def make_project(folder: Path, files: Mapping[str, str]) -> None:
    """A folder whose scripts find the packages; certificates do not belong here, for the software would use them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "node_modules").symlink_to(installed() / "node_modules")
    _write(folder, files)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@define
class XcraftServer:
    """A real server; ``commander`` and ``notifier`` are its ports while it runs."""

    folder: Path
    tls: Mapping[str, Path] = field(factory=dict)
    commander: int = 0
    notifier: int = 0
    _program: Program | None = None
    _starts: int = 0

    async def start(self) -> None:
        """Run it on ports of its choice, or those it had; returns when it is ready."""
        if not self._starts:
            manifest = {"name": "xcraft-interop", "version": "1.0.0", "config": {"xcraft": {"commands": True}}}
            module = "modules/xcraft-interop"
            files = {
                "server.js": _SERVER,
                f"{module}/interop.js": _COMMANDS,
                f"{module}/package.json": json.dumps(manifest),
            }
            make_project(self.folder, files)
            (self.folder / "modules" / "node_modules").symlink_to(installed() / "node_modules")
        self._starts += 1
        root = self.folder / f"root{self._starts}"
        program = Program(
            (*command(), str(self.folder / "server.js"), str(root), json.dumps(self._settings())),
            self.folder / f"output{self._starts}.txt",
        )
        self._program = program
        program.start()
        try:
            await until(lambda: "READY " in program.printed(), "the Xcraft server is ready", 60.0)
        except AssertionError:
            raise AssertionError(f"the Xcraft server did not start: {program.printed()[-2000:]}") from None
        line = next(line for line in program.printed().splitlines() if line.startswith("READY "))
        self.commander, self.notifier = json.loads(line.removeprefix("READY "))

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._program is not None and self._program.is_running()

    def send(self, which: signal.Signals) -> None:
        """Send a signal to its process: SIGTERM ends it in order, SIGSTOP makes it silent."""
        assert self._program is not None, "it was started"
        self._program.send_signal(which)

    def end(self) -> None:
        """Stop it, however it is."""
        if self._program is not None:
            self._program.end()

    def _settings(self) -> dict[str, Any]:
        first = 20_000 + os.getpid() % 20_000
        ports = {"commanderPort": str(self.commander or first), "notifierPort": str(self.notifier or first + 500)}
        bus: dict[str, Any] = {
            **ports,
            **{f"{name}Path": str(path) for name, path in self.tls.items() if name != "clients"},
        }
        settings: dict[str, Any] = {"xcraft-core-bus": bus}
        if "clients" in self.tls:
            settings["xcraft-core-transport"] = {"requestClientCert": True, "certsPath": str(self.tls["clients"])}
        return settings
