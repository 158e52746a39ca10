"""A large JSON object taken apart while it is read: its members, and the items of its lists, one by one.

It is fed with the events of an incremental parser (``start_map``, ``map_key``, ``string`` …) and holds one item at a time.
"""

from __future__ import annotations

from typing import Any

from ..domain.problem import Code
from .catalog import MAX_PARTS
from .message import Malformed, NotJson

_STARTS, _ENDS = ("start_map", "start_array"), ("end_map", "end_array")


class Pieces:
    """Puts members together from events: ``feed`` answers with those that have become whole, as name and value."""

    def __init__(self) -> None:
        self._begun = False
        self._name = ""
        self._in_list = False
        self._open: list[tuple[Any, str]] = []
        self._parts = 0

    def feed(self, event: str, value: Any) -> tuple[tuple[str, Any], ...]:
        """The next event; NotJson for what is no object, Malformed for an item of more than 10,000 parts."""
        if not self._begun:
            if event != "start_map":
                raise NotJson(Code.VALIDATION_ERROR, "expected a JSON object", field="$", expected="a JSON object")
            self._begun = True
            return ()
        if self._open:
            return self._inside(event, value)
        return self._between(event, value)

    def _between(self, event: str, value: Any) -> tuple[tuple[str, Any], ...]:
        """Between two items, or two members."""
        self._parts = 0
        if event == "map_key":
            self._name = value
        elif event == "start_array" and not self._in_list:
            self._in_list = True
        elif event in _STARTS:
            self._begin(event)
        elif event in _ENDS:
            self._in_list = False
        else:
            return ((self._name, value),)
        return ()

    def _inside(self, event: str, value: Any) -> tuple[tuple[str, Any], ...]:
        """Within an item that is an object or a list itself."""
        self._count()
        if event == "map_key":
            self._open[-1] = (self._open[-1][0], value)
        elif event in _STARTS:
            self._begin(event)
        elif event in _ENDS:
            done, _ = self._open.pop()
            if not self._open:
                return ((self._name, done),)
            self._put(done)
        else:
            self._put(value)
        return ()

    def _begin(self, event: str) -> None:
        self._open.append(({} if event == "start_map" else [], ""))

    def _put(self, value: Any) -> None:
        container, key = self._open[-1]
        if isinstance(container, dict):
            container[key] = value
        else:
            container.append(value)

    def _count(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            message = f"an item of {self._name[:64]!r} has more than {MAX_PARTS} parts"
            raise Malformed(Code.TOO_LARGE, message, field=self._name[:64], expected=f"at most {MAX_PARTS} parts")
