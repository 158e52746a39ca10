"""Writes are counted and timed, by how they went."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import STORE_SECONDS, STORE_WRITES
from sdkrelay.io.ops.metrics import RegistryMeter
from sdkrelay.io.storage import DatabaseStore, InlineExecutor
from sdkrelay.ports import Unavailable
from tests.support.stores import CountedEntropy, SetClock, now, pragma


class WriteTests(SynchronousTestCase):
    """A store that writes until it is full."""

    def test_writes_are_counted(self) -> None:
        """Those that fail apart; reading is none."""
        meter = RegistryMeter()
        store = DatabaseStore("sqlite://", InlineExecutor, SetClock(), CountedEntropy(), meter)
        now(store.open())
        now(store.set_meta("x", "y"))
        now(store.meta("x"))
        self.assertEqual((meter.total(STORE_WRITES, outcome="ok"), meter.mean(STORE_SECONDS)), (1, 0.0))
        pragma(store, "max_page_count=1")
        self.assertRaises(Unavailable, lambda: now(store.set_meta("x", "y" * 1_000_000)))
        self.assertEqual((meter.total(STORE_WRITES, outcome="ok"), meter.total(STORE_WRITES, outcome="failed")), (1, 1))
