"""The bus of a relay over transports in memory, and clients of it that speak what Xcraft programs speak."""

from __future__ import annotations

import zlib
from typing import Any

from attrs import define, evolve, field
from msgspec import UNSET
from twisted.internet.address import IPv4Address

from sdkrelay.domain.measure import BUS_CUTS
from sdkrelay.io.bus.dialect import Language
from sdkrelay.io.bus.door import BusDoor, BusLimits, BusSurroundings
from sdkrelay.io.bus.registry import Commands
from sdkrelay.io.bus.service import BusService, bus_factories
from sdkrelay.io.ops.metrics import RegistryMeter
from sdkrelay.messages.bus import Decoder, Envelope, Message, Route, decode, encode
from sdkrelay.messages.bus.names import AUTOCONNECT, HEARTBEAT
from sdkrelay.session.dialects import Native
from sdkrelay.session.gate import Allowances
from sdkrelay.session.outbox import Patience

from .conversation import Relay
from .websocket import MemoryClient, connect

#: Where a client in another place connects from.
ELSEWHERE = "203.0.113.7"
#: What a client awaits its welcome by.
WELCOME = "5ca1ab1e" * 4


def packed(content: bytes) -> bytes:
    """A gzip member, as the real software sends them."""
    return zlib.compress(content, wbits=31)


@define
class Xcraft:
    """A client: its two connections, and what came on the one for events; ``token`` once it has been welcomed."""

    commands: MemoryClient
    events: MemoryClient
    port: int
    token: str = "invalid"
    orc_name: str = "greathall"
    sent: int = 0
    _decoder: Decoder = field(factory=Decoder)
    kept: list[Message] = field(factory=list)

    def send(self, name: str, data: Any = UNSET, **fields: Any) -> str:
        """Let a command arrive; its identifier."""
        self.sent += 1
        envelope = Envelope(is_xcraft=True, token=self.token, orc_name=self.orc_name, id=f"c{self.sent}", data=data)
        changed = {**{name: getattr(envelope, name) for name in envelope.__struct_fields__}, **fields}
        self.commands.send(encode(Message(name, Envelope(**changed))))
        return f"c{self.sent}"

    def ask(self, port: int | None = None, token: str = WELCOME) -> None:
        """Ask for a welcome, as one that hears at this port, by default its own."""
        arp = {token: Route(token="", port=self.port if port is None else port)}
        self.send(AUTOCONNECT, {"autoConnectToken": token, "noForwarding": False}, arp=arp)

    def heard(self) -> list[Message]:
        """All events that came but heartbeats; they are forgotten."""
        frames = list(self._decoder.feed(self.events.raw()))
        return [message for message in map(decode, frames) if message.topic != HEARTBEAT]

    def welcomed(self) -> Xcraft:
        """The client after its welcome, and after a command that made it known."""
        self.ask()
        (welcome,) = self.heard()
        self.token, self.orc_name = welcome.envelope.data["token"], welcome.envelope.data["orcName"]
        self.call("relay.ping")
        return self

    def call(self, name: str, data: Any = UNSET, **fields: Any) -> Envelope:
        """The one event that answers a command."""
        identity = self.send(name, data, **fields)
        (answer,) = [message for message in self.heard() if f"::{name}.{identity}." in message.topic]
        return answer.envelope


class MemoryBus:
    """A relay's bus without a socket; time passes as the test wants."""

    def __init__(
        self, limits: BusLimits | None = None, cost: int = 100_000, patience: Patience | None = None, **more: Any
    ) -> None:
        self.relay = Relay(patience)
        self.time, self.meter = self.relay.time, RegistryMeter()
        reactor: Any = self.time.reactor
        catalog = self.relay.catalog
        commands = Commands(catalog.requests, "9.9.9", more.get("broadcast", False))
        self.door = BusDoor(
            BusSurroundings(
                evolve(self.relay.around, allowances=Allowances(self.time, cost)),
                Language(catalog, commands, Native(catalog), self.relay.entropy),
                self.relay.hub, reactor, self.meter, limits or BusLimits(), **more,
            )
        )  # fmt: skip
        self.service = BusService(self.door, reactor)
        self.service.startService()
        self._factories = bus_factories(self.door)
        self._port = 40_000

    def mouth(self, host: str = ELSEWHERE) -> MemoryClient:
        """A new connection for commands."""
        self._port += 1
        return connect(self._factories[0], IPv4Address("TCP", host, self._port))

    def ears(self, host: str = ELSEWHERE) -> MemoryClient:
        """A new connection for events."""
        self._port += 1
        return connect(self._factories[1], IPv4Address("TCP", host, self._port))

    def client(self, host: str = ELSEWHERE) -> Xcraft:
        """A new client, nothing said yet."""
        events = self.ears(host)
        return Xcraft(self.mouth(host), events, self._port - 1)

    def cuts(self, why: str) -> int:
        """How many connections were cut for this reason."""
        return self.meter.total(BUS_CUTS, reason=why)
