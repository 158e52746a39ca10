"""The hybrid clock: it orders what happens, however the clocks of machines stand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.clock import AHEAD, LIMIT, HybridClock, is_ahead, milliseconds_of, reading

TIMES = st.floats(0, 4e9)


class ClockTests(SynchronousTestCase):
    """Readings."""

    @settings(deadline=None, max_examples=100)
    @given(st.lists(TIMES | st.integers(0, 4 * 10**12).map(reading), min_size=1, max_size=30))
    def test_it_only_grows(self, steps: list[float | int]) -> None:
        """Each reading is above all given and all witnessed before, even if the time goes back."""
        clock, highest = HybridClock(), 0
        for step in steps:
            if isinstance(step, int) and clock.witness(step, 5e9):
                highest = max(highest, step)
            given = clock.tick(0.0 if isinstance(step, int) else step)
            self.assertGreater(given, highest)
            highest = given

    def test_it_tells_the_time(self) -> None:
        """The first reading of a millisecond is that millisecond; the next ones count, and run over into the next."""
        clock = HybridClock()
        self.assertEqual(clock.tick(1.5), reading(1500))
        self.assertEqual(clock.tick(1.5), reading(1500, 1))
        self.assertEqual(milliseconds_of(HybridClock(reading(1500, 65_535)).tick(1.5)), 1501)
        self.assertLess(reading(2**47 - 1, 65_535), LIMIT)

    def test_a_clock_far_ahead_is_refused(self) -> None:
        """Five minutes are borne, a millisecond more is not, and leaves no trace."""
        clock, edge = HybridClock(), (1_000 + AHEAD) * 1000
        self.assertFalse(clock.witness(reading(edge + 1), 1_000.0))
        self.assertEqual(clock.tick(1_000.0), reading(1_000_000))
        self.assertTrue(clock.witness(reading(edge), 1_000.0))
        self.assertEqual(clock.tick(1_000.0), reading(edge, 1))
        self.assertTrue(is_ahead(reading(edge + 1), 1_000.0))
