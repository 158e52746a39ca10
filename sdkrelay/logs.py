"""The log that twistd writes, with the levels of the settings: text lines to the terminal or to twistd's log file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

from .config.model import Logging


def make_observer(settings: Logging, file: TextIO) -> ILogObserver:
    """An observer that writes what reaches the levels, as text."""
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(settings.level))
    for namespace, level in settings.levels.items():
        predicate.setLogLevelForNamespace(namespace, LogLevel.levelWithName(level))
    return FilteringLogObserver(textFileLogObserver(file), [predicate])


def observer_factory(settings: Logging, twistd: Mapping[str, Any]) -> Callable[[], ILogObserver]:
    """What twistd calls once it is ready to log; ``twistd`` are its own options (``logfile``, ``nodaemon``)."""
    return lambda: make_observer(settings, open_log(twistd.get("logfile"), bool(twistd.get("nodaemon"))))


def open_log(name: str | None, foreground: bool) -> Any:
    """Where twistd would write: the file named, else the terminal in the foreground, else ``twistd.log``."""
    if foreground and name in (None, "", "-"):
        return sys.stdout
    return LogFile.fromFullPath(name or "twistd.log")
