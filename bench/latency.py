"""How long a request takes to its reply over WebSocket, with 200 clients connected and 1,000 requests offered a second.

Run ``python -m bench.latency`` (``--quick`` for fewer seconds). The port runs in a child; this process sends a ping every
millisecond, whether or not the earlier ones were answered, each time from the next client.
"""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import time

from bench.common import Report, is_quick, quantile, say
from bench.sockets_kit import open_clients
from tests.support.websocket import frame

CLIENTS, INTERVAL, GOAL = 200, 0.001, 1.0
PING = frame(b'{"type":"ping"}')


def offer(clients: list[socket.socket], requests: int) -> list[float]:
    """Milliseconds that each request took, counted from when it was due."""
    due, took = dict[socket.socket, list[float]](), list[float]()
    start, sent = time.perf_counter(), 0
    while len(took) < requests:
        now = time.perf_counter()
        while sent < requests and start + sent * INTERVAL <= now:
            client = clients[sent % len(clients)]
            due.setdefault(client, []).append(start + sent * INTERVAL)
            client.send(PING)
            sent += 1
        # Not epoll, which waits for whole milliseconds.
        wait = max(0.0, start + sent * INTERVAL - time.perf_counter()) if sent < requests else 1.0
        for client in select.select(clients, [], [], wait)[0]:
            count = client.recv(65536).count(b'"pong"')
            now = time.perf_counter()
            took += [1e3 * (now - due[client].pop(0)) for _ in range(count)]
    return took


def main(seconds: int) -> None:
    """Start the child, offer, tell the quantiles."""
    command = [sys.executable, "-m", "bench.sockets", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None and child.stdout is not None
        clients = open_clients(int(child.stdout.readline()), CLIENTS, {"capabilities": ["notifications"]})
        offer(clients, 500)
        took = offer(clients, round(seconds / INTERVAL))
        child.stdin.close()
        for client in clients:
            client.close()
    shown = ", ".join(f"p{round(100 * part)} {quantile(took, part):.3f} ms" for part in (0.5, 0.9, 0.99))
    say(f"{len(took)} requests, {1 / INTERVAL:.0f} a second from {CLIENTS} clients: {shown}")
    report, middle = Report(), quantile(took, 0.5)
    report.goal("request to reply, p50", f"{middle:.3f} ms", middle, GOAL)
    report.end()


if __name__ == "__main__":
    main(5 if is_quick(__doc__) else 30)
