"""A clock that never goes back and never falls behind what was seen (hybrid logical clock), to order what relays record.

A reading is one number: milliseconds since the epoch, and in the low 16 bits a counter for what falls into one millisecond.
Source: Kulkarni et al., "Logical Physical Clocks", 2014.
"""

from __future__ import annotations

COUNTER_BITS = 16
#: Readings are below this: 48 bits of milliseconds, of which the first is 0 so that databases can keep it.
LIMIT = 1 << 63
#: A reading may be so many seconds ahead of our own time; more is refused.
AHEAD = 300


def reading(milliseconds: int, counter: int = 0) -> int:
    """A reading from its parts."""
    return milliseconds << COUNTER_BITS | counter


def milliseconds_of(value: int) -> int:
    """The milliseconds since the epoch of a reading."""
    return value >> COUNTER_BITS


def is_ahead(value: int, now: float) -> bool:
    """Whether a reading is so far ahead of ``now`` (seconds since the epoch) that its clock cannot be right."""
    return milliseconds_of(value) > (now + AHEAD) * 1000


class HybridClock:
    """Gives a reading for each thing recorded: above all given, and above all witnessed."""

    def __init__(self, last: int = 0) -> None:
        self._last = last

    def tick(self, now: float) -> int:
        """The next reading at this time, in seconds since the epoch."""
        self._last = max(reading(int(now * 1000)), self._last + 1)
        return self._last

    def witness(self, value: int, now: float) -> bool:
        """Stay above another's reading; False, and nothing changes, if it is too far ahead."""
        if is_ahead(value, now):
            return False
        self._last = max(self._last, value)
        return True
