"""The two ports of the bus: which command connection belongs to which event connection, and what the bus does by itself.

A client says of itself who it is and where it hears, and anybody can say the same. So each event connection has a token of
its own, drawn by the relay; the answer to ``autoconnect`` shows it there and nowhere else. A command connection that sends
this token comes from who reads that event connection: only then does it belong to it, and only then are commands taken.
Whoever was welcomed and says nothing more hears what is public.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from attrs import field, frozen
from msgspec import Meta, Raw, Struct
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ...domain.measure import BUS_COMMANDS
from ...domain.notification import Topic
from ...domain.problem import Problem
from ...messages.bulletin import Bulletin
from ...messages.bus.names import AUTOCONNECT
from ...messages.catalog import encode
from ...messages.message import Malformed, Message
from ...ports import Meter
from ...services.hub import Hub
from ...session.session import GOING_AWAY, Surroundings
from ..net.turn import Turn
from .command import Command, name_of, payload_of, read_command
from .commands import CommandConnection
from .connection import GOODBYE_SECONDS, BusConnection
from .dialect import Language
from .events import EventConnection
from .pair import Pair
from .registry import BROADCAST, DISCONNECT

log = Logger()

#: What commands cost that are not requests of the catalog.
AUTOCONNECT_COST, OWN_COST, DROPPED_COST = 20, 5, 1

_PUBLISHABLE = r"\A(?!(?:greathall|relay|xcraft)::)(?!.*\.(?:finished|error)\Z)[\w.-]+::[\w.:-]+\Z"


class _Autoconnect(Struct, frozen=True, rename="camel"):
    """The payload of ``autoconnect``: under which name the answer is awaited."""

    auto_connect_token: Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]


class _Envelope(Struct, frozen=True):
    """What is taken of an envelope to be published; nothing else of it could be trusted by those who hear it."""

    data: Raw = Raw(b"null")


class _Broadcast(Struct, frozen=True):
    """The payload of ``broadcast``; a topic is neither the relay's, nor the bus's, nor of one client, nor like an answer's."""

    topic: Annotated[str, Meta(max_length=200, pattern=_PUBLISHABLE)]
    msg: _Envelope


class _Published(Message, frozen=True, kw_only=True, tag="published"):
    """Something that was written before: only its form for the bus is ever told."""


@frozen
class BusLimits:
    """Connections of each port, bytes of a command, and seconds for two connections to become a pair."""

    connections: int = 100
    frame_bytes: int = 1_000_000
    pairing_seconds: float = 15.0


@frozen
class BusSurroundings:
    """What the bus needs; ``session`` has the allowances of the sockets, so that nobody has two."""

    session: Surroundings
    language: Language
    hub: Hub
    reactor: IReactorTime
    meter: Meter
    limits: BusLimits = field(factory=BusLimits)
    broadcast: bool = False
    certificate_required: bool = False


