"""Conversations with other Nostr relays, in which this relay is the client."""

from __future__ import annotations

from typing import Protocol

from .peers import Line


class RemoteWire(Protocol):
    """One open connection to another relay."""

    def send(self, frame: bytes) -> None:
        """Send a text frame; without effect once the connection is closing."""

    def pause(self) -> None:
        """Read no more for now."""

    def resume(self) -> None:
        """Read on."""

    def hang_up(self, why: str) -> None:
        """Close the connection."""

    def attach(self, hearer: RemoteHearer) -> None:
        """Whoever hears what is said from now on; to be called before anything can have been said."""


class RemoteHearer(Protocol):
    """This side of a conversation."""

    def receive(self, frame: bytes) -> None:
        """The other relay said this."""

    def ended(self, why: str) -> None:
        """The connection is gone."""


class RemoteWatch(Protocol):
    """Whoever wants a line to another relay hears how it goes."""

    def wanted(self) -> bool:
        """Whether to dial now; asked before every attempt."""

    def opened(self, wire: RemoteWire) -> None:
        """There is a connection, and nothing has been said yet."""

    def failed(self, why: str) -> None:
        """There was no conversation; it is tried again after a pause."""


class RemoteDialler(Protocol):
    """Makes lines to other Nostr relays."""

    def line(self, url: str, watch: RemoteWatch) -> Line:
        """Dial this ``ws`` or ``wss`` URL from now on."""
