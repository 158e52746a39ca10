"""A bus server in memory for the client: the test is the server, and decides what it says, and when."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from sdkrelay.bus import BusClient, BusConfig
from sdkrelay.messages.bus import Decoder, Envelope, Message, Rejection, decode, encode
from sdkrelay.messages.bus.names import AUTOCONNECT, HEARTBEAT

TOKEN, NAME = "f" * 32, "Orc@" + "f" * 32
#: The port that the server is told to send answers to.
EVENT_PORT = 4321
COMMANDS, EVENTS = 35400, 35800


class Wire(StringTransportWithDisconnection):
    """One connection, seen from the server: what the client wrote, and a way to answer."""

    def __init__(self) -> None:
        super().__init__(hostAddress=IPv4Address("TCP", "127.0.0.1", EVENT_PORT))
        self.decoder = Decoder()

    def abortConnection(self) -> None:
        """Cut by the client."""
        if self.connected:
            self.loseConnection()

    def heard(self) -> list[Message]:
        """The commands that came since the last look."""
        data = self.value()
        self.clear()
        return [decode(frame) for frame in self.decoder.feed(data)]


@implementer(IStreamClientEndpoint)
@define
class Endpoint:
    """One of the two ports."""

    bus: MemoryBus
    port: int

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """At once, or never, or refused, as the bus is told."""
        if self.bus.is_refusing:
            return fail(Failure(ConnectError(string="refused")))
        if self.bus.is_hanging:
            return Deferred()
        wire = Wire()
        wire.protocol = protocolFactory.buildProtocol(None)
        self.bus.wires.setdefault(self.port, []).append(wire)
        wire.protocol.makeConnection(wire)
        return succeed(wire.protocol)


@define
class MemoryBus:
    """The server's side of every pair that was opened."""

    wires: dict[int, list[Wire]] = field(factory=dict)
    is_refusing: bool = False
    is_hanging: bool = False

    def endpoint(self, port: int) -> Endpoint:
        """The connector of a client."""
        return Endpoint(self, port)

    @property
    def events(self) -> Wire:
        """The event connection that was opened last."""
        return self.wires[EVENTS][-1]

    @property
    def commands(self) -> Wire:
        """The command connection that was opened last."""
        return self.wires[COMMANDS][-1]

    @property
    def opened(self) -> int:
        """How many command connections there were."""
        return len(self.wires.get(COMMANDS, []))

    def say(self, topic: str, data: Any = None, token: str | None = TOKEN, **fields: Any) -> None:
        """An event."""
        self.write(encode(Message(topic, Envelope(is_xcraft=True, token=token, data=data, **fields))))

    def write(self, data: bytes) -> None:
        """Bytes on the event connection, unless the client has cut it."""
        if self.events.connected:
            self.events.protocol.dataReceived(data)

    def beat(self) -> None:
        """A heartbeat."""
        self.write(encode(Message(HEARTBEAT)))

    def reject(self, code: str) -> None:
        """Refuse this client."""
        self.write(encode(Message("xcraft::axon/reject", Rejection(code=code, message="no"))))

    def welcome(self, **changes: Any) -> Message:
        """Answer the autoconnect that the client has sent; returns it."""
        (asked,) = self.commands.heard()
        answer = {"token": TOKEN, "orcName": NAME, "cmdRegistry": {"a.b": {"name": "a.b"}}, "isLoaded": True, **changes}
        self.say(f"{asked.envelope.data['autoConnectToken']}::{AUTOCONNECT}.finished", answer, answer["token"])
        return asked

    def answer(self, command: Message, data: Any = None, ending: str = "finished", **fields: Any) -> None:
        """Answer a command."""
        envelope = command.envelope
        topic = f"{envelope.orc_name}::{command.topic}.{envelope.id}.{ending}"
        self.say(topic, data, is_error=ending == "error", **fields)


class CountingEntropy:
    """``Entropy`` that never repeats itself, and is the same in each run."""

    def __init__(self) -> None:
        self._count = 0

    def bytes(self, count: int) -> bytes:
        """The next number."""
        self._count += 1
        return self._count.to_bytes(count, "big")


class BusCase(SynchronousTestCase):
    """A client, a server in memory, and a clock that stands still."""

    config = BusConfig()

    def setUp(self) -> None:
        """Nothing is connected."""
        self.clock, self.bus = Clock(), MemoryBus()
        self.client = BusClient(self.config, self.clock, CountingEntropy(), self.bus.endpoint)

    def run_(self, coroutine: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Run it as far as it goes."""
        return Deferred.fromCoroutine(coroutine)

    def connect(self) -> None:
        """Connect in full."""
        connecting = self.run_(self.client.connect())
        self.bus.beat()
        self.bus.welcome()
        self.assertIs(self.successResultOf(connecting), True)

    def sent(self) -> Message:
        """The one command that came since the last look."""
        (message,) = self.bus.commands.heard()
        return message
