"""The clock of a simulation: Twisted's, but with its timers in a heap, for there are hundreds and each second sets new ones."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.task import Clock


class SimulatedClock(Clock):
    """Time that passes from one timer to the next; timers of the same moment fire in the order they were set."""

    def __init__(self) -> None:
        super().__init__()
        self._heap: list[tuple[float, int, DelayedCall]] = []
        self._count = 0

    def callLater(self, when: float, what: Callable[..., Any], *arguments: Any, **named: Any) -> DelayedCall:
        call = DelayedCall(self.rightNow + when, what, arguments, named, _left, self._push, self.seconds)
        self._push(call)
        return call

    def getDelayedCalls(self) -> list[DelayedCall]:
        return [call for _, _, call in self._heap if call.active()]

    def run_until(self, moment: float) -> None:
        """Let all fire that is due until then."""
        while self._heap and self._heap[0][0] <= moment:
            due, _, call = heappop(self._heap)
            if not call.active():
                continue
            if call.getTime() > due:
                self._push(call)
                continue
            self.rightNow = max(self.rightNow, due)
            call.called = 1
            call.func(*call.args, **call.kw)
        self.rightNow = max(self.rightNow, moment)

    def forget(self, function: Callable[..., Any]) -> None:
        """All timers that call this never fire, and do not know it."""
        self._heap = [entry for entry in self._heap if not (entry[2].active() and entry[2].func == function)]
        heapify(self._heap)

    def _push(self, call: DelayedCall) -> None:
        self._count += 1
        heappush(self._heap, (call.getTime(), self._count, call))


def _left(call: DelayedCall) -> None:
    """A timer that was stopped is passed over when its time comes."""
