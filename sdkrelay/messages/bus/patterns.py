"""Which topics a pattern of a subscription means: exactly those that it means to the original client.

A pattern is text in which ``*`` stands for one or more characters; what lies between its first ``(`` and its last ``)`` is
a regular expression as it stands. Matching looks first at the identities that topic and pattern name (``x@y``, ``.uuid.``,
``<line>``): a pattern is tried only on topics that have its last one, so a ``*`` glued to half an identity never matches.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Generic, TypeVar

from .malformed import Malformed

T = TypeVar("T")

_SPECIAL = re.compile(r"[.*+?=^!:${}()|\[\]/\\]")
_GROUP = re.compile(r"\\\(.+\\\)")
#: What only Python knows: flags, comments, names.
_FOREIGN = re.compile(r"(?<!\\)\(\?[^:=!<]")
_IDENTITY = re.compile(r"[^<>.:*]+@[^<>.:*]+|\.[a-z0-9]+-[a-z0-9]+-[a-z0-9]+-[a-z0-9]+-[a-z0-9]+\.|<[a-zA-Z.-]+>")
#: The identity of a topic or pattern that names none.
_NONE = "_"


def expression(pattern: str) -> re.Pattern[str]:
    """The regular expression that a pattern stands for. Raises :class:`Malformed` where it is none."""
    text = _SPECIAL.sub(lambda found: "\\" + found[0], pattern)
    text = _GROUP.sub(lambda found: found[0].replace("\\", ""), text)
    if _FOREIGN.search(text):
        raise Malformed("a pattern whose group is no regular expression")
    try:
        return re.compile(text.replace("\\*", "(.+)"))
    except (re.error, RecursionError, OverflowError):
        raise Malformed("a pattern whose group is no regular expression") from None


@lru_cache(4096)
def identities(topic: str) -> tuple[str, ...]:
    """The identities in a topic or a pattern in the order of the original: none, lines, names, then commands."""
    found: list[str] = []
    for identity in _IDENTITY.findall(topic):
        if identity[0] == "<":
            found.insert(0, identity)
        elif identity[0] == "." or len(found) <= 2:
            found.append(identity)
        else:
            found.insert(len(found) - 2, identity)
    return (_NONE, *found)


class Patterns(Generic[T]):
    """Values under patterns, looked up by topic."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, tuple[re.Pattern[str], T]]] = {}

    def __contains__(self, pattern: str) -> bool:
        return pattern in self._values.get(identities(pattern)[-1], ())

    def __setitem__(self, pattern: str, value: T) -> None:
        """Put a value under a pattern, in place of the one that is there. Raises :class:`Malformed`."""
        self._values.setdefault(identities(pattern)[-1], {})[pattern] = (expression(pattern), value)

    def __getitem__(self, pattern: str) -> T:
        """The value under this very pattern. Raises KeyError."""
        return self._values[identities(pattern)[-1]][pattern][1]

    def get(self, pattern: str) -> T | None:
        """The value under this very pattern, or None."""
        entry = self._values.get(identities(pattern)[-1], {}).get(pattern)
        return None if entry is None else entry[1]

    def __delitem__(self, pattern: str) -> None:
        """Forget a pattern. Raises KeyError."""
        identity = identities(pattern)[-1]
        del self._values[identity][pattern]
        if not self._values[identity]:
            del self._values[identity]

    def matching(self, topic: str) -> list[T]:
        """The values of all patterns that mean this topic: the most special identity first, then in order of their coming."""
        found = dict.fromkeys(reversed(identities(topic)))
        entries = [entry for identity in found for entry in self._values.get(identity, {}).values()]
        return [value for regular, value in entries if regular.fullmatch(topic)]
