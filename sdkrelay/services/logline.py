"""From an event of the log to the line that is kept, shown or written; the same for all who do one of these."""

from __future__ import annotations

import sys
from types import FrameType

from twisted.logger import LogEvent, formatEvent

from ..ports import LogRecord

#: How many calls may lie between the line that logs and the observer, and the modules that are between them.
DEEPEST = 24
_BETWEEN = ("twisted.logger", "sdkrelay.services.logline", "sdkrelay.logs", "sdkrelay.levels", "sdkrelay.io.ops")


def record_of(event: LogEvent) -> LogRecord:
    """The line of an event; never raises. Call it while the event is being logged, so that the line of code is found."""
    level, namespace = event.get("log_level"), str(event.get("log_namespace") or "unknown")
    failure, sync_type = event.get("log_failure"), event.get("sync_type")
    message = formatEvent(event) or "(an event without a message)"
    if failure is not None:
        message = f"{message}: {failure.type.__name__}: {failure.getErrorMessage()}"
    return LogRecord(
        at=float(event.get("log_time") or 0.0),
        level="info" if level is None else level.name,
        message=message,
        module=namespace,
        line=_line(namespace, sys._getframe(1)),
        sync_type=sync_type if isinstance(sync_type, str) else None,
    )


def _line(namespace: str, frame: FrameType | None) -> int | None:
    """The line of the caller that belongs to this namespace (a module, or a class in one); None if there is none near."""
    for _ in range(DEEPEST):
        if frame is None:
            return None
        name = str(frame.f_globals.get("__name__", ""))
        if not name.startswith(_BETWEEN):
            return frame.f_lineno if namespace == name or namespace.startswith(f"{name}.") else None
        frame = frame.f_back
    return None
