"""Looking through the log: level, search and limit."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.message import Malformed
from sdkrelay.messages.rest.logs import GetLogs, LogFilters, Logs
from sdkrelay.ports import LogRecord
from sdkrelay.services.logs import iso_time
from tests.support.metered import MeteredRelay
from tests.support.stores import now


class LogsTests(SynchronousTestCase):
    """A log of one line at each level, and another about a sync."""

    def setUp(self) -> None:
        """The lines."""
        self.relay = MeteredRelay()
        levels = ("debug", "info", "warn", "error", "critical")
        lines = [LogRecord(1_734_602_400 + at, level, f"A {level} line", "m", at) for at, level in enumerate(levels)]
        sync = LogRecord(1_734_602_430, "info", "Sync completed", "sdkrelay.sync", None, "StateSync")
        self.relay.log.lines = [*lines, sync]

    def found(self, **fields: Any) -> Logs:
        """What is found."""
        answer = self.relay.ask(GetLogs(**fields))
        assert isinstance(answer, Logs)
        return answer

    def test_all_are_found_in_order(self) -> None:
        """With their counts by level."""
        found = self.found()
        self.assertEqual((found.total, len(found.logs), found.logs[0].message), (6, 6, "A debug line"))
        self.assertEqual(found.levels, {"debug": 1, "info": 2, "warn": 1, "error": 1, "critical": 1})

    def test_a_line_has_the_shape_of_the_interface(self) -> None:
        """Its time in ISO-8601, and what it is about."""
        line = self.found().logs[-1]
        self.assertEqual((line.timestamp, line.relay_id), ("2024-12-19T10:00:30.000Z", "relay-under-test"))
        self.assertEqual((line.module, line.line, line.sync_type), ("sdkrelay.sync", None, "StateSync"))

    def test_a_level_means_that_and_worse(self) -> None:
        """Counts are of what matches."""
        found = self.found(level="error")
        self.assertEqual([line.level for line in found.logs], ["error", "critical"])
        self.assertEqual(found.levels["info"], 0)

    def test_search_is_in_messages_and_modules(self) -> None:
        """In any case of letters."""
        self.assertEqual([line.message for line in self.found(search="SDKRELAY.s").logs], ["Sync completed"])
        self.assertEqual(self.found(search="line", level="info").total, 4)
        self.assertEqual(self.found(search="nowhere").logs, ())

    def test_the_newest_are_given(self) -> None:
        """The total tells how many there are."""
        found = self.found(limit=2, search="e")
        self.assertEqual([line.message for line in found.logs], ["A critical line", "Sync completed"])
        self.assertEqual(found.filters, LogFilters(level=None, limit=2, search="e"))
        self.assertGreater(found.total, 2)

    def test_it_is_the_operators(self) -> None:
        """Nobody else sees a line."""
        session, _ = self.relay.greeted()
        refusal = self.assertRaises(Problem, lambda: now(self.relay.dispatch.answer(GetLogs(), session)))
        self.assertEqual(refusal.code, Code.AUTH_REQUIRED)

    def test_hostile_filters_are_refused(self) -> None:
        """With the field that is wrong."""
        for field, value in (
            ("limit", "0"),
            ("limit", "1001"),
            ("limit", "x"),
            ("level", "loud"),
            ("search", "x" * 201),
        ):
            refusal = self.assertRaises(Malformed, self.relay.catalog.convert, "get_logs", {field: value})
            self.assertEqual(refusal.details["field"], field)

    def test_times_are_to_the_millisecond(self) -> None:
        """In UTC."""
        self.assertEqual(iso_time(0.25), "1970-01-01T00:00:00.250Z")
