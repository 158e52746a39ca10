"""Alerts: how operators say what is watched, and what subscribers hear when it comes true."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from msgspec import UNSET, UnsetType

from ...domain.access import Access
from ...domain.alert import Action, AlertId, ConditionText, Delay, Severity
from ..message import Reply, Request


class AlertConfig(Request, frozen=True, kw_only=True, tag="alert_config"):
    """Watch for a condition, or change how an alert of this ``alert_id`` is watched; what is not named stays as it was.

    A ``condition`` compares figures (``docs/operations.md`` lists them) with numbers or ``true`` and ``false``, by
    ``> >= < <= == !=``, joined by ``and``, ``or`` and parentheses. It must hold for ``fire_after`` seconds before the alert fires
    and must not for ``clear_after`` before it clears (null: as the settings say). ``remove`` takes back what was said by these
    messages: an alert of one's own goes, a built-in one is as it was. Kept over restarts; answered by ``config_updated``.
    """

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "alert_config",
        "alert_id": "high_cpu",
        "condition": "cpu_usage > 80",
        "action": "notify_admin",
        "enabled": True,
        "severity": "warning",
        "fire_after": 60,
        "clear_after": 120,
    }

    alert_id: AlertId
    condition: ConditionText | UnsetType = UNSET
    action: Action | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    severity: Severity | UnsetType = UNSET
    fire_after: Delay | UnsetType | None = UNSET
    clear_after: Delay | UnsetType | None = UNSET
    remove: bool = False


class Alert(Reply, frozen=True, kw_only=True, tag="alert"):
    """An alert fires, or (``resolved``) does so no more; told to all who subscribed to ``alerts``, and posted to the webhook.

    ``values`` are the figures of the condition at that moment, ``since`` is when it began to fire (seconds since the epoch). Who
    subscribes hears at once of those that fire. It is not replayed.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "alert",
        "timestamp": 1703001600,
        "alert_id": "high_cpu",
        "severity": "warning",
        "message": "CPU usage is 85%",
        "status": "firing",
        "condition": "cpu_usage > 80",
        "values": {"cpu_usage": 85.0},
        "since": 1703001600,
        "relay_id": "relay-1",
    }

    alert_id: str
    severity: Severity
    message: str
    status: Literal["firing", "resolved"]
    condition: str
    values: dict[str, float | bool | None]
    since: int
    relay_id: str
