"""The settings about alerts: how often is looked, how long something must last, and whom the relay calls."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ..domain.alert import Delay
from .about import about

#: Characters a secret has at least: as many as 16 random bytes in base64.
SHORTEST_SECRET = 16


class Alerts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an operator is alarmed, and how; what is watched is said by alert_config messages and listed by GET /alerts."""

    interval: Annotated[
        Annotated[int, Meta(ge=1, le=60)], about("Seconds between two looks at the figures that conditions name.")
    ] = 5
    fire_after: Annotated[Delay, about("Seconds for which a condition must hold before its alert fires.")] = 30
    clear_after: Annotated[Delay, about("Seconds for which it must not hold before the alert clears.")] = 60
    webhook_url: Annotated[str, about("Where alerts are posted to, as JSON.", "https://alerts.example/hook")] = ""
    webhook_secret: Annotated[
        str,
        about(
            "What the posted alerts are signed with (HMAC-SHA256), at least 16 characters; safer as "
            "SDKRELAY_ALERTS__WEBHOOK_SECRET.",
            "change me: 32 random characters",
        ),
    ] = ""

    def __repr__(self) -> str:
        return f"Alerts(interval={self.interval}, fire_after={self.fire_after}, clear_after={self.clear_after})"
