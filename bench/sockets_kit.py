"""What the benches of the doors share: a relay's port on a real socket of this process, and raw clients."""

from __future__ import annotations

import json
import resource
import socket
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint

from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits, WebSocketService
from sdkrelay.io.world import ReactorTasks, SystemClock, SystemEntropy
from sdkrelay.session.dialects import Native
from sdkrelay.session.gate import Allowances
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Surroundings
from tests.support.conversation import Relay
from tests.support.websocket import UPGRADE, frame


def allow_files(count: int) -> int:
    """Let this process open so many files if its hard limit allows; how many it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


class Port:
    """A relay's WebSocket port, with the limits of the settings' defaults but for the number of clients."""

    def __init__(self, reactor: Any, connections: int) -> None:
        self.relay = Relay()
        self.reactor = reactor
        self.tasks = self.relay.hub._tasks = ReactorTasks(reactor)
        clock = SystemClock()
        around = Surroundings(
            Native(self.relay.catalog), self.relay.dispatch, self.tasks, clock, Patience(),
            allowances=Allowances(clock, 1_000_000),
        )  # fmt: skip
        self.factory = RelayFactory(around, WebSocketLimits(connections=connections), SystemEntropy(), reactor)
        self.service = WebSocketService(self.factory, reactor)
        self.listening: Any = None

    async def listen(self) -> int:
        """Begin to serve on a free port of the loopback interface; its number."""
        guard = guarded(WebSocketDoor(self.factory), HttpLimits(connections=100_000), self.reactor)
        self.listening = await TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1", backlog=4096).listen(guard)
        self.service.startService()
        return int(self.listening.getHost().port)

    async def close(self) -> None:
        """Drop everybody."""
        self.service.stopService()
        for protocol in tuple(self.factory.open):
            protocol.transport.abortConnection()
        await self.listening.stopListening()
        await self.tasks.sleep(0.2)


def open_clients(port: int, count: int, greeting: dict[str, Any] | None = None) -> list[socket.socket]:
    """So many sockets after the WebSocket handshake, and after ours if a greeting is given. Blocks: call it in a thread."""
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for client in clients:
        client.sendall(UPGRADE + b"\r\n")
    for client in clients:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        assert b" 101 " in head.partition(b"\r\n")[0], head
    if greeting is not None:
        for client in clients:
            client.sendall(frame(json.dumps({"type": "handshake", **greeting}).encode()))
        for client in clients:
            assert b"accepted" in client.recv(65536)
    return clients


def drain(clients: list[socket.socket], size: int) -> None:
    """Read so many bytes from each client."""
    for client in clients:
        left = size
        while left:
            left -= len(client.recv(left))
