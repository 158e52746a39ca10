"""The log that twistd writes, with the levels of the settings: lines of text or of JSON, to a file or the terminal.

A file that the settings name is rotated when it is full; without one, lines go where twistd itself would write.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TextIO

import msgspec
from twisted.application.service import MultiService
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    textFileLogObserver,
)
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile
from zope.interface import implementer

from .config.model import Logging
from .levels import Levels
from .services.logline import record_of
from .services.logs import iso_time


@implementer(ILogObserver)
class JsonLines:
    """Writes each event as one JSON object: time, level, module, line of code, message, and a failure's traceback."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode

    def __call__(self, event: LogEvent) -> None:
        record = record_of(event)
        fields: dict[str, Any] = {
            "timestamp": iso_time(record.at),
            "level": record.level,
            "module": record.module,
            "line": record.line,
            "message": record.message,
        }
        failure = event.get("log_failure")
        if failure is not None:
            fields["traceback"] = failure.getTraceback()
        self._file.write(self._encode(fields).decode() + "\n")
        self._file.flush()


def make_observer(settings: Logging, file: TextIO, levels: Levels | None = None) -> ILogObserver:
    """An observer that writes what reaches the levels, in the format of the settings: text on a terminal, else JSON.

    ``levels`` are those of the settings, as somebody may change them while the relay runs.
    """
    form = settings.format or ("text" if _is_terminal(file) else "json")
    write: ILogObserver = JsonLines(file) if form == "json" else textFileLogObserver(file)
    return FilteringLogObserver(write, [levels or Levels(settings)])


def _is_terminal(file: TextIO) -> bool:
    return bool(getattr(file, "isatty", lambda: False)())


class LoggedService(MultiService):
    """The relay under twistd: when it is given its application, it brings the observer that twistd shall log to.

    twistd looks for it there; it has read its own ``--logger`` before a plugin is asked for its service.
    """

    def __init__(self, observer: ILogObserver) -> None:
        super().__init__()
        self._observer = observer

    def setServiceParent(self, parent: Any) -> None:
        """Join the application, or another service, which has no log of its own."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._observer)
        super().setServiceParent(parent)


def open_log(settings: Logging, name: str | None, foreground: bool) -> Any:
    """The file of the settings; else where twistd would write: the file named, the terminal in the foreground, or
    ``twistd.log``. SystemExit says why a file of the settings cannot be written.
    """
    if settings.file:
        return _rotating(settings)
    if foreground and name in (None, "", "-"):
        return sys.stdout
    return LogFile.fromFullPath(name or "twistd.log")


def _rotating(settings: Logging) -> LogFile:
    path = Path(settings.file).expanduser().absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        return LogFile(path.name, str(path.parent), rotateLength=settings.max_bytes, maxRotatedFiles=settings.keep)
    except OSError as error:
        raise SystemExit(f"sdkrelay: logging.file: {path}: {error.strerror}") from error
