"""A relay with a probe in its reactor: run as twistd is, with the file of the findings before twistd's own arguments.

A call every millisecond sees how long the reactor was held. What the machine took away (time that the thread was ready
and waited for a processor, as Linux counts it) is kept apart. A second thread looks what the reactor's thread is doing
whenever it is late. SIGUSR1 ends a phase: what was found is appended to the file, one JSON object a line.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

#: Seconds between two looks; from so late on the stack is noted.
TICK, LATE = 0.001, 0.015


class Probe:
    """How long the reactor was held in this phase."""

    def __init__(self, reactor: Any, findings: Path) -> None:
        self._reactor = reactor
        self._findings = findings
        self._thread = threading.main_thread().ident
        self._schedule = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)
        self._last = time.perf_counter()
        self._waited = self._wait_time()
        self._collecting = self._collection = 0.0
        self._clear()

    def start(self) -> None:
        """Look from now on."""
        self._last, self._waited = time.perf_counter(), self._wait_time()
        signal.signal(signal.SIGUSR1, self._phase_ended)
        gc.callbacks.append(self._collected)
        threading.Thread(target=self._watch, daemon=True).start()
        self._tick()

    def _collected(self, phase: str, _details: dict[str, int]) -> None:
        if phase == "start":
            self._collecting = time.perf_counter()
        else:
            self._collection = max(self._collection, time.perf_counter() - self._collecting)

    def _clear(self) -> None:
        self._collecting = self._collection = 0.0
        self._gaps: list[float] = []
        self._own: list[float] = []
        self._stacks: Counter[str] = Counter()
        self._worst: tuple[float, str] = (0.0, "")

    def _wait_time(self) -> float:
        return int(os.pread(self._schedule, 100, 0).split()[1]) / 1e9

    def _tick(self) -> None:
        now, waited = time.perf_counter(), self._wait_time()
        gap = max(0.0, now - self._last - TICK)
        self._gaps.append(gap)
        self._own.append(max(0.0, gap - (waited - self._waited)))
        self._last, self._waited = now, waited
        self._reactor.callLater(TICK, self._tick)

    def _watch(self) -> None:
        while True:
            time.sleep(LATE / 3)
            late = time.perf_counter() - self._last
            if late >= LATE:
                stack = self._stack()
                self._stacks[stack] += 1
                self._worst = max(self._worst, (late, stack))

    def _stack(self) -> str:
        frames = sys._current_frames()
        del frames[threading.get_ident()]  # this very frame, which would hold itself and all the others
        others = [_told(frame, 1) for ident, frame in frames.items() if ident != self._thread]
        busy = sorted(other for other in others if "threading" not in other and "queue" not in other)
        return f"{_told(frames[self._thread or 0], 5)} | beside: {', '.join(busy)}"

    def _phase_ended(self, _number: int, _frame: FrameType | None) -> None:
        gaps, own = sorted(self._gaps), sorted(self._own)
        found = {
            "worst": gaps[-1],
            "own": own[-1],
            "usual": gaps[len(gaps) * 999 // 1000],
            "late": sum(each > 0.05 for each in gaps),
            "late_own": sum(each > 0.05 for each in own),
            "turns": len(gaps),
            "collection": self._collection,
            "worst_stack": self._worst,
            "stacks": self._stacks.most_common(12),
        }
        with self._findings.open("a") as file:
            file.write(json.dumps(found) + "\n")
        self._clear()
        self._last, self._waited = time.perf_counter(), self._wait_time()


def _told(frame: FrameType | None, depth: int) -> str:
    """The innermost calls, innermost first."""
    calls: list[str] = []
    while frame is not None and len(calls) < depth:
        place = Path(frame.f_code.co_filename)
        calls.append(f"{place.parent.name}/{place.name}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " < ".join(calls)


def main() -> None:
    """Put the probe into the reactor and go on as twistd."""
    from twisted.internet import reactor  # noqa: PLC0415 (only the process that runs a relay may install it)
    from twisted.scripts.twistd import run  # noqa: PLC0415

    probe = Probe(reactor, Path(sys.argv.pop(1)))
    reactor.callWhenRunning(probe.start)
    run()


if __name__ == "__main__":
    main()
