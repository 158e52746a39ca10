"""The counting of results: a suite that lies about its failures is worse than none."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from .tally import Tally, count, read_allowed, refuse_skips, settle

GOOD = """
tests.test_one
-------------------------------------------------------------------------------
Ran 122 tests in 1.5s

PASSED (skips=2, successes=120)
"""
SKIPS = """
===============================================================================
[SKIPPED]
no node here
and none there

tests.live.test_a.ATests.test_x
tests.live.test_a.ATests.test_y
===============================================================================
[FAIL]
Traceback (most recent call last):
tests.test_b.BTests.test_z
-------------------------------------------------------------------------------
Ran 4 tests in 0.1s

FAILED (skips=2, failures=1, errors=0, successes=1)
"""
SUMMARY = """
  lint: FAIL code 1 (3.10=setup[0.08]+cmd[3.02] seconds)
  py: OK (20.10=setup[0.08]+cmd[20.02] seconds)
  evaluation failed :( (23.30 seconds)
"""


def tally(text: str) -> Tally:
    """The counts of a text."""
    return count(text.splitlines(keepends=True))


class CountingTests(SynchronousTestCase):
    """From a log to counts."""

    def test_runs_are_added_up(self) -> None:
        """Two verdicts in one log give the sum of both."""
        self.assertEqual(str(tally(GOOD + SKIPS)), "121 passed, 1 failed, 4 skipped")

    def test_colours_make_no_difference(self) -> None:
        """A verdict in green counts."""
        self.assertEqual(tally(GOOD.replace("PASSED", "\x1b[32mPASSED")).passed, 120)

    def test_todo_passes_and_unexpected_success_fails(self) -> None:
        """An expected failure is as it should be; what unexpectedly succeeds is not."""
        text = "Ran 2 tests in 1s\nFAILED (expectedFailures=1, unexpectedSuccesses=1)\n"
        self.assertEqual(str(tally(text)), "1 passed, 1 failed, 0 skipped")

    def test_a_run_without_verdict_fails(self) -> None:
        """A runner that died between its last two lines is a failure."""
        self.assertEqual(tally("Ran 12 tests in 1s\n").complaints, ["a test run ended without its verdict"])

    def test_a_run_that_lost_results_fails(self) -> None:
        """Fewer results than tests mean that a worker has died."""
        self.assertEqual(str(tally("Ran 12 tests in 1s\nPASSED (successes=10)\n")), "10 passed, 1 failed, 0 skipped")

    def test_lint_counts_as_a_failure(self) -> None:
        """Lint that failed is one failure, with all tests passed or with some failed."""
        self.assertEqual(str(tally(GOOD + SUMMARY)), "120 passed, 1 failed, 2 skipped")
        self.assertEqual(tally(SKIPS + SUMMARY).failed, 2)

    def test_a_crash_counts_as_a_failure(self) -> None:
        """An environment that failed without a verdict is told once; one whose failed tests are counted is not."""
        crash = SUMMARY.replace("lint: FAIL", "lint: OK").replace("py: OK", "py: FAIL")
        self.assertEqual(tally(crash).complaints, ["the environment py did not pass"])
        self.assertEqual(tally(SKIPS + crash).failed, 1)

    def test_words_alone_are_no_verdict(self) -> None:
        """PASSED in a test's own output counts nothing."""
        self.assertEqual(str(tally("PASSED (successes=99)\n")), "0 passed, 0 failed, 0 skipped")


class SkipTests(SynchronousTestCase):
    """Where skips are not taken on trust."""

    def test_skipped_tests_are_named(self) -> None:
        """The names below each reason are read, those of failures are not."""
        names = ["tests.live.test_a.ATests.test_x", "tests.live.test_a.ATests.test_y"]
        self.assertEqual(tally(SKIPS).skip_names, names)

    def test_a_skip_without_a_listed_reason_fails(self) -> None:
        """Listed with a reason it may be skipped; listed without one, or not at all, it fails."""
        result = tally(SKIPS)
        allowed = read_allowed(
            "# a comment\n\ntests.live.test_a.ATests.test_x  # needs a compiler\ntests.live.test_a.ATests.test_y\n"
        )
        refuse_skips(result, allowed)
        self.assertEqual((result.failed, len(result.complaints)), (2, 1))
        self.assertIn("ATests.test_y", result.complaints[0])

    def test_a_skip_that_cannot_be_named_fails(self) -> None:
        """A count above the names found is not let through."""
        result = tally(GOOD)
        refuse_skips(result, {})
        self.assertEqual(result.complaints, ["2 skipped tests could not be named"])


class StatusTests(SynchronousTestCase):
    """From counts to an exit status."""

    def test_all_well_is_zero(self) -> None:
        """Tests passed, and the command ended well."""
        self.assertEqual(settle(tally(GOOD), 0), 0)

    def test_nothing_ran_is_a_failure(self) -> None:
        """An empty log is no success."""
        result = tally("")
        self.assertEqual((settle(result, 0), result.failed), (1, 1))

    def test_the_commands_own_failure_counts(self) -> None:
        """With every test passed, a status other than 0 is one failure."""
        result = tally(GOOD)
        self.assertEqual((settle(result, 2), str(result)), (1, "120 passed, 1 failed, 2 skipped"))

    def test_failed_tests_decide_over_the_status(self) -> None:
        """A runner that says 0 with failed tests is not believed."""
        self.assertEqual(settle(tally(SKIPS), 0), 1)
