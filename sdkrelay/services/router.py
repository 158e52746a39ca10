"""Which method answers which request: made once from explicit lists, and complete before the relay listens.

A handler is an ``async`` method of a service marked with the request's class. A request without a handler, or with two,
stops the relay at start.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar, get_args, get_type_hints

from ..messages.catalog import Catalog
from ..messages.message import Reply, Request
from ..ports import Caller

Handler = Callable[[Any, Caller], Awaitable[Reply | None]]
Method = TypeVar("Method", bound=Callable[..., Any])

_MARK = "__handled_request__"


def handles(request: type[Request]) -> Callable[[Method], Method]:
    """Mark ``async def method(self, request, caller) -> Reply`` as the one that answers these requests.

    One that returns None answers nothing: what came was itself an answer, or a remark.
    """

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

    async def handle(self, request: Request, caller: Caller) -> Reply | None:
        """The reply, if there is to be one. Raises what the handler raises: Problem, Unavailable, or anything else for a bug."""
        return await self._handlers[type(request)](request, caller)


def replies_of(services: Iterable[object]) -> dict[type[Request], tuple[type[Reply], ...]]:
    """What the handlers of these services (objects or classes) answer their requests with, as their annotations say."""
    methods = (method for service in services for _, method in inspect.getmembers(service, inspect.isroutine))
    return {getattr(method, _MARK): _replies(method) for method in methods if hasattr(method, _MARK)}


def _replies(method: Callable[..., Any]) -> tuple[type[Reply], ...]:
    """The alternatives of the return annotation; none for a handler that always refuses."""
    told = get_type_hints(method)["return"]
    return tuple(kind for kind in (get_args(told) or (told,)) if inspect.isclass(kind) and issubclass(kind, Reply))


def _complain(fault: str, requests: Iterable[type[Request]]) -> None:
    names = sorted(request.wire_name() for request in requests)
    if names:
        raise ValueError(f"{fault}: {', '.join(names)}")
