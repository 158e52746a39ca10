"""A hundred and fifty seeds of trouble, ten a test; ``python -m tests.simulation`` plays more."""

from __future__ import annotations

import gc
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from .command import faults

#: Tests, and seeds in each.
TESTS, SEEDS = 15, 10


class SeedTests(SynchronousTestCase):
    """After all trouble all agree, nothing acknowledged is missing, and everybody was told once."""

    maxDiff = None

    def play(self, first: int) -> None:
        """Ten seeds; the first that fails says what does not hold, and how to play it again."""
        for seed in range(first, first + SEEDS):
            self.assertEqual(faults(seed), [], f"again: python -m tests.simulation --first {seed} --seeds 1")
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


def _test_of(first: int) -> Callable[[SeedTests], None]:
    def test(self: SeedTests) -> None:
        self.play(first)

    test.__doc__ = f"Seeds {first} to {first + SEEDS - 1} end well."
    return test


for _number in range(TESTS):
    _first = 1 + _number * SEEDS
    setattr(SeedTests, f"test_seeds_from_{_first:03}", _test_of(_first))
