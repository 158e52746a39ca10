"""How a client behaves where the defaults do not fit."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from .connection import MOST
from .ledger import MOST_SUBJECTS
from .trust import Trust


def _topics(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(names)


@frozen
class Options:
    """What :class:`~sdkrelay.client.Client` takes by name.

    ``topics`` are heard from the beginning. ``client_id`` is what it calls itself (else something random), ``network`` what the
    relay must serve. ``failover`` is in seconds. ``trust`` says which certificates are believed; ``plain_keys`` lets private
    keys go over connections that others can read. ``most_waiting`` messages wait here at most; ``remembered`` outputs, blocks
    and messages are recognised when another relay tells them.
    """

    topics: tuple[str, ...] = field(default=("payments", "blocks"), converter=_topics)
    client_id: str = ""
    network: str | None = None
    failover: float | None = None
    follow_fallback: bool = True
    trust: Trust = field(factory=Trust)
    plain_keys: bool = False
    most_waiting: int = MOST
    remembered: int = MOST_SUBJECTS
