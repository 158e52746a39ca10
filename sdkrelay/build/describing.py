"""What describes the relay: made from its table of endpoints, its catalog, and the annotations of its handlers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from pkgutil import walk_packages

from .. import __version__, services
from ..io.rest.openapi import openapi
from ..io.rest.table import ROWS
from ..services.description import DescriptionService
from ..services.router import replies_of


def describing(answering: Iterable[object]) -> DescriptionService:
    """The service that describes these others (objects or classes), and itself."""
    kinds = (one if isinstance(one, type) else type(one) for one in answering)
    return DescriptionService(_document((*kinds, DescriptionService)))


@cache
def _document(kinds: tuple[type, ...]) -> bytes:
    """The description: it depends on classes alone, so all relays of a process share it."""
    return openapi(ROWS, replies_of(kinds), __version__)


def service_classes() -> Iterator[type]:
    """Every class in the package of services: for descriptions that are made without a relay."""
    for found in walk_packages(services.__path__, f"{services.__name__}."):
        module = import_module(found.name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__:
                yield kind
