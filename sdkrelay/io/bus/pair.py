"""One client and its conversation: what is said goes out on its event connection, commands come in on the other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from ...domain.access import Approach
from ...session.session import GOING_AWAY, Session
from .connection import GOODBYE_SECONDS, BusConnection
from .dialect import BusDialect

if TYPE_CHECKING:
    from .commands import CommandConnection
    from .door import BusSurroundings
    from .events import EventConnection


class Pair:
    """A client: first it only hears what is public, then commands join that were proved to come from who reads its events.

    It is the wire of its session. Whoever sits at the machine is nobody in particular here: no header tells a program of
    this machine from a tunnel that ends on it, so operators come with a token or a certificate.
    """

    commands: CommandConnection | None = None

    def __init__(self, around: BusSurroundings, events: EventConnection, session_id: str) -> None:
        self.events = events
        self.dialect = BusDialect(around.language, events.token, events.orc_name)
        self.session = Session(
            evolve(around.session, dialect=self.dialect),
            self,
            session_id,
            events.secure,
            Approach(events.host, local=False, certificate=events.certificate),
        )
        events.joined(self)
        self.session.greet()

    def join(self, commands: CommandConnection) -> None:
        """From now on these are its commands."""
        self.commands = commands
        commands.joined(self)

    def send(self, payload: bytes) -> None:
        """An event for this client: it goes out on its own event connection and nowhere else."""
        self.events.send(payload)

    def close(self, code: int, reason: str) -> None:
        """End both connections; a relay that stops for good says so, and the client does not come back."""
        seconds = GOODBYE_SECONDS if code == GOING_AWAY else 0.0
        if seconds:
            self.events.say_goodbye()
        if self.commands is not None:
            self.commands.end(seconds)
        self.events.end(seconds)

    def send_all(self, payloads: Sequence[bytes]) -> None:
        """Tell the client these, one after the other."""
        for payload in payloads:
            self.send(payload)

    def pause_reading(self) -> None:
        """Let no more commands come."""
        if self.commands is not None:
            self.commands.pause_reading()

    def resume_reading(self) -> None:
        """Let commands come again."""
        if self.commands is not None:
            self.commands.resume_reading()

    def lost(self, connection: BusConnection) -> None:
        """One half is gone, so the other half goes."""
        self.session.ended(clean=True)
        other = self.events if connection is self.commands else self.commands
        if other is not None:
            other.end()
