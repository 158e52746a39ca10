"""What operators said of alerts, taken out of one relay and into another."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.problem import Problem
from sdkrelay.messages.catalog import encode
from sdkrelay.messages.native.alerts import AlertConfig
from sdkrelay.messages.rest.alerts import GetAlerts
from sdkrelay.services.alerts import MOST
from sdkrelay.services.archive import Outcome
from sdkrelay.services.archived_alerts import AlertSection
from tests.support.alarmed import AlarmedRelay
from tests.support.stores import now


class AlertSectionTests(SynchronousTestCase):
    """One relay gives, another takes."""

    def setUp(self) -> None:
        """The first has a rule of its own, and has changed a built-in one."""
        self.giver, self.taker = AlarmedRelay(), AlarmedRelay()
        self.giver.ask(AlertConfig(alert_id="mine", condition="latency > 2", fire_after=5))
        self.giver.ask(AlertConfig(alert_id="high_cpu", enabled=False))

    def listed(self, relay: AlarmedRelay) -> list[Any]:
        """All items as they are read again from JSON."""

        async def items() -> list[Any]:
            return [msgspec.json.decode(encode(item)) async for item in AlertSection(relay.watching).items(None)]

        return now(items())

    def taken(self) -> list[Outcome]:
        """What became of the giver's items."""
        section = AlertSection(self.taker.watching)
        return [now(section.take(item, None))[0] for item in self.listed(self.giver)]

    def test_what_was_taken_in_is_given_out_again(self) -> None:
        """It is watched by at once and kept; once more changes nothing."""
        self.assertEqual(self.taken(), [Outcome.IMPORTED] * 2)
        self.assertEqual(self.listed(self.taker), self.listed(self.giver))
        again = now(self.taker.again().alerts(GetAlerts(), None))  # type: ignore[arg-type]
        self.assertEqual([again.total, self.taker.ask(GetAlerts()).total], [6, 6])
        self.assertEqual(self.taken(), [Outcome.SKIPPED] * 2)

    def test_what_is_there_otherwise_stays(self) -> None:
        """And so do all where there is no room."""
        self.taker.ask(AlertConfig(alert_id="mine", condition="latency > 3"))
        self.assertEqual(self.taken(), [Outcome.CONFLICT, Outcome.IMPORTED])
        self.assertEqual(self.listed(self.taker)[0]["condition"], "latency > 3")
        full = self.taker = AlarmedRelay()
        for number in range(MOST):
            full.ask(AlertConfig(alert_id=f"a{number}", condition="latency > 3"))
        self.assertEqual(self.taken(), [Outcome.CONFLICT] * 2)

    def test_hostile_items(self) -> None:
        """Each is a Problem that names a field."""
        good = self.listed(self.giver)[0]
        hostile: list[Any] = [
            None, [], {}, {**good, "alert_id": "../x"}, {**good, "condition": "os.system > 1"}, {**good, "condition": "(" * 400},
            {**good, "severity": "loud"}, {**good, "fire_after": 10**30}, {**good, "action": "exec"},
        ]  # fmt: skip
        for item in hostile:
            problem = self.assertRaises(Problem, now, AlertSection(self.taker.watching).check(item, None))
            self.assertIn("field", problem.details)
