"""Rates over the last while."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.window import Window


class WindowTests(SynchronousTestCase):
    """The slope of a running total."""

    def test_nothing_is_known_without_an_earlier_sample(self) -> None:
        """Not at first, and not within the first second."""
        window = Window()
        self.assertIsNone(window.rate(5.0, 10))
        window.add(5.0, 10)
        self.assertIsNone(window.rate(5.9, 20))

    def test_the_rate_is_since_the_oldest_sample(self) -> None:
        """However many came after it."""
        window = Window()
        for second in range(10):
            window.add(float(second), second * 3)
        self.assertEqual(window.rate(20.0, 100), 5.0)

    def test_what_is_older_than_the_window_does_not_count(self) -> None:
        """A burst is forgotten."""
        window = Window(seconds=60)
        window.add(0.0, 0)
        for second in range(10, 200, 5):
            window.add(float(second), 1000)
        self.assertEqual(window.rate(200.0, 1000), 0.0)

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.floats(0, 10), max_size=300))
    def test_few_samples_are_kept(self, pauses: list[float]) -> None:
        """However often it is told, at most one for each step of the window, and one before it."""
        window, time = Window(seconds=60, step=1), 0.0
        for pause in pauses:
            time += pause
            window.add(time, time)
        self.assertLessEqual(len(window._samples), 62)
