"""Programs of others run as they are: Python and node scripts, what they print, and node's WebSocket from npm."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from unittest import SkipTest

from attrs import define, field

from sdkrelay.io.bitcoind.obtain import default_cache

from .once import fetch, made_once

#: Gives node 20 the global that browsers and later releases have.
_GLOBAL = "globalThis.WebSocket = require('ws');\n"
#: The releases of the npm packages that are installed.
WS = "ws@8"
NOSTR_TOOLS = "nostr-tools@2"


@cache
def node_command() -> tuple[str, ...]:
    """How to run node with a global WebSocket; SkipTest where there is no node, or npm cannot fetch the package."""
    node, folder = node_with(WS)
    preload = folder / "websocket.cjs"
    put(preload, _GLOBAL.encode())
    return (node, "--require", str(preload))


@cache
def node_with(*packages: str) -> tuple[str, Path]:
    """Node, and a folder in which scripts find the packages (``name@release``); SkipTest where one of them cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SkipTest("node and npm are not installed")
    name = "+".join(package.replace("/", "-") for package in sorted(packages))
    return node, made_once(default_cache() / "node" / name, partial(_install, npm, packages))


def put(file: Path, content: bytes) -> None:
    """Write what other processes may be reading now: they find it whole, before and afterwards."""
    if not file.is_file() or file.read_bytes() != content:
        beside = file.with_name(f".{os.getpid()}.{file.name}")
        beside.write_bytes(content)
        beside.replace(file)


def _install(npm: str, packages: Sequence[str], folder: Path) -> None:
    flags = ("--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder))
    fetch(packages, (npm, "install", *flags, *packages))


def python_command() -> tuple[str, ...]:
    """How to run this Python, saying at once what is printed."""
    return (sys.executable, "-u")


@define
class Program:
    """A program that runs until it is ended; what it prints goes to a file."""

    command: Sequence[str]
    output: Path
    environment: Mapping[str, str] = field(factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it."""
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **self.environment},
            )  # fmt: skip

    def printed(self) -> str:
        """All of it so far."""
        return self.output.read_text(errors="replace")

    def is_running(self) -> bool:
        """Whether it has neither ended nor been ended."""
        return self._process is not None and self._process.poll() is None

    def send_signal(self, which: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(which)

    def end(self) -> None:
        """Stop it, however it is."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
