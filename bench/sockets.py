"""How much memory 10,000 WebSocket clients add to the process that serves them.

Run ``python -m bench.sockets`` (``--quick`` for 2,000). The port runs in a child of this process; each client has opened,
shaken hands and subscribed. Measured is the child's resident memory before and after, and that all get a notification.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from bench.common import Report, is_quick, say
from bench.sockets_kit import Port, allow_files, open_clients
from tests.support.stores import ROOT, block_notice, now

CLIENTS, GOAL_MEGABYTES = 10_000, 150.0
BATCH = 500


def resident(pid: int) -> float:
    """Megabytes of a process in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def serve(reactor: Any) -> None:
    """The child: tell the port's number, publish when a line comes, end with the input."""
    allow_files(2 * CLIENTS)
    port = Port(reactor, CLIENTS)
    say(str(await port.listen()))
    while await deferToThread(sys.stdin.readline):
        await port.relay.hub.publish(now(port.relay.store.wallets.settle([], [block_notice(ROOT)])))
        say(str(len(port.factory.open)))
    await port.close()


def main(count: int) -> None:
    """Open the clients in batches and look at the child."""
    if allow_files(2 * CLIENTS) < count + 100:
        raise SystemExit(f"SKIP: this user may not open {count} files")
    command = [sys.executable, "-m", "bench.sockets", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        port = int(child.stdout.readline())
        warm = open_clients(port, 50, {"capabilities": ["notifications"]})
        before, clients = resident(child.pid), []
        for _ in range(count // BATCH):
            clients += open_clients(port, BATCH, {"capabilities": ["notifications"]})
        added = resident(child.pid) - before
        child.stdin.write("publish\n")
        child.stdin.flush()
        say(f"{child.stdout.readline().strip()} sockets open, {len(clients)} of them measured")
        assert all(b"block_disconnected" in client.recv(65536) for client in clients), "one has not heard"
        child.stdin.close()
        for client in clients + warm:
            client.close()
    report = Report()
    each = 1e3 * added / count
    report.goal("memory", f"{added:.0f} MB, {each:.1f} KB a client", added / (GOAL_MEGABYTES * count / CLIENTS), 1.0)
    report.end()


if __name__ == "__main__":
    if "--serve" in sys.argv:
        sys.argv.remove("--serve")
        react(lambda reactor: Deferred.fromCoroutine(serve(reactor)))
    else:
        main(2_000 if is_quick(__doc__) else CLIENTS)
