"""Dials other relays: the conversation over each line is a session like any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...domain.access import Approach
from ...ports import Entropy
from ...session.session import Session, Surroundings
from ..net.calling import CallProtocol, Pauses, Phone
from ..net.http import is_loopback
from .trust import Trust

__all__ = ["Pauses", "PeerDialler"]


class PeerDialler(Phone):
    """Makes the lines to other relays (:class:`~sdkrelay.ports.Dialler`), over sessions with these surroundings."""

    def __init__(
        self,
        around: Surroundings,
        entropy: Entropy,
        reactor: Any,
        trust: Trust,
        pauses: Callable[[], Pauses],
        message_bytes: int,
    ) -> None:
        super().__init__(around.clock, entropy, reactor, trust, pauses, message_bytes)
        self._around = around

    def conversation(self, protocol: CallProtocol, secure: bool, host: str) -> Session:
        """A session over this connection."""
        session_id = self.entropy.bytes(16).hex()
        return Session(self._around, protocol, session_id, secure or is_loopback(host), Approach(host))
