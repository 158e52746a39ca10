"""Alerts: what is watched, and how a condition that comes and goes becomes an alert that fires and clears.

A condition must hold for a while before its alert fires, and must not hold for a while before that clears, so that a figure
which wavers around a bound is told once and not every few seconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from attrs import evolve, frozen
from msgspec import Meta, Struct

from .expression import LONGEST

Severity = Literal["info", "warning", "critical"]
Action = Literal["notify_admin"]
AlertId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_.-]+\Z")]
ConditionText = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
Delay = Annotated[int, Meta(ge=0, le=86_400)]


class AlertRule(Struct, frozen=True, kw_only=True):
    """What is watched for; ``fire_after`` and ``clear_after`` are seconds, None for those of the settings."""

    alert_id: str
    condition: str
    action: Action = "notify_admin"
    enabled: bool = True
    severity: Severity = "warning"
    fire_after: int | None = None
    clear_after: int | None = None


#: What is watched without anybody's doing.
DEFAULT_RULES: Final = (
    AlertRule(alert_id="high_cpu", condition="cpu_usage > 80"),
    AlertRule(alert_id="high_latency", condition="latency > 1"),
    AlertRule(alert_id="high_error_rate", condition="error_rate > 5"),
    AlertRule(alert_id="bitcoin_disconnected", condition="bitcoin_connected == false", severity="critical"),
    AlertRule(
        alert_id="digests_differ", condition="differing_digests > 0", severity="critical", fire_after=0, clear_after=0
    ),
)


class AlertState(StrEnum):
    """How an alert stands; ``pending`` is a condition that holds, but not for long enough yet."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"


@frozen
class Standing:
    """The state, since when (seconds since the epoch), and since when the condition speaks for another one (monotonic)."""

    state: AlertState
    since: float
    turned: float | None = None

    def judged(self, holds: bool, delays: tuple[float, float], monotonic: float, now: float) -> Standing:
        """How it stands after one more look; ``delays`` are the seconds before it fires and before it clears."""
        firing = self.state is AlertState.FIRING
        if holds == firing:
            return self._settled(now)
        turned = monotonic if self.turned is None else self.turned
        if monotonic - turned >= delays[firing]:
            return Standing(AlertState.OK if firing else AlertState.FIRING, now)
        if self.state is AlertState.OK:
            return Standing(AlertState.PENDING, now, turned)
        return evolve(self, turned=turned)

    def _settled(self, now: float) -> Standing:
        """The condition speaks for the state it is in, or was in before it was pending."""
        return Standing(AlertState.OK, now) if self.state is AlertState.PENDING else evolve(self, turned=None)
