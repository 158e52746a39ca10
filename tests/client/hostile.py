"""A server that speaks WebSocket and says what a test tells it to, however wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

from .network import Network

Answers = Callable[[dict[str, Any]], list[Any]]


class Liar(WebSocketServerProtocol):
    """One connection: what comes is answered by the factory's ``answers``; bytes are sent as they are."""

    factory: LiarFactory

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        message = json.loads(payload)
        self.factory.heard.append(message)
        for answer in self.factory.answers(message):
            if answer == b"binary":
                self.sendMessage(b"\0", isBinary=True)
            else:
                self.sendMessage(answer if isinstance(answer, bytes) else json.dumps(answer).encode())


class LiarFactory(WebSocketServerFactory):
    """Listens at an address of a network."""

    protocol: Any = Liar

    def __init__(self, network: Network, address: tuple[str, int], answers: Answers) -> None:
        super().__init__("ws://127.0.0.1", reactor=network)
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        self.answers = answers
        self.heard: list[dict[str, Any]] = []
        network.listenTCP(address[1], self, interface=address[0])


def polite(message: dict[str, Any], *more: Any) -> list[Any]:
    """What a relay would answer to begin with; ``more`` follows a subscription."""
    answer = {"id": message["id"], "timestamp": 1_700_000_000, "position": "abc-5"}
    if message["type"] == "handshake":
        return [{**answer, "type": "handshake_response", "status": "accepted", "wallet_ids": []}]
    if message["type"] == "subscribe":
        return [{**answer, "type": "subscribe_response"}, *more]
    return []


def news(position: Any, height: int = 1) -> dict[str, Any]:
    """A notification as a relay tells it."""
    data = {"block_height": height, "block_hash": f"{height:064x}"}
    named = {"type": "notification", "notification_type": "block_mined", "data": data}
    return {**named, "timestamp": 1_700_000_000, "position": position}
