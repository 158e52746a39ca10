"""What this process has seen of each other relay: how it is connected, what it answered, and what it did wrong."""

from __future__ import annotations

from attrs import define, field

from ...messages.mesh.greeting import RelayGreeting
from ...messages.rest.relays import DigestDispute, RelayCondition, RelayConfiguration

#: An average moves by this part of the way to each new value.
WEIGHT = 0.2


@define(eq=False)
class Standing:
    """One relay, or one address until it has said its name; times are seconds since the epoch, ``latency`` is in seconds.

    ``greeting`` is the last one that was proved; ``version`` and ``capabilities`` came with it. ``error`` is the last thing that
    failed, in a sentence, ``attempts`` how often it was dialled without success since the last one. What the exchanges know
    (``uptime``, ``connections``, ``health``, counts, ``configuration``, ``condition`` and ``disputes``) is put here by them.
    """

    greeting: RelayGreeting | None = None
    version: str | None = None
    capabilities: tuple[str, ...] = ()
    last_seen: float | None = None
    away_since: float | None = None
    latency: float | None = None
    errors: int = 0
    error: str | None = None
    refusals: int = 0
    offences: int = 0
    offence: str | None = None
    attempts: int = 0
    uptime: int | None = None
    connections: int | None = None
    health: str | None = None
    sync_requests: int = 0
    sync_responses: int = 0
    configuration: RelayConfiguration | None = None
    condition: RelayCondition | None = None
    disputes: tuple[DigestDispute, ...] = ()

    def failed(self, why: str) -> None:
        """Something with it failed."""
        self.errors += 1
        self.error = why

    def answered(self, seconds: float, now: float) -> None:
        """It answered after so long."""
        before = self.latency
        self.latency = seconds if before is None else before + (seconds - before) * WEIGHT
        self.last_seen = now


@define(eq=False)
class Standings:
    """All of them, by ``relay_id``, and by address for those that never said one."""

    _known: dict[str, Standing] = field(factory=dict)

    def of(self, name: str) -> Standing:
        """The one of this name, made at its first mention; for names that were proved, configured or kept only."""
        return self._known.setdefault(name, Standing())

    def forget(self, name: str) -> None:
        """It is not known any more."""
        self._known.pop(name, None)

    def total_offences(self) -> int:
        """Of all."""
        return sum(standing.offences for standing in self._known.values())
