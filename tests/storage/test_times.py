"""The log asked by time instead of by position, as whoever comes from another relay does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.stores import ROOT, SetClock, block_notice, now, opened


class TimesTests(SynchronousTestCase):
    """``number_before`` over logs whose times grow."""

    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 12), st.integers(-1, 60))
    def test_all_from_a_time_on_stands_after_its_number(self, pauses: list[int], gone: int, asked: int) -> None:
        """What is logged at the time or later has higher numbers, all that is earlier has not, whatever has expired."""
        clock = SetClock(1000.0)
        store = now(opened(clock=clock))
        times: list[int] = []
        for pause in pauses:
            clock.time += pause
            times.append(int(clock.time))
            now(store.wallets.settle([], [block_notice(ROOT)]))
        now(store.log.prune(0, max(len(times) - gone, 0)))
        expired = now(store.log.oldest_number()) - 1
        expected = max(expired, sum(time < 1000 + asked for time in times))
        self.assertEqual(expected, now(store.log.number_before(1000 + asked)))
        now(store.close())
