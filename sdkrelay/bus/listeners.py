"""Functions of the program that are called when something happens; what one raises is logged and troubles no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import iscoroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

log = Logger()

#: Called with what happened; a coroutine it returns is run, and what that raises is logged.
Handler = Callable[..., Any]
#: Ends what it was returned for; harmless the second time.
Unsubscribe = Callable[[], None]


def call(handler: Handler, *arguments: Any) -> None:
    """Call one handler."""
    try:
        result = handler(*arguments)
    except Exception:
        log.failure("a handler failed")
        return
    if iscoroutine(result):
        Deferred.fromCoroutine(result).addErrback(lambda failure: log.failure("a handler failed", failure))


class Listeners:
    """Handlers in the order of their coming."""

    def __init__(self) -> None:
        self._handlers: dict[object, Handler] = {}

    def __len__(self) -> int:
        return len(self._handlers)

    def add(self, handler: Handler) -> Unsubscribe:
        """Call this one too, until the function that is returned is called."""
        key = object()
        self._handlers[key] = handler
        return lambda: self._remove(key)

    def __call__(self, *arguments: Any) -> None:
        """It happened."""
        for handler in tuple(self._handlers.values()):
            call(handler, *arguments)

    def _remove(self, key: object) -> None:
        self._handlers.pop(key, None)


def tell_all(groups: Iterable[Listeners], *arguments: Any) -> None:
    """It happened to the handlers of several groups."""
    for group in groups:
        group(*arguments)