class BusDoor:
    """All connections of the bus, and the pairs they form."""

    farewell: tuple[int, str] | None = None

    def __init__(self, around: BusSurroundings) -> None:
        self.around = around
        self.bus_id = self.draw()
        self.turn = Turn(around.reactor, around.session.clock.monotonic)
        self.pairs: set[Pair] = set()
        self._registry = encode(around.language.commands.registry())
        self._arrived: dict[type[BusConnection], set[BusConnection]] = {
            CommandConnection: set(),
            EventConnection: set(),
        }
        self._listening: dict[str, EventConnection] = {}
        self._own: dict[str, Callable[[Pair, Command], bytes | None]] = {
            AUTOCONNECT: self._autoconnect_again,
            DISCONNECT: self._disconnect,
        }
        if around.broadcast:
            self._own[BROADCAST] = self._broadcast

    @property
    def connections(self) -> int:
        """How many connections are open, of both kinds."""
        return sum(map(len, self._arrived.values()))

    def draw(self) -> str:
        """32 hexadecimal digits that nobody knows yet."""
        return self.around.language.entropy.bytes(16).hex()

    def arrived(self, connection: BusConnection) -> bool:
        """A connection is made; False if it cannot stay."""
        others = self._arrived[type(connection)]
        if self.farewell is not None or len(others) >= self.around.limits.connections:
            return False
        others.add(connection)
        return True

    def listens(self, events: EventConnection) -> None:
        """This connection hears, and waits for its other half."""
        self._listening[events.token] = events

    def lost(self, connection: BusConnection) -> None:
        """The connection is gone."""
        self._arrived[type(connection)].discard(connection)
        self.leaves(connection)

    def leaves(self, connection: BusConnection) -> None:
        """The connection is about to go: nothing belongs to it any more."""
        if isinstance(connection, EventConnection):
            self._taken(connection)
        if connection.pair is not None:
            self.pairs.discard(connection.pair)

    def take(self, commands: CommandConnection, command: bytes) -> None:
        """A command has come."""
        pair, name = commands.pair, name_of(command)
        if pair is None:
            self._take_from_stranger(commands, command)
        elif name in self._own:
            self._count(name)
            self._do(self._own[name], pair, command)
        else:
            self._count("taken")
            pair.session.receive(command)

    def _take_from_stranger(self, commands: CommandConnection, raw: bytes) -> None:
        """Before it has a pair: it may ask for a token, or show one."""
        try:
            command = read_command(raw)
            asks = command.name == AUTOCONNECT
            self._charge(commands, AUTOCONNECT_COST if asks else DROPPED_COST)
            if asks:
                self._autoconnect(commands, command)
            elif (events := self._listening.get(command.token)) and events.pair and _fit(commands, events):
                events.pair.join(commands)
                self._taken(events)
                self.take(commands, raw)
            else:
                self._count("dropped")
        except Malformed:
            commands.cut("garbage")
        except Problem:
            commands.cut("rates")

    def _autoconnect(self, commands: CommandConnection, command: Command) -> None:
        """Answer on every event connection that can be this client's, with the token that is only for who reads there.

        The port that the client tells saves work where there are many; through whatever changes ports it is of no use.
        """
        self._count(AUTOCONNECT)
        waiting = [events for events in self._listening.values() if _fit(commands, events)]
        named = [events for events in waiting if getattr(events.transport.getPeer(), "port", None) in command.ports]
        for events in named or waiting:
            events.send(self._welcome(command, events))
            self._let_hear(events)
        commands.hope(named or waiting)

    def _autoconnect_again(self, pair: Pair, command: Command) -> bytes:
        return self._welcome(command, pair.events)

    def _welcome(self, command: Command, events: EventConnection) -> bytes:
        asked = payload_of(command, _Autoconnect).auto_connect_token
        names = encode({"token": events.token, "orcName": events.orc_name, "isLoaded": True})
        data = b'%s,"cmdRegistry":%s}' % (names[:-1], self._registry)
        return self.around.language.event(f"{asked}::{AUTOCONNECT}.finished", data)

    def _let_hear(self, events: EventConnection) -> None:
        """Whoever reads here hears what every client of the relay may, and of its wallets once its commands have proved them."""
        if events.pair is None:
            pair = Pair(self.around, events, self.draw())
            self.pairs.add(pair)
            listening = self.around.hub.listen(pair.session, frozenset({Topic.NOTIFICATIONS}), None)
            self.around.session.tasks.start("bus", listening)

    def _taken(self, events: EventConnection) -> None:
        """Nobody's commands can join it any more."""
        if self._listening.pop(events.token, None) is not None:
            for commands in tuple(self._arrived[CommandConnection]):
                if isinstance(commands, CommandConnection):
                    commands.give_up(events)

    def _do(self, work: Callable[[Pair, Command], bytes | None], pair: Pair, raw: bytes) -> None:
        """A command that the bus has of its own."""
        command: Command | None = None
        try:
            command = read_command(raw)
            self._charge(pair.events, OWN_COST)
            answer = work(pair, command) or pair.dialect.finished(command, b"{}")
        except Problem as problem:
            answer = pair.dialect.failed(command, problem)
        pair.session.push(_ready(answer))

    def _disconnect(self, pair: Pair, command: Command) -> bytes:
        return self.around.language.event(f"{command.orc_name}::{DISCONNECT}.finished", b"{}")

    def _broadcast(self, pair: Pair, command: Command) -> None:
        pair.dialect.check(command)
        payload = payload_of(command, _Broadcast)
        told = _ready(self.around.language.event(payload.topic, bytes(payload.msg.data)))
        for other in tuple(self.pairs):
            other.session.push(told)

    def beat(self) -> None:
        """Tell everybody that the relay is there, and cut whoever does not read."""
        for connection in tuple(self._arrived[EventConnection]):
            try:
                _beat(connection)
            except Exception:
                log.failure("a bus connection could not be kept alive")

    def dismiss(self, code: int, reason: str) -> None:
        """Say goodbye to all who are here, and let nobody else come."""
        self.farewell = (code, reason)
        for pair in tuple(self.pairs):
            pair.session.close(code, reason)
        seconds = GOODBYE_SECONDS if code == GOING_AWAY else 0.0
        for connection in [connection for kind in self._arrived.values() for connection in kind]:
            if seconds and isinstance(connection, EventConnection):
                connection.say_goodbye()
            connection.end(seconds)

    def _charge(self, connection: BusConnection, cost: int) -> None:
        if self.around.session.allowances is not None:
            self.around.session.allowances.charge(connection.host, None, cost)

    def _count(self, kind: str) -> None:
        self.around.meter.count(BUS_COMMANDS, kind)


def _fit(commands: CommandConnection, events: EventConnection) -> bool:
    """Whether these two can be one client's: from one address, with the same certificate or none, equally protected."""
    return (commands.host, commands.certificate, commands.secure) == (events.host, events.certificate, events.secure)


def _beat(connection: BusConnection) -> None:
    if isinstance(connection, EventConnection):
        connection.beat()
    if connection.pair is not None:
        connection.pair.session.check_patience()


def _ready(frame: bytes) -> Bulletin:
    """Something written for the bus already."""
    bulletin = Bulletin(_Published(), 0.0)
    bulletin.forms["bus"] = frame
    return bulletin
