"""Which method answers which request: made once from explicit lists, and complete before the relay listens.

A handler is an ``async`` method of a service marked with the request's class. A request without a handler, or with two,
stops the relay at start.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from ..messages.catalog import Catalog
from ..messages.message import Reply, Request
from ..ports import Caller

Handler = Callable[[Any, Caller], Awaitable[Reply]]
Method = TypeVar("Method", bound=Callable[..., Any])

_MARK = "__handled_request__"


def handles(request: type[Request]) -> Callable[[Method], Method]:
    """Mark ``async def method(self, request, caller) -> Reply`` as the one that answers these requests."""

    def mark(method: Method) -> Method:
        setattr(method, _MARK, request)
        return method

    return mark


class Router:
    """From a request to its one handler. ValueError names what is missing, double, or in no catalog."""

    def __init__(self, catalogs: Iterable[Catalog], services: Iterable[object]) -> None:
        self._handlers: dict[type[Request], Handler] = {}
        for service in services:
            self._add(service)
        requests = {request for catalog in catalogs for request in catalog.requests}
        _complain("without a handler", requests - self._handlers.keys())
        _complain("handled but in no catalog", self._handlers.keys() - requests)

    def _add(self, service: object) -> None:
        for _, method in inspect.getmembers(service, inspect.ismethod):
            request = getattr(method, _MARK, None)
            if request in self._handlers:
                _complain("with two handlers", {request})
            if request is not None:
                self._handlers[request] = method

    async def handle(self, request: Request, caller: Caller) -> Reply:
        """The reply. Raises what the handler raises: Problem, Unavailable, or anything else for a bug."""
        return await self._handlers[type(request)](request, caller)


def _complain(fault: str, requests: Iterable[type[Request]]) -> None:
    names = sorted(request.wire_name() for request in requests)
    if names:
        raise ValueError(f"{fault}: {', '.join(names)}")
