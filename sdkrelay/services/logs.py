"""Looks through the last lines of the log."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from msgspec import UNSET

from ..messages.rest.logs import GetLogs, LogFilters, LogLine, Logs
from ..ports import Caller, LogKeeper, LogRecord
from .handshake import Identity
from .router import handles

#: From the least to the most severe.
LEVELS = ("debug", "info", "warn", "error", "critical")


class LogService:
    """Answers ``/logs``."""

    def __init__(self, identity: Identity, kept: LogKeeper) -> None:
        self._identity = identity
        self._kept = kept

    @handles(GetLogs)
    async def logs(self, request: GetLogs, caller: Caller) -> Logs:
        """The newest lines that match."""
        found = [record for record in self._kept.records() if _matches(record, request)]
        counts = Counter(record.level for record in found)
        return Logs(
            logs=tuple(self._line(record) for record in found[-request.limit :]),
            total=len(found),
            levels={level: counts[level] for level in LEVELS},
            filters=LogFilters(level=request.level, limit=request.limit, search=request.search),
        )

    def _line(self, record: LogRecord) -> LogLine:
        return LogLine(
            timestamp=iso_time(record.at),
            level=record.level,
            message=record.message,
            relay_id=self._identity.relay_id,
            module=record.module,
            line=record.line,
            sync_type=UNSET if record.sync_type is None else record.sync_type,
        )


def iso_time(seconds: float) -> str:
    """A time since the epoch in ISO-8601, UTC, to the millisecond: ``2024-12-19T10:00:00.000Z``."""
    when = datetime.fromtimestamp(seconds, UTC)
    return f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}Z"


def _matches(record: LogRecord, request: GetLogs) -> bool:
    if request.level is not None and LEVELS.index(record.level) < LEVELS.index(request.level):
        return False
    wanted = (request.search or "").casefold()
    return wanted in record.message.casefold() or wanted in record.module.casefold()
