"""The last lines of the log, kept in memory for who may look at them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from attrs import evolve
from twisted.logger import ILogFilterPredicate, ILogObserver, LogEvent, PredicateResult
from zope.interface import implementer

from ...ports import LogRecord
from ...services.logline import record_of

#: So many lines are kept, of at most so many characters.
KEPT, LONGEST = 10_000, 2_000


@implementer(ILogObserver)
class LogRing:
    """A :class:`~sdkrelay.ports.LogKeeper` that observes what the predicate lets through."""

    def __init__(self, predicate: ILogFilterPredicate, kept: int = KEPT) -> None:
        self._predicate = predicate
        self._records: deque[LogRecord] = deque(maxlen=kept)

    def __call__(self, event: LogEvent) -> None:
        if self._predicate(event) is PredicateResult.no:
            return
        record = record_of(event)
        if len(record.message) > LONGEST:
            record = evolve(record, message=record.message[:LONGEST] + "…")
        self._records.append(record)

    def records(self) -> Sequence[LogRecord]:
        """The lines still kept, oldest first."""
        return tuple(self._records)
