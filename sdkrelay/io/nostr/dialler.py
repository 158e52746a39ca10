"""Dials other Nostr relays: what comes over the connection goes to whoever attached itself, as it is."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from ...ports import Clock, Entropy
from ...ports.remotes import RemoteHearer
from ..net.calling import GOING_AWAY, CallProtocol, Pauses, Phone, Trust

#: The close code for a message beyond the bound (RFC 6455 §7.4.1).
TOO_LARGE = 1009
#: Seconds for which the other side may read nothing.
PATIENCE = 60.0


class Talk:
    """One connection as the services see it (:class:`~sdkrelay.ports.remotes.RemoteWire`), and what the shell hands on to."""

    reading = True
    waiting = (0, 0)

    def __init__(self, protocol: CallProtocol, seconds: Callable[[], float]) -> None:
        self._protocol = protocol
        self._seconds = seconds
        self._hearer: RemoteHearer | None = None
        self._full_since: float | None = None
        self._why = ""

    def attach(self, hearer: RemoteHearer) -> None:
        self._hearer = hearer

    def send(self, frame: bytes) -> None:
        self._protocol.send(frame)

    def pause(self) -> None:
        if self.reading:
            self.reading = False
            self._protocol.pause_reading()

    def resume(self) -> None:
        if not self.reading:
            self.reading = True
            self._protocol.resume_reading()

    def hang_up(self, why: str) -> None:
        self.close(GOING_AWAY, why)

    def close(self, code: int, reason: str) -> None:
        """Begin to close; whoever does not finish it is cut."""
        self._why = self._why or reason
        self.reading = True
        if self._protocol.state == self._protocol.STATE_OPEN:
            self._protocol.close(code, "")

    def receive(self, payload: bytes) -> None:
        """The other side said this."""
        if self._hearer is not None:
            self._hearer.receive(payload)

    def receive_binary(self) -> None:
        """Nostr has no binary messages: it is heard as what nobody says."""
        self.receive(b"")

    def receive_too_large(self, limit: int) -> None:
        """More was announced than is taken; the connection is closed for it."""
        self.close(TOO_LARGE, f"a message of more than {limit} bytes")

    def ended(self, clean: bool) -> None:
        """The connection is gone."""
        if self._hearer is not None:
            self._hearer.ended(self._why or "the connection was closed")

    def pause_sending(self) -> None:
        """The other side does not read."""
        self._full_since = self._seconds()

    def resume_sending(self) -> None:
        """It reads again."""
        self._full_since = None

    def check_patience(self) -> None:
        """Cut who has read nothing for too long."""
        if self._full_since is not None and self._seconds() - self._full_since > PATIENCE:
            self.give_up("it does not read")
            self._protocol.dropConnection(abort=True)

    def give_up(self, reason: str) -> None:
        """The connection is about to be cut."""
        self._why = reason


class NostrPhone(Phone):
    """Makes the lines to other Nostr relays (:class:`~sdkrelay.ports.remotes.RemoteDialler`).

    With ``public`` nothing is said to addresses of this machine or of private networks: such a phone dials what strangers name.
    """

    def __init__(
        self,
        clock: Clock,
        entropy: Entropy,
        reactor: Any,
        trust: Trust,
        pauses: Callable[[], Pauses],
        message_bytes: int,
        public: bool = False,
    ) -> None:
        super().__init__(clock, entropy, reactor, trust, pauses, message_bytes)
        self._public = public

    def conversation(self, protocol: CallProtocol, secure: bool, host: str) -> Talk:
        """A connection as the services see it."""
        return Talk(protocol, self.seconds)

    def unwelcome(self, host: str) -> str | None:
        """Why nothing is said to this address."""
        return None if not self._public or _is_public(host) else "its address is none of the public internet"


def _is_public(host: str) -> bool:
    try:
        return ip_address(host).is_global
    except ValueError:
        return False
