"""What is watched for, and how it stands."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct

from ...domain.access import Access
from ...domain.alert import Action, Severity
from ..message import Reply, Request


class GetAlerts(Request, frozen=True, kw_only=True, tag="get_alerts"):
    """Every alert that is watched for, or could be."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_alerts"}


class AlertReport(Struct, frozen=True, kw_only=True):
    """An alert: how it is watched (delays in seconds, those in force), and how it stands.

    ``state`` is ``ok``, ``pending`` (the condition holds, but not for long enough), ``firing`` or ``disabled``, ``since`` when that
    began (seconds since the epoch). ``values`` are the condition's figures at the last look, null without a sample or before
    the first; ``message`` says them in words.
    """

    alert_id: str
    condition: str
    action: Action
    enabled: bool
    severity: Severity
    fire_after: int
    clear_after: int
    state: str
    since: int
    values: dict[str, float | bool | None]
    message: str


class AlertList(Reply, frozen=True, kw_only=True, tag="alert_list"):
    """The alerts by name, how many there are, and how many of them fire."""

    alerts: tuple[AlertReport, ...]
    total: int
    firing: int
