"""What the bench of Nostr relays needs: the relays as processes, each with an empty store, and one raw client for all of them."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import psutil
from attrs import define, field

from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.bitcoind.process import free_port
from tests.support.python_with import python_with
from tests.support.websocket import UPGRADE, frame

NOSTR_SDK, NOSTR_RELAY = "nostr-sdk==0.45.1", "nostr-relay==1.14"
#: Rates so high that nothing is refused; the limits themselves stay on.
UNLIMITED = {
    "SDKRELAY_STANDALONE": "true",
    "SDKRELAY_LIMITS__EXEMPT": "127.0.0.0/8",
    "SDKRELAY_NOSTR__EVENTS_PER_MINUTE": "100000000",
    "SDKRELAY_NOSTR__KEY_EVENTS_PER_MINUTE": "100000000",
    "SDKRELAY_NOSTR__REQUESTS_PER_MINUTE": "100000000",
}
LOCAL_RELAY = """
import asyncio, sys
from nostr_sdk import LocalRelayBuilder, RateLimit
async def main():
    limit = RateLimit(max_reqs=1000000, notes_per_minute=100000000)
    relay = LocalRelayBuilder().addr("127.0.0.1").port(int(sys.argv[1])).rate_limit(limit).build()
    await relay.run()
    await asyncio.Event().wait()
asyncio.run(main())
"""
YAML = """
storage:
  sqlalchemy.url: sqlite+aiosqlite:///{folder}/nostr.sqlite3
  num_concurrent_reqs: 10
  num_concurrent_adds: 2
  validators: [nostr_relay.validators.is_not_too_large, nostr_relay.validators.is_signed, nostr_relay.validators.is_recent]
gunicorn: {{bind: "127.0.0.1:{port}", workers: 1, loglevel: warning}}
authentication: {{enabled: false}}
subscription_limit: 32
max_limit: 6000
"""
UPGRADED, PATIENCE = b"\r\n\r\n", 60.0


class Peer(Protocol):
    """A relay that runs."""

    name: str
    durability: str
    port: int
    pid: int

    def end(self) -> None:
        """Stop it."""


class Ours:
    """This relay, as an operator starts it."""

    name, durability = "sdkrelay", "SQLite, each batch on the disk before its OKs (synchronous=FULL)"

    def __init__(self, folder: Path) -> None:
        self._process = RelayProcess(folder / "relay", None, environment=UNLIMITED)
        self._process.start()
        self.port, self.pid = self._process.ws_port, self._process.pid or 0

    def end(self) -> None:
        """Stop it."""
        self._process.stop()


class Foreign:
    """Another relay, from PyPI."""

    def __init__(self, name: str, durability: str, command: Callable[[int], Sequence[str]], folder: Path) -> None:
        self.name, self.durability, self.port = name, durability, free_port()
        with (folder / f"{name}.log").open("wb") as log:
            self._process = subprocess.Popen(
                command(self.port), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder
            )
        self.pid = self._process.pid
        wait_for(self.port)

    def end(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(PATIENCE)


def local_relay(folder: Path) -> Peer:
    """nostr-sdk's LocalRelay."""
    python = python_with(NOSTR_SDK)
    return Foreign("LocalRelay", "memory", lambda port: (python, "-c", LOCAL_RELAY, str(port)), folder)


def nostr_relay(folder: Path) -> Peer:
    """PyPI's nostr-relay."""
    program, settings = Path(python_with(NOSTR_RELAY)).with_name("nostr-relay"), folder / "nostr-relay.yaml"

    def command(port: int) -> Sequence[str]:
        settings.write_text(YAML.format(folder=folder, port=port))
        return (str(program), "-c", str(settings), "serve")

    return Foreign("nostr-relay", "SQLite with its own defaults", command, folder)


def wait_for(port: int) -> None:
    """Until something listens there."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


@define(eq=False)
class Wire:
    """A client's socket; frames are made before they are needed, and answers are only looked at as far as they must be."""

    port: int
    socket: socket.socket = field(init=False)
    _data: bytearray = field(factory=bytearray)

    def __attrs_post_init__(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(UPGRADE + b"\r\n")
        while UPGRADED not in self._data:
            self._data += self.socket.recv(4096)
        assert b" 101 " in self._data.partition(b"\r\n")[0], bytes(self._data)
        del self._data[: self._data.index(UPGRADED) + 4]

    def say(self, *messages: bytes) -> None:
        """Send messages at once."""
        self.socket.sendall(b"".join(map(frame, messages)))

    def read(self) -> list[bytes]:
        """The messages that have come in whole, at least some bytes of another; blocks until there are any bytes."""
        came = self.socket.recv(1 << 18)
        assert came, "the relay has closed the connection"
        self._data += came
        return list(self._messages())

    def until(self, beginning: bytes, count: int = 1) -> list[bytes]:
        """All messages up to the one that is the last of so many with this beginning."""
        found = list(self._messages())
        while sum(message.startswith(beginning) for message in found) < count:
            found += self.read()
        return found

    def _messages(self) -> Iterator[bytes]:
        start = 0
        while (place := self._place(start)) is not None:
            yield bytes(self._data[place[0] : place[1]])
            start = place[1]
        del self._data[:start]

    def _place(self, start: int) -> tuple[int, int] | None:
        """Where the message that begins there lies; None while it is not whole."""
        data = self._data
        if len(data) < start + 2:
            return None
        size, begin = data[start + 1] & 127, start + 2
        if size > 125:
            begin += 2 if size == 126 else 8
            size = int.from_bytes(data[start + 2 : begin], "big") if len(data) >= begin else len(data)
        return (begin, begin + size) if len(data) >= begin + size else None


def all_read(wires: Sequence[Wire], beginning: bytes, count: int) -> float:
    """When the last of all these clients has got so many messages that begin so."""
    left = dict.fromkeys(wires, count)
    with selectors.DefaultSelector() as selector:
        for wire in wires:
            selector.register(wire.socket, selectors.EVENT_READ, wire)
        while left:
            ready = [key.data for key, _ in selector.select(PATIENCE)]
            left.update({wire: left[wire] - _matching(wire, beginning) for wire in ready})
            for wire in [wire for wire in ready if left[wire] <= 0]:
                selector.unregister(wire.socket)
                del left[wire]
    return time.perf_counter()


def _matching(wire: Wire, beginning: bytes) -> int:
    return sum(message.startswith(beginning) for message in wire.read())


def worked(pid: int) -> float:
    """Seconds of CPU time that a process and those it has started have used."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))
