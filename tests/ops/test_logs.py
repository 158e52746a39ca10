"""The lines kept of the log: which, how many, and where they were written."""

from __future__ import annotations

import inspect

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import Logging
from sdkrelay.io.ops.logs import LONGEST, LogRing
from sdkrelay.levels import Levels


class RingTests(SynchronousTestCase):
    """What is kept of a few lines."""

    def setUp(self) -> None:
        """A ring of three lines at the level info, and a logger that writes to it."""
        self.levels = Levels(Logging())
        self.ring = LogRing(self.levels, kept=3)
        self.log = Logger(observer=self.ring)

    def messages(self) -> list[str]:
        """What is kept."""
        return [record.message for record in self.ring.records()]

    def test_the_oldest_line_goes_first(self) -> None:
        """The others stay in order."""
        for number in range(5):
            self.log.info("line {number}", number=number)
        self.assertEqual(self.messages(), ["line 2", "line 3", "line 4"])

    def test_a_line_says_where_it_was_written(self) -> None:
        """Module, line of code, level and time."""
        self.log.warn("here")
        line = (inspect.currentframe() or self.fail()).f_lineno - 1
        (record,) = self.ring.records()
        self.assertEqual((record.level, record.module, record.line), ("warn", __name__, line))
        self.assertGreater(record.at, 1_600_000_000)

    def test_levels_hold_here_too(self) -> None:
        """Also when they change."""
        self.log.debug("fine")
        self.levels.apply(Logging(level="debug"), False)
        self.log.debug("finer")
        self.assertEqual(self.messages(), ["finer"])

    def test_a_failure_is_named_without_its_traceback(self) -> None:
        """Its kind and its words."""
        self.log.failure("it failed", Failure(ValueError("seven")))
        self.assertEqual(self.messages(), ["it failed: ValueError: seven"])

    def test_a_long_line_is_cut(self) -> None:
        """So that the ring has a bound in bytes, too."""
        self.log.info("{text}", text="x" * (LONGEST * 2))
        self.assertEqual(len(self.messages()[0]), LONGEST + 1)

    def test_odd_events_are_kept_as_they_are(self) -> None:
        """Without a message, a level or a module, or with one that cannot be written."""
        self.log.info("{missing}")
        self.ring({"log_level": None, "log_namespace": None, "log_format": None})
        self.log.info("fine", sync_type="StateSync")
        self.assertIn("missing", self.messages()[0])
        self.assertEqual(self.ring.records()[-1].sync_type, "StateSync")
