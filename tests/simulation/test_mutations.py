"""The simulation notices each mechanism that is broken on purpose: what it says of the others is worth something."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from .command import faults
from .member import RelayMaker
from .mutations import ACKNOWLEDGES_EARLY, IGNORES_CLOCK, NO_RECONCILIATION


class MutationTests(SynchronousTestCase):
    """Each is noticed within a few seeds, by the promise it breaks."""

    def assert_noticed(self, make: RelayMaker, seeds: Sequence[int], words: str) -> None:
        """One of these seeds ends with a fault of which these words are a part."""
        for seed in seeds:
            if any(words in fault for fault in faults(seed, make=make)):
                return
        self.fail(f"no fault {words!r} in seeds {seeds}")

    def test_without_reconciliation_records_are_missing(self) -> None:
        """Pushing alone does not bring everything everywhere."""
        self.assert_noticed(NO_RECONCILIATION, range(1, 6), "lacks Kept")

    def test_acknowledging_before_the_commit_breaks_promises(self) -> None:
        """A relay that dies in between has lost what its client was told is safe."""
        self.assert_noticed(ACKNOWLEDGES_EARLY, range(2, 12), "lacks what was acknowledged")

    def test_without_the_hybrid_clock_what_was_overwritten_comes_back(self) -> None:
        """By wall clocks alone an author's later message loses against his earlier one."""
        self.assert_noticed(IGNORES_CLOCK, range(5, 15), "had it overwritten")
