"""How long to wait before trying again: longer each time, never longer than a bound, and never in step with others.

Without the random part every relay of a restarted node would come back in the same moment.
"""

from __future__ import annotations

from ...ports import Entropy


class Backoff:
    """Delays in seconds that double from ``first`` to ``ceiling``; of each up to the share ``jitter`` is left out at random.

    With a share of 1 that is full jitter: anything between nothing and the whole.
    """

    def __init__(self, entropy: Entropy, first: float = 0.5, ceiling: float = 30.0, jitter: float = 0.5) -> None:
        self._entropy = entropy
        self._first = first
        self._ceiling = ceiling
        self._next = first
        self._jitter = jitter

    def tune(self, first: float, ceiling: float) -> None:
        """Other bounds from now on."""
        self._first, self._ceiling = first, ceiling

    def reset(self) -> None:
        """What was tried succeeded: start from the first delay again."""
        self._next = self._first

    def delay(self) -> float:
        """How long to wait now; the next one will be twice as long."""
        chosen = min(self._next, self._ceiling)
        self._next = min(chosen * 2, self._ceiling)
        return chosen * (1 - self._fraction() * self._jitter)

    def _fraction(self) -> float:
        return int.from_bytes(self._entropy.bytes(4), "big") / 2**32
