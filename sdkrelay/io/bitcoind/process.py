"""A bitcoind of our own in regtest, for the demo and the tests: started, asked, stopped, killed, started again.

Everything here blocks and uses the standard library only; call it before the reactor runs, or in a thread that lives as
long as the node (on Linux the kernel ends the node when the thread that started it ends).
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from . import tether

_PATIENCE = 60.0
_INTERVAL = 0.1


class NodeFailed(Exception):
    """bitcoind did not start; the message has the end of what it said."""


class CallFailed(Exception):
    """bitcoind refused a call: its ``code`` and its text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})")
        self.code = code


#: Ports that no system gives to outgoing connections. Processes begin far from each other, whose numbers are seldom far apart
#: (the golden section of the range puts even fifty of them 178 ports apart), and go on by one.
_PORTS = range(20_000, 32_000)
_asked = itertools.count(os.getpid() * 7417)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now, and that no other call in this process gets soon."""
    for number in itertools.islice(_asked, len(_PORTS)):
        port = _PORTS[number % len(_PORTS)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port of the loopback interface is free")


@frozen
class Options:
    """What the node offers; ``connect`` are the addresses (host:port) of the only peers it talks to."""

    rest: bool = True
    zmq: bool = True
    chain: str = "regtest"
    connect: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


@define(eq=False)
class RegtestNode:
    """One bitcoind with its data in ``folder``; its ports stay the same when it is started again."""

    command: Sequence[str]
    folder: Path
    options: Options = field(factory=Options)
    rpc_port: int = field(factory=free_port)
    p2p_port: int = field(factory=free_port)
    zmq_port: int = field(factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def rpc_url(self) -> str:
        """Where JSON-RPC, and REST if it is on, are served."""
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def zmq_url(self) -> str:
        """Where ``hashblock`` and ``sequence`` are published."""
        return f"tcp://127.0.0.1:{self.zmq_port}"

    @property
    def cookie_path(self) -> Path:
        """The cookie of this run; written anew at each start."""
        folder = {"main": "", "test": "testnet3"}.get(self.options.chain, self.options.chain)
        return self.folder / folder / ".cookie"

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it answers; NodeFailed when it ends instead, or takes more than a minute."""
        self.spawn()
        for _ in range(round(_PATIENCE / _INTERVAL)):
            if self._answers():
                return
        self.kill()
        raise NodeFailed(f"bitcoind did not answer within {_PATIENCE:g} seconds: {self._last_words()}")

    def spawn(self) -> None:
        """Start it and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", tether.__file__, str(os.getpid()), *self.command, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def stop(self) -> None:
        """End it as an operator would, and wait; nothing happens when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without warning, as a power cut would."""
        self._end(signal.SIGKILL)

    def call(self, method: str, *parameters: Any, wallet: str | None = None) -> Any:
        """One JSON-RPC call; fractions come as Decimal. CallFailed when bitcoind refuses, OSError when it is away."""
        path = "/" if wallet is None else f"/wallet/{wallet}"
        question = {"jsonrpc": "1.0", "id": 0, "method": method, "params": parameters}
        connection = HTTPConnection("127.0.0.1", self.rpc_port, timeout=_PATIENCE)
        try:
            connection.request(
                "POST", path, json.dumps(question, default=str), {"Authorization": self._authorization()}
            )
            reply = json.loads(connection.getresponse().read(), parse_float=Decimal)
        finally:
            connection.close()
        if reply["error"] is not None:
            raise CallFailed(reply["error"]["code"], reply["error"]["message"])
        return reply["result"]

    def _arguments(self) -> list[str]:
        options = self.options
        chain = [] if options.chain == "main" else [f"-{'testnet' if options.chain == 'test' else options.chain}"]
        connect = [f"-connect={peer}" for peer in options.connect] or ["-dnsseed=0", "-fixedseeds=0"]
        zmq = [f"-zmqpub{topic}={self.zmq_url}" for topic in ("hashblock", "sequence")] if options.zmq else []
        return [
            *chain,
            *connect,
            *zmq,
            f"-datadir={self.folder}",
            f"-rpcport={self.rpc_port}",
            f"-bind=127.0.0.1:{self.p2p_port}",
            f"-rest={int(options.rest)}",
            "-server=1",
            "-listenonion=0",
            "-natpmp=0",
            "-fallbackfee=0.0001",
            "-dbcache=16",
            "-printtoconsole=0",
            *options.extra,
        ]

    def _answers(self) -> bool:
        process = self._process
        assert process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_INTERVAL)
            raise NodeFailed(f"bitcoind ended at its start ({process.returncode}): {self._last_words()}")
        try:
            self.call("getblockcount")
        except (OSError, HTTPException, ValueError, CallFailed):
            return False
        return True

    def _authorization(self) -> str:
        return "Basic " + base64.b64encode(self.cookie_path.read_bytes()).decode()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        return (self.folder / "output.log").read_text("utf-8", "replace")[-500:].strip() or "it said nothing"
