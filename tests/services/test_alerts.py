"""Alerts that fire and clear with their causes, and what operators say of them."""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.alerting import Alerts
from sdkrelay.domain.access import Principal, Role
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.native.alerts import Alert, AlertConfig
from sdkrelay.messages.native.config import ConfigUpdated
from sdkrelay.messages.rest.alerts import AlertReport, GetAlerts
from sdkrelay.services.alerts import FACT, MOST
from tests.support.alarmed import AlarmedRelay
from tests.support.conversation import ListWire, say
from tests.support.stores import now
from tests.support.tasks import EPOCH


class AlertsCase(SynchronousTestCase):
    """A relay that watches, with one subscriber."""

    def setUp(self) -> None:
        """All is well at first."""
        self.relay = AlarmedRelay()
        self.task = self.relay.time.tasks.start("alerts", self.relay.watching.watch())
        self.addCleanup(self.task.cancel)
        self.wire = self.subscriber("alerts")

    def subscriber(self, *topics: str) -> ListWire:
        """The wire of one who subscribes."""
        session, wire = self.relay.greeted()
        say(session, "subscribe", subscriptions=list(topics))
        return wire

    def lasts(self, seconds: int, **figures: Any) -> list[dict[str, Any]]:
        """Set figures, and let time pass; what the subscriber heard."""
        self.relay.figures.update(figures)
        for _ in range(seconds // 5):
            self.relay.time.advance(5)
        return self.heard(self.wire)

    def heard(self, wire: ListWire) -> list[dict[str, Any]]:
        """The alerts that came."""
        self.relay.time.settle()
        return [said for said in wire.said() if said["type"] == "alert"]

    def report(self, alert_id: str) -> AlertReport:
        """How one stands."""
        return {report.alert_id: report for report in self.relay.ask(GetAlerts()).alerts}[alert_id]

    def configure(self, alert_id: str, **fields: Any) -> ConfigUpdated:
        """Say something of one, as the operator."""
        answer = self.relay.ask(AlertConfig(alert_id=alert_id, **fields))
        assert isinstance(answer, ConfigUpdated)
        return answer

    def refused(self, code: Code, alert_id: str = "mine", **fields: Any) -> Problem:
        """The refusal of what an operator says."""
        problem = self.assertRaises(Problem, self.configure, alert_id, **fields)
        self.assertEqual(problem.code, code)
        return problem


class FiringTests(AlertsCase):
    """From the cause to who hears of it."""

    def test_it_fires_and_clears_with_its_cause(self) -> None:
        """Told when the cause has lasted 30 seconds, and when it has been gone for 60."""
        self.assertEqual(self.lasts(30, cpu_usage=85.0), [])
        (fired,) = self.lasts(5)
        self.assertEqual((fired["alert_id"], fired["severity"], fired["status"]), ("high_cpu", "warning", "firing"))
        self.assertEqual((fired["message"], fired["values"]), ("CPU usage is 85%", {"cpu_usage": 85.0}))
        self.assertEqual((fired["timestamp"], fired["since"]), (int(EPOCH) + 35, int(EPOCH) + 35))
        self.assertEqual(self.lasts(60, cpu_usage=40.0), [])
        (cleared,) = self.lasts(5)
        self.assertEqual((cleared["status"], cleared["message"]), ("resolved", "CPU usage is 40%"))

    def test_each_built_in_one_follows_its_figure(self) -> None:
        """And none of the others."""
        bad = {"cpu_usage": 81.0, "latency": 1.5, "error_rate": 6.0, "bitcoin_connected": False}
        fine = {"cpu_usage": 5.0, "latency": 0.1, "error_rate": 0.0, "bitcoin_connected": True}
        names = ["high_cpu", "high_latency", "high_error_rate", "bitcoin_disconnected"]
        for name, figure in zip(names, bad, strict=True):
            (fired,) = self.lasts(35, **{figure: bad[figure]})
            (cleared,) = self.lasts(65, **{figure: fine[figure]})
            told = [(alert["alert_id"], alert["status"]) for alert in (fired, cleared)]
            self.assertEqual(told, [(name, "firing"), (name, "resolved")])

    def test_a_figure_that_wavers_is_told_once(self) -> None:
        """Neither short rises nor short falls are told."""
        for _ in range(5):
            self.assertEqual(self.lasts(20, cpu_usage=95.0) + self.lasts(10, cpu_usage=5.0), [])
        self.assertEqual(len(self.lasts(35, cpu_usage=95.0)), 1)
        for _ in range(5):
            self.assertEqual(self.lasts(50, cpu_usage=5.0) + self.lasts(10, cpu_usage=95.0), [])

    def test_whoever_subscribes_hears_what_fires(self) -> None:
        """At once; others hear nothing of alerts."""
        other = self.subscriber("notifications", "health")
        self.lasts(35, bitcoin_connected=False)
        late = self.subscriber("alerts")
        (alert,) = self.heard(late)
        self.assertEqual((alert["severity"], alert["message"]), ("critical", "bitcoind is not connected"))
        self.assertEqual(self.heard(other), [])

    def test_the_webhook_and_the_log_hear_it_too(self) -> None:
        """The same message with its time; a line for each."""
        lines: list[str] = []

        def observer(event: LogEvent) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        fired = self.lasts(35, cpu_usage=85.0)
        self.assertEqual(self.relay.called, fired)
        self.assertIn("alert high_cpu firing: CPU usage is 85%", lines)

    def test_the_list_shows_how_each_stands(self) -> None:
        """Before, while it lasts, while it fires."""
        self.assertEqual((self.report("high_cpu").state, self.report("high_cpu").values), ("ok", {"cpu_usage": None}))
        self.lasts(10, cpu_usage=85.0)
        self.assertEqual((self.report("high_cpu").state, self.report("high_cpu").since), ("pending", int(EPOCH) + 5))
        self.lasts(30)
        report, answer = self.report("high_cpu"), self.relay.ask(GetAlerts())
        self.assertEqual((report.state, report.values, report.fire_after), ("firing", {"cpu_usage": 85.0}, 30))
        self.assertEqual((answer.total, answer.firing, self.relay.watching.active), (5, 1, 1))

    def test_delays_and_intervals_are_the_settings_in_force(self) -> None:
        """Changed while it runs."""
        self.relay.settings = Alerts(interval=1, fire_after=0, clear_after=0)
        self.assertEqual(len(self.lasts(5, cpu_usage=85.0)), 1)
        self.relay.time.advance(1)
        self.relay.figures["cpu_usage"] = 5.0
        self.relay.time.advance(1)
        self.assertEqual([alert["status"] for alert in self.heard(self.wire)], ["resolved"])

    def test_a_failure_to_read_is_logged_and_the_next_look_comes(self) -> None:
        """Nothing changes meanwhile."""
        figures, self.relay.figures = self.relay.figures, None  # type: ignore[assignment]
        self.relay.time.advance(5)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.relay.figures = figures
        self.assertEqual(len(self.lasts(40, cpu_usage=85.0)), 1)

    def test_the_example_is_whole(self) -> None:
        """Every field of the message stands in it."""
        (fired,) = self.lasts(35, cpu_usage=85.0)
        self.assertEqual(set(fired), set(Alert.EXAMPLE))


class ConfigurationTests(AlertsCase):
    """What operators say."""

    def test_a_rule_of_ones_own_is_watched(self) -> None:
        """With its own severity and delays, over more than one figure."""
        condition = "cpu_usage > 50 and (bitcoin_connected == false or latency > 2)"
        answer = self.configure("mine", condition=condition, severity="info", fire_after=0)
        self.assertEqual((answer.config, answer.settings["condition"]), ("alert_config", condition))
        self.assertEqual(self.lasts(5, cpu_usage=60.0), [])
        (fired,) = self.lasts(5, bitcoin_connected=False)
        self.assertEqual((fired["alert_id"], fired["severity"]), ("mine", "info"))
        self.assertEqual(fired["message"], "CPU usage is 60%; bitcoind is not connected; latency is not known")

    def test_what_is_not_named_stays(self) -> None:
        """And the answer lists what changed."""
        answer = self.configure("high_cpu", condition="cpu_usage > 90")
        self.assertEqual(answer.changes, ("alerts.high_cpu.condition: cpu_usage > 80 -> cpu_usage > 90",))
        answer = self.configure("high_cpu", severity="critical", clear_after=0)
        self.assertEqual((answer.settings["condition"], answer.settings["severity"]), ("cpu_usage > 90", "critical"))
        self.assertEqual(self.configure("high_cpu", severity="critical").changes, ())

    def test_it_is_kept_over_restarts(self) -> None:
        """Own rules and changes of built-in ones."""
        self.configure("mine", condition="latency > 2")
        self.configure("high_cpu", enabled=False)
        answer = now(self.relay.again().alerts(GetAlerts(), None))  # type: ignore[arg-type]
        states = {report.alert_id: (report.condition, report.state) for report in answer.alerts}
        self.assertEqual(states["mine"], ("latency > 2", "ok"))
        self.assertEqual(states["high_cpu"], ("cpu_usage > 80", "disabled"))

    def test_what_cannot_be_understood_any_more_is_left_out(self) -> None:
        """The log says so; all others are watched."""
        rules = [{"alert_id": "old", "condition": "moon_phase > 1"}, {"alert_id": "mine", "condition": "latency > 2"}]
        now(self.relay.store.set_meta(FACT, json.dumps(rules)))
        answer = now(self.relay.again().alerts(GetAlerts(), None))  # type: ignore[arg-type]
        self.assertEqual((answer.total, "old" in [report.alert_id for report in answer.alerts]), (6, False))

    def test_disabled_it_does_not_fire(self) -> None:
        """One that fires is over at once."""
        self.lasts(35, cpu_usage=85.0)
        self.configure("high_cpu", enabled=False)
        self.assertEqual([alert["status"] for alert in self.lasts(60)], ["resolved"])
        self.assertEqual((self.report("high_cpu").state, self.relay.watching.active), ("disabled", 0))

    def test_another_severity_leaves_it_firing(self) -> None:
        """Another condition begins anew."""
        self.lasts(35, cpu_usage=85.0)
        self.configure("high_cpu", severity="critical")
        self.assertEqual((self.lasts(5), self.report("high_cpu").state), ([], "firing"))
        self.configure("high_cpu", condition="cpu_usage > 90")
        self.assertEqual([alert["status"] for alert in self.lasts(60)], ["resolved"])

    def test_removed_it_is_gone_or_as_it_was_built_in(self) -> None:
        """One that never was is NOT_FOUND."""
        self.configure("mine", condition="latency > 2")
        self.configure("high_cpu", condition="cpu_usage > 1")
        self.assertEqual(self.configure("mine", remove=True).settings, {})
        self.assertEqual(self.configure("high_cpu", remove=True).settings["condition"], "cpu_usage > 80")
        self.assertEqual(self.relay.ask(GetAlerts()).total, 5)
        self.refused(Code.NOT_FOUND, remove=True)

    def test_bad_conditions_are_refused_with_the_position(self) -> None:
        """Nothing changes, and nothing is kept."""
        problem = self.refused(Code.VALIDATION_ERROR, "high_cpu", condition="cpu_usage > 80 or moon > 1")
        self.assertEqual((problem.details["field"], problem.details["position"]), ("condition", 19))
        self.refused(Code.VALIDATION_ERROR, condition="(" * 500)
        self.refused(Code.VALIDATION_ERROR)
        self.assertEqual(self.report("high_cpu").condition, "cpu_usage > 80")
        self.assertIsNone(now(self.relay.store.meta(FACT)))

    def test_there_are_not_endlessly_many(self) -> None:
        """At the limit, those there are can still be changed and removed."""
        for number in range(MOST):
            self.configure(f"a{number}", condition="latency > 2")
        self.refused(Code.LIMIT_EXCEEDED, condition="latency > 2")
        self.configure("a1", severity="info")
        self.configure("a1", remove=True)
        self.configure("mine", condition="latency > 2")

    def test_the_socket_refuses_what_is_no_rule(self) -> None:
        """By the schema, and for anybody but operators."""
        session, wire = self.relay.greeted()
        say(session, "alert_config", alert_id="mine", condition="latency > 2")
        session.identify(Principal("operator", frozenset({Role.OPERATOR})))
        hostile: list[dict[str, Any]] = [
            {"alert_id": "a b"}, {"alert_id": "x" * 65}, {"alert_id": ""},
            {"severity": "fatal"}, {"action": "exec"}, {"fire_after": -1},
            {"condition": "x" * 501}, {"condition": 5}, {"enabled": "yes"}, {"clear_after": 86401}, {"condition": None},
        ]  # fmt: skip
        for fields in hostile:
            say(session, "alert_config", **{"alert_id": "mine", "condition": "latency > 2", **fields})
            self.relay.time.settle()
            session, wire = self.relay_again(session, wire)
        self.assertEqual(self.relay.ask(GetAlerts()).total, 5)

    def relay_again(self, session: Any, wire: ListWire) -> tuple[Any, ListWire]:
        """One refusal came; a fresh session, since many malformed frames end one."""
        codes = [said.get("error_code") for said in wire.said()]
        self.assertIn(codes, (["AUTH_REQUIRED", "VALIDATION_ERROR"], ["VALIDATION_ERROR"]))
        session, wire = self.relay.greeted()
        session.identify(Principal("operator", frozenset({Role.OPERATOR})))
        return session, wire
