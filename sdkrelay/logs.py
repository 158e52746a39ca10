"""The log that twistd writes, with the levels of the settings: text lines to the terminal or to twistd's log file."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from twisted.application.service import MultiService
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    textFileLogObserver,
)
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from .config.model import Logging


def make_observer(settings: Logging, file: TextIO) -> ILogObserver:
    """An observer that writes what reaches the levels, as text."""
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(settings.level))
    for namespace, level in settings.levels.items():
        predicate.setLogLevelForNamespace(namespace, LogLevel.levelWithName(level))
    return FilteringLogObserver(textFileLogObserver(file), [predicate])


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


def open_log(name: str | None, foreground: bool) -> Any:
    """Where twistd would write: the file named, else the terminal in the foreground, else ``twistd.log``."""
    if foreground and name in (None, "", "-"):
        return sys.stdout
    return LogFile.fromFullPath(name or "twistd.log")
