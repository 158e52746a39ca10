"""How fast something grows: the slope of a running total over the last while."""

from __future__ import annotations

from collections import deque

from attrs import define, field


@define(eq=False)
class Window:
    """Samples of a running total, of at most the last ``seconds``; two of them are at least ``step`` seconds apart."""

    seconds: float = 60.0
    step: float = 1.0
    _samples: deque[tuple[float, float]] = field(factory=deque)

    def add(self, now: float, total: float) -> None:
        """How much it is now (monotonic seconds); out of the samples before the window only the newest is kept."""
        samples = self._samples
        if not samples or now - samples[-1][0] >= self.step:
            samples.append((now, total))
        while len(samples) > 1 and samples[1][0] <= now - self.seconds:
            samples.popleft()

    def rate(self, now: float, total: float) -> float | None:
        """Growth a second since the oldest sample kept; None while none is at least ``step`` seconds old."""
        if not self._samples:
            return None
        when, then = self._samples[0]
        return (total - then) / (now - when) if now - when >= self.step else None
