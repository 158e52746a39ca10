"""Clients of simulated relays: ordinary WebSocket clients, each a host of its own, that come back whenever they are cut."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from attrs import define, field, frozen
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.protocol import ReconnectingClientFactory

from .host import Host
from .network import Network

#: Seconds until a client that was cut connects again.
PAUSE = 1.5
#: Everything that was ever logged, as a subscription asks for it.
BEGINNING = "@0"


class _Protocol(WebSocketClientProtocol):
    """The socket: hands over what comes."""

    factory: _Factory

    def onOpen(self) -> None:
        self.factory.client.opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.client.received(json.loads(payload))

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.factory.client.closed()

    def say(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        self.sendMessage(json.dumps({"type": kind, **fields}).encode())


class _Factory(ReconnectingClientFactory, WebSocketClientFactory):
    """Connects again and again."""

    protocol: Any = _Protocol
    noisy = False
    maxDelay = PAUSE
    initialDelay = PAUSE
    jitter = 0

    def __init__(self, client: Client, host: Host, address: str) -> None:
        WebSocketClientFactory.__init__(self, f"ws://{address}:8090", reactor=host)
        self.client = client
        self.clock = host
        self.setProtocolOptions(
            openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0, autoPingInterval=0
        )


class Client:
    """Connected to one relay whenever it can be; ``address`` is the client's own."""

    def __init__(self, network: Network, address: str, relay_address: str, token: str | None = None) -> None:
        self._token = token
        self._host = Host(network, address)
        self._relay_address = relay_address
        self._protocol: Any = None
        self._greeted = False
        factory = _Factory(self, self._host, relay_address)
        self._host.connectTCP(relay_address, 8090, factory, 10.0)

    @property
    def ready(self) -> bool:
        """Whether the relay has greeted it, and the connection lasts."""
        return self._greeted

    def say(self, kind: str, **fields: Any) -> None:
        """Send a message, if there is a connection."""
        if self._protocol is not None:
            self._protocol.say(kind, **fields)

    def cut(self) -> None:
        """Break the connection, if there is one."""
        if self._protocol is not None:
            self._protocol.transport.cut()

    def end(self) -> None:
        """Be gone for good."""
        self._host.die()

    def opened(self, protocol: Any) -> None:
        """There is a connection: greet."""
        self._protocol = protocol
        protocol.factory.resetDelay()
        protocol.say("handshake", client_id="simulated", version="1.0.0", token=self._token)

    def received(self, message: dict[str, Any]) -> None:
        """A message came."""
        if message["type"] == "handshake_response":
            self._greeted = True
            self.greeted()
        else:
            self.heard(message)

    def closed(self) -> None:
        """The connection is gone."""
        self._protocol, self._greeted = None, False

    def greeted(self) -> None:
        """The conversation is open."""

    def heard(self, message: dict[str, Any]) -> None:
        """Anything but a greeting came."""


@frozen
class Told:
    """A message as a relay told it; times are seconds since the epoch."""

    message_id: str
    content: str
    made_at: int
    expires_at: int


class Follower(Client):
    """Follows one relay from its first entry on, with the last position over every reconnection."""

    def __init__(self, network: Network, address: str, relay_address: str) -> None:
        super().__init__(network, address, relay_address)
        self._position = BEGINNING
        self.told: list[Told] = []
        self.conflicts: Counter[tuple[str, str]] = Counter()
        self.strange: list[dict[str, Any]] = []

    def greeted(self) -> None:
        self.say("subscribe", subscriptions=["sync"], since=self._position)

    def heard(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "notification" and message["notification_type"] == "sync_message":
            data = message["data"]
            self._position = message["position"]
            text, times = data["content"]["text"], (data["timestamp"], data["expires_at"])
            self.told.append(Told(data["message_id"], text, *times))
        elif kind == "conflict_detected":
            self.conflicts[message["winner"], message["loser"]] += 1
        elif kind not in ("subscribe_response", "sync"):
            self.strange.append(message)

    def knows(self, message_id: str) -> frozenset[Told]:
        """All that was told under this name."""
        return frozenset(told for told in self.told if told.message_id == message_id)


@frozen
class Acknowledged:
    """What a relay promised to keep: ``known`` is what it had told before under the name."""

    relay: int
    message_id: str
    content: str
    expires_at: int
    known: frozenset[Told]
    by_user: bool


@define(eq=False)
class Sent:
    """What was said and is not answered yet."""

    message_id: str
    content: str
    known: frozenset[Told]


@define(eq=False)
class Tally:
    """What all senders were told."""

    acknowledged: list[Acknowledged] = field(factory=list)
    sent: int = 0
    beaten: int = 0
    refused: list[str] = field(factory=list)


class Sender(Client):
    """Leaves messages with one relay: with a token as that user, without one as an author of its own each time it connects."""

    def __init__(
        self, network: Network, address: str, relay_address: str, relay: int, tally: Tally, token: str | None = None
    ) -> None:
        super().__init__(network, address, relay_address, token)
        self._relay = relay
        self._known = token is not None
        self._tally = tally
        self._asked: dict[str, Sent] = {}

    def send(self, message_id: str, content: str, ttl: int, known: frozenset[Told]) -> None:
        """Leave a message; without effect while there is no conversation."""
        if self.ready:
            self._tally.sent += 1
            identity = f"m{self._tally.sent}"
            self._asked[identity] = Sent(message_id, content, known)
            self.say("sync_message", id=identity, message_id=message_id, content={"text": content}, ttl=ttl)

    def heard(self, message: dict[str, Any]) -> None:
        kind, sent = message["type"], self._asked.get(message.get("id", ""))
        if kind == "sync_ack" and sent is not None:
            del self._asked[message["id"]]
            self._tally.acknowledged.append(
                Acknowledged(self._relay, sent.message_id, sent.content, message["expires_at"], sent.known, self._known)
            )
        elif kind == "conflict_detected":
            self._tally.beaten += message["resolution"] == "keep_first"
        elif kind == "error":
            self._tally.refused.append(message["error_code"])

    def closed(self) -> None:
        super().closed()
        self._asked.clear()
