"""A roster, and a greeter, for relays under test: nobody is dialled unless a test says so."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from sdkrelay.domain.measure import Unmetered
from sdkrelay.ports import Caller, LineWatch, Meter
from sdkrelay.services.handshake import Identity
from sdkrelay.services.mesh.dialling import Dialling, Manners
from sdkrelay.services.mesh.discovery import Discovery, Known
from sdkrelay.services.mesh.greeting import Books, Greeter
from sdkrelay.services.mesh.link import Links
from sdkrelay.services.mesh.pins import Pins
from sdkrelay.services.mesh.proving import Credentials, Ourselves
from sdkrelay.services.mesh.refusals import Refusals
from sdkrelay.services.mesh.roster import Roster
from sdkrelay.services.mesh.standing import Standings

TOKEN = b"a token that all relays of the mesh share"


@define(eq=False)
class ListLine:
    """A line that writes down what is done with it."""

    address: str
    watch: LineWatch
    resets: int = 0
    agains: int = 0
    stopped: bool = False

    def greeted(self) -> None:
        """The next pause is short."""
        self.resets += 1

    def again(self) -> None:
        """Do not wait."""
        self.agains += 1

    def stop(self) -> None:
        """No more."""
        self.stopped = True

    def opens(self, caller: Caller) -> None:
        """A conversation begins."""
        self.watch.opened(caller)


@define
class ListDialler:
    """Dials nobody: the lines that were wanted, by address."""

    lines: dict[str, ListLine] = field(factory=dict)

    def line(self, address: str, watch: LineWatch) -> ListLine:
        """Keep a line."""
        self.lines[address] = line = ListLine(address, watch)
        return line


class Rostered:
    """What makes links, over a store and a time of a test."""

    def __init__(
        self, identity: Identity, store: Any, time: Any, entropy: Any, secret: bytes = b"\x07" * 32,
        token: bytes | None = TOKEN, meter: Meter | None = None, attempts: int = 3, max_links: int = 8, **ourselves: Any,
    ) -> None:  # fmt: skip
        meter, tasks = meter or Unmetered(), time.tasks
        self.links = Links(identity.relay_id, meter)
        self.books = Books(self.links, Pins(store, tasks), Standings(), Refusals(time, meter))
        own = Ourselves(secret, token, "boot-1", **ourselves)
        self.greeter = Greeter(identity, Credentials(identity, own, entropy), self.books, tasks, time)
        self.failures: list[tuple[str, int]] = []
        manners = Manners(
            lambda: max_links, lambda: attempts, lambda *failure: self.failures.append(failure), self._miss
        )
        self.dialling = Dialling(self.greeter, self.books, manners, meter, time)
        self.roster = Roster(self.books, self.dialling)
        known = Known(identity.relay_id, lambda address: False, lambda: 64, self.roster.changed)
        self.roster.discovery = self.discovery = Discovery(known, self.links, tasks, time)

    def _miss(self, name: str, attempts: int) -> None:
        self.discovery.missed(name, attempts)
