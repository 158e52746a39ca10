"""The condition of the relay's parts, as values: the same one stands in health, metrics and logs."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class NodeState(StrEnum):
    """How the relay stands with its bitcoind; the words are the ones ``/health`` shows."""

    CONNECTED = "connected"
    CONNECTING = "connecting"
    DISCONNECTED = "disconnected"
    NOT_CONFIGURED = "not_configured"


@frozen
class NodeCondition:
    """The state of the connection to bitcoind and, unless it is connected and fit, why (a sentence saying what to do)."""

    state: NodeState
    reason: str | None = None
    since: float = 0.0


@frozen
class Starting:
    """Nothing has been asked of the node yet."""


@frozen
class CatchingUp:
    """Indexing history: ``height`` is done, ``target`` the node's tip, ``rate`` blocks a second, ``remaining`` seconds or None."""

    height: int
    target: int
    rate: float = 0.0
    remaining: float | None = None


@frozen
class Live:
    """The index is at the node's tip."""

    height: int


@frozen
class Stalled:
    """No progress since ``since`` (seconds since the epoch), and why; it is tried again by itself."""

    since: float
    why: str


IndexerCondition = Starting | CatchingUp | Live | Stalled
