"""A relay in a process of its own, started as an operator starts it: for the demo and the tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from attrs import define, field

from ..io.bitcoind import tether
from ..io.bitcoind.obtain import VARIABLE
from ..io.bitcoind.process import RegtestNode, free_port

_TWISTD = "from twisted.scripts.twistd import run; run()"
_PATIENCE = 30.0
_INTERVAL = 0.05


def _surroundings() -> dict[str, str]:
    """The variables it gets: ours, without the one that is for finding bitcoind, and with our own place to import from.

    So a checkout runs itself, whatever folder it is started in.
    """
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**inherited, "PYTHONPATH": os.pathsep.join(path)}


class RelayFailed(Exception):
    """The relay did not start; the message has the end of what it said."""


@define(eq=False)
class RelayProcess:
    """``twistd sdkrelay`` with its data in ``folder``; its ports stay when it is started again.

    It follows ``node``; where that is None, it needs ``SDKRELAY_STANDALONE`` in its environment.
    """

    folder: Path
    node: RegtestNode | None
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(factory=dict)
    zmq: bool = True
    pidfile: str = ""
    ws_port: int = field(factory=free_port)
    http_port: int = field(factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def ws_url(self) -> str:
        """Where WebSocket clients connect."""
        return f"ws://127.0.0.1:{self.ws_port}"

    @property
    def http_url(self) -> str:
        """Where the REST interface is."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log_path(self) -> Path:
        """What it says, over all its starts."""
        return self.folder / "relay.log"

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it answers; RelayFailed when it ends instead."""
        self.spawn()
        self.wait()

    def wait(self) -> None:
        """Wait until it answers, on any thread; RelayFailed when it ends instead."""
        for _ in range(round(_PATIENCE / _INTERVAL)):
            if self._answers():
                return
            if self._has_ended():
                break
        self.kill()
        raise RelayFailed(f"the relay did not start: {self._last_words()}")

    def spawn(self) -> None:
        """Start it and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-I", tether.__file__, str(os.getpid())]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, sys.executable, "-c", _TWISTD, "--nodaemon", *self._twistd(), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_surroundings(), **self.environment},
            )

    def stop(self) -> int:
        """End it as an operator would, and wait; its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without warning, as a power cut would."""
        self._end(signal.SIGKILL)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a GET. OSError when the relay is away."""
        return self.ask("GET", path, headers=headers)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a request with this body, sent as JSON. OSError when the relay is away."""
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=10)
        text = None if body is None else json.dumps(body)
        try:
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _twistd(self) -> list[str]:
        return [f"--pidfile={self.pidfile}", "sdkrelay"]

    def _arguments(self) -> list[str]:
        return [
            "--network=regtest",
            f"--data-dir={self.folder}",
            f"--ws=127.0.0.1:{self.ws_port}",
            f"--http=127.0.0.1:{self.http_port}",
            *self._chain(),
            *self.options,
        ]

    def _chain(self) -> list[str]:
        if self.node is None:
            return []
        zmq = ["--bitcoin-zmq", self.node.zmq_url] if self.zmq else []
        return [f"--bitcoin-url={self.node.rpc_url}", f"--bitcoin-cookie={self.node.cookie_path}", *zmq]

    def _has_ended(self) -> bool:
        """Whether the process is gone; waits a moment for it."""
        assert self._process is not None, "only a started relay is waited for"
        try:
            self._process.wait(_INTERVAL)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _answers(self) -> bool:
        try:
            return "status" in self.get("/health")
        except (OSError, HTTPException, ValueError):
            return False

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _last_words(self) -> str:
        return self.log_path.read_text(errors="replace")[-2000:]
