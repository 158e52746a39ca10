"""How long to wait before trying again: longer each time, never longer than a bound, and never in step with others.

Without the random part every relay of a restarted node would come back in the same moment.
"""

from __future__ import annotations

from ...ports import Entropy


class Backoff:
    """Delays in seconds that double from ``first`` to ``ceiling``; each is shortened by up to half at random."""

    def __init__(self, entropy: Entropy, first: float = 0.5, ceiling: float = 30.0) -> None:
        self._entropy = entropy
        self._first = first
        self._ceiling = ceiling
        self._next = first

    def reset(self) -> None:
        """What was tried succeeded: start from the first delay again."""
        self._next = self._first

    def delay(self) -> float:
        """How long to wait now; the next one will be twice as long."""
        chosen = self._next
        self._next = min(chosen * 2, self._ceiling)
        return chosen * (1 - self._fraction() / 2)

    def _fraction(self) -> float:
        return int.from_bytes(self._entropy.bytes(4), "big") / 2**32
