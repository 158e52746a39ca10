"""What a port raises: the other side cannot answer, or the task was cancelled."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

#: What a cancelled coroutine sees at its await: Twisted's own, so that no await needs wrapping. Never swallow it.
Cancelled = CancelledError


class Unavailable(Exception):
    """The other side (node, database) cannot answer now; the message says why in words for an operator."""


class Stale(Unavailable):
    """What was computed no longer fits the chain that is stored; compute it again."""
