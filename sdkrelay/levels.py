"""Which log events are shown, by module and level: a filter whose levels can be changed while the relay runs."""

from __future__ import annotations

from typing import Any

from twisted.logger import ILogFilterPredicate, LogEvent, LogLevel, LogLevelFilterPredicate
from zope.interface import implementer

from .config.model import Logging


@implementer(ILogFilterPredicate)
class Levels:
    """A filter of log events; ``verbose`` lets everything of the relay through, whatever the settings say."""

    def __init__(self, settings: Logging, verbose: bool = False) -> None:
        self.apply(settings, verbose)

    def apply(self, settings: Logging, verbose: bool) -> None:
        """Other levels from now on."""
        predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(settings.level))
        for namespace, level in settings.levels.items():
            predicate.setLogLevelForNamespace(namespace, LogLevel.levelWithName(level))
        if verbose:
            predicate = LogLevelFilterPredicate(defaultLogLevel=predicate.defaultLogLevel)
            predicate.setLogLevelForNamespace("sdkrelay", LogLevel.debug)
        self._predicate: Any = predicate

    def __call__(self, event: LogEvent) -> Any:
        return self._predicate(event)
