"""Collections of Immutable.js out of the text that Xcraft makes of them: a list of objects that name each other by index.

Maps become dictionaries; lists, sets and arrays become lists. As the text may be anybody's, the result is counted while it
is made: a few bytes could describe an endless one.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from msgspec import Struct

from .arguments import decoded
from .malformed import Malformed

MAX_PARTS = 100_000
MAX_DEPTH = 100
_SPECIAL = {-1: None, -2: None, -3: float("nan"), -4: -0.0, -5: float("-inf"), -6: float("inf")}
#: Object, Map and OrderedMap hold keys and values in turn; so does an array, whose keys are its indices.
_MAPS, _ARRAY, _LISTS = (0, 7, 10), 1, (8, 9, 11)


class _Text(Struct, frozen=True):
    index: int
    objects: list[Any]


_DECODER = msgspec.json.Decoder(_Text)


def restore(text: Any) -> Any:
    """The collection as plain values. Raises :class:`Malformed`."""
    if not isinstance(text, str):
        raise Malformed("a collection that is no text")
    read = decoded(_DECODER, text)
    return _Restorer(read.objects).value(read.index, MAX_DEPTH)


class _Restorer:
    """Follows the indices, and counts."""

    def __init__(self, objects: list[Any]) -> None:
        self._objects = objects
        self._left = MAX_PARTS

    def value(self, index: Any, depth: int) -> Any:
        """What an index stands for."""
        self._left -= 1
        if self._left < 0 or not depth:
            raise Malformed("a collection too large, too deep or without an end")
        if type(index) is not int or not min(_SPECIAL) <= index < len(self._objects):
            raise Malformed("a collection that points outside itself")
        if index < 0:
            return _SPECIAL[index]
        entry = self._objects[index]
        return self._collection(entry, depth - 1) if isinstance(entry, list) else entry

    def _collection(self, entry: list[Any], depth: int) -> Any:
        kind, *indices = entry or [None]
        if kind in _LISTS:
            return [self.value(index, depth) for index in indices]
        if kind not in _MAPS and kind != _ARRAY:
            raise Malformed("a collection of an unknown kind")
        pairs = [
            (self.value(key, depth), self.value(value, depth)) for key, value in list(pairwise([*indices, None]))[::2]
        ]
        if kind == _ARRAY:
            return [value for _, value in pairs]
        return self._mapping(pairs)

    @staticmethod
    def _mapping(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        try:
            return dict(pairs)
        except TypeError:
            raise Malformed("a map whose keys are collections") from None
