"""The bus as a service: its ports' factories, its heartbeat, and its end."""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import LoopingCall

from ...session.session import GOING_AWAY
from .commands import CommandConnection
from .connection import BusConnection
from .door import BusDoor
from .events import EventConnection

#: Seconds from one heartbeat to the next, as clients expect them.
BEAT_SECONDS = 0.5


class BusFactory(Factory):
    """Makes the connections of one of the two ports."""

    noisy = False

    def __init__(self, door: BusDoor, kind: type[BusConnection]) -> None:
        self._door = door
        self._kind = kind

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return self._kind(self._door)


def bus_factories(door: BusDoor) -> tuple[BusFactory, BusFactory]:
    """The factories of the port for commands and of the port for events."""
    return BusFactory(door, CommandConnection), BusFactory(door, EventConnection)


class BusService(Service):
    """Keeps the open connections alive, and says goodbye to all of them when the relay stops."""

    farewell = (GOING_AWAY, "the relay is stopping")

    def __init__(self, door: BusDoor, reactor: IReactorTime) -> None:
        self._door = door
        self._beating = LoopingCall(door.beat)
        self._beating.clock = reactor

    def startService(self) -> None:
        super().startService()
        self._beating.start(BEAT_SECONDS, now=False)

    def stopService(self) -> None:
        super().stopService()
        if self._beating.running:
            self._beating.stop()
        self._door.dismiss(*self.farewell)
