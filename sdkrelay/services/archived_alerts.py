"""What operators said of alerts, in an export, and how it is taken in again; the built-in alerts are every relay's own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct

from ..domain.alert import Action, AlertId, AlertRule, ConditionText, Delay, Severity
from ..domain.problem import invalid
from .alerts import AlertService, parsed
from .archive import Outcome
from .seals import Seals


class AlertRecord(Struct, frozen=True, kw_only=True):
    """A rule as it is exported: the fields of ``alert_config``."""

    alert_id: AlertId
    condition: ConditionText
    action: Action
    enabled: bool
    severity: Severity
    fire_after: Delay | None
    clear_after: Delay | None


class AlertSection:
    """The rules that operators gave."""

    name = "alerts"
    sealed = False

    def __init__(self, service: AlertService) -> None:
        self._service = service

    async def items(self, seals: Seals | None) -> AsyncIterator[Any]:
        """All of them."""
        for rule in self._service.own:
            yield AlertRecord(**msgspec.structs.asdict(rule))

    async def check(self, item: Any, seals: Seals | None) -> None:
        """Problem unless it is a rule with a condition."""
        parsed(_rule(item).condition)

    async def take(self, item: Any, seals: Seals | None) -> tuple[Outcome, str]:
        """Watch by it, unless there is a rule of its name."""
        rule = _rule(item)
        if rule in self._service.own:
            return Outcome.SKIPPED, rule.alert_id
        return Outcome.IMPORTED if await self._service.restore(rule) else Outcome.CONFLICT, rule.alert_id


def _rule(item: Any) -> AlertRule:
    """The item as a rule. Problem names the field at fault and repeats no value."""
    try:
        return AlertRule(**msgspec.structs.asdict(msgspec.convert(item, AlertRecord)))
    except (msgspec.ValidationError, OverflowError, RecursionError) as error:
        told, _, path = str(error).partition(" - at `$")
        raise invalid(path.rstrip("`").removeprefix(".") or "$", told.removeprefix("Expected ")[:200]) from None
