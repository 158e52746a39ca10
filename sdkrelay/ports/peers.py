"""Dialling other relays: one line for each address, tried again and again."""

from __future__ import annotations

from typing import Protocol

from .caller import Caller


class LineWatch(Protocol):
    """Whoever wants a line hears how it goes."""

    def wanted(self) -> bool:
        """Whether to dial now; asked before every attempt."""

    def opened(self, caller: Caller) -> None:
        """A conversation has begun, nothing has been said yet."""

    def failed(self, why: str) -> None:
        """There was no conversation; it is tried again after a pause."""


class Line(Protocol):
    """One address that is dialled until :meth:`stop`; the pauses grow until a greeting has succeeded."""

    def greeted(self) -> None:
        """The greeting has succeeded: the next pause is short again."""

    def again(self) -> None:
        """Do not wait long any more, if it waits."""

    def stop(self) -> None:
        """Dial no more, and hang up."""


class Dialler(Protocol):
    """Makes lines."""

    def line(self, address: str, watch: LineWatch) -> Line:
        """Dial this normalised address from now on."""
