"""What one notification to 1,000 sockets costs, beside a bare ``socket.send`` of the ready frame to each of as many.

Run ``python -m bench.fanout`` (``--quick`` for fewer rounds). Measured is from the hub, after the commit, to the last
``send``: the CPU time of the sending thread, the median over rounds in which all take turns in random order. Beside it the
`websockets` library sends a text of that size. Each of the three has 1,000 sockets of its own, so that none finds the
kernel's data of them warm from another's turn; the clients are read between the turns.
"""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.common import Report, is_quick, say
from bench.sockets_kit import Port, allow_files, drain, open_clients
from sdkrelay.domain.news import News
from sdkrelay.domain.notification import Entry
from sdkrelay.io.net.frames import text_frame
from tests.support.stores import ROOT, block_notice, now

CLIENTS = 1_000
GOAL, LIBRARY_GOAL = 1.3, 1.0


class Library:
    """The `websockets` library's server in a thread of its own."""

    def __init__(self) -> None:
        self.connections: set[ServerConnection] = set()
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self._ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self._ready.wait()

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        async def keep(connection: ServerConnection) -> None:
            self.connections.add(connection)
            await connection.wait_closed()

        async with serve(keep, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=4096) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await asyncio.Event().wait()

    def tell(self, text: str) -> float:
        """CPU seconds of a broadcast to all."""

        async def measured() -> float:
            start = time.thread_time()
            broadcast(self.connections, text)
            return time.thread_time() - start

        return asyncio.run_coroutine_threadsafe(measured(), self.loop).result()


def plain_pairs() -> tuple[list[socket.socket], list[socket.socket]]:
    """Connected sockets without any protocol: those that send, and those that read."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as server:
        readers = [socket.create_connection(server.getsockname()) for _ in range(CLIENTS)]
        senders = [server.accept()[0] for _ in range(CLIENTS)]
    for sender in senders:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender.setblocking(False)
    return senders, readers


def bare(sockets: list[socket.socket], ready: bytes) -> float:
    """CPU seconds of sending the ready frame to all."""
    start = time.thread_time()
    for one in sockets:
        one.send(ready)
    return time.thread_time() - start


async def ours(port: Port, entry: Entry) -> float:
    """CPU seconds of publishing one entry that has been committed."""
    start = time.thread_time()
    await port.relay.hub.publish([entry])
    return time.thread_time() - start


def frame_bytes(port: Port, entry: Entry) -> int:
    """How many bytes each client gets of an entry."""
    return len(text_frame(port.relay.around.dialect.news(News(entry, port.relay.hub._log_id))))


@define
class Field:
    """The three, each with its clients, and what each has taken in every round."""

    port: Port
    entries: Iterator[Entry]
    library: Library
    senders: list[socket.socket]
    clients: dict[str, list[socket.socket]]
    spent: dict[str, list[float]]

    async def turn(self, name: str, entry: Entry) -> float:
        """One of them tells all of its clients once, and these read it."""
        size = frame_bytes(self.port, entry)
        if name == "ours":
            spent = await ours(self.port, entry)
        elif name == "bare":
            spent = bare(self.senders, text_frame(b"x" * (size - 4)))
        else:
            spent = await deferToThread(self.library.tell, "x" * (size - 4))
        drain(self.clients[name], size)
        return spent

    async def round(self, source: random.Random) -> None:
        """One turn of each, in random order: whose data the caches hold depends on who came before."""
        entry = next(self.entries)
        for name in source.sample(sorted(self.clients), len(self.clients)):
            self.spent.setdefault(name, []).append(await self.turn(name, entry))


async def measure(reactor: Any, rounds: int) -> None:
    """All three in turn; print what they cost."""
    allow_files(10 * CLIENTS)
    port, library, source = Port(reactor, CLIENTS), Library(), random.Random(7)
    clients = await deferToThread(open_clients, await port.listen(), CLIENTS, {"capabilities": ["notifications"]})
    others = await deferToThread(open_clients, library.port, CLIENTS)
    senders, readers = await deferToThread(plain_pairs)
    entries = iter(now(port.relay.store.wallets.settle([], [block_notice(ROOT)] * (rounds + 5))))
    field = Field(port, entries, library, senders, {"ours": clients, "bare": readers, "websockets": others}, {})
    for _ in range(rounds + 5):
        await field.round(source)
    tell({name: 1e6 * median(figures[5:]) / CLIENTS for name, figures in field.spent.items()})
    for each in clients + others + senders + readers:
        each.close()
    await port.close()


def tell(spent: dict[str, float]) -> None:
    """Print the medians, in µs a receiver, beside the goals."""
    say(f"each of {CLIENTS} receivers: " + ", ".join(f"{name} {figure:.2f} µs" for name, figure in spent.items()))
    report, mine = Report(), spent["ours"]
    report.goal("against a bare send", f"{mine:.2f} µs", mine / spent["bare"], GOAL)
    report.goal("against the websockets library", f"{mine:.2f} µs", mine / spent["websockets"], LIBRARY_GOAL)
    report.end()


if __name__ == "__main__":
    quick = is_quick(__doc__)
    react(lambda reactor: Deferred.fromCoroutine(measure(reactor, 30 if quick else 200)))
