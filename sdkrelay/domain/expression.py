"""The grammar of conditions: comparisons of figures, joined by ``and`` and ``or``, with parentheses.

``condition = both {"or" both}``; ``both = single {"and" single}``; ``single = "(" condition ")" | figure operator value``.
A text of any length or depth costs no more than its bounds allow, and every error names a position in it.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Final

from attrs import field, frozen

from .figure import FIGURES, Figure, Value

#: Characters of a condition, comparisons in it, and parentheses inside each other, at most.
LONGEST, MOST, DEEPEST = 500, 32, 16

_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
_TRUTH: Final[Mapping[str, bool]] = {"true": True, "false": False}
_TOKEN: Final = re.compile(
    r"(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>-?[0-9]{1,15}(?:\.[0-9]{1,9})?)|(?P<operator>[<>=!]=|[<>])|(?P<bracket>[()])"
)
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class ConditionError(ValueError):
    """A text that is no condition: what was expected at ``position`` (the first character is 1)."""

    def __init__(self, position: int, expected: str) -> None:
        super().__init__(f"position {position}: {expected}")
        self.position = position
        self.expected = expected


@frozen
class Comparison:
    """A figure compared with a value of its kind."""

    figure: Figure
    sign: str
    value: float | bool

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it is so; without a sample it is not."""
        now = values.get(self.figure.name)
        return now is not None and _OPERATORS[self.sign](now, self.value)

    def figures(self) -> tuple[Figure, ...]:
        """The one figure."""
        return (self.figure,)


@frozen
class Junction:
    """Conditions joined by ``any`` (or) or ``all`` (and)."""

    parts: tuple[Condition, ...]
    together: Callable[..., bool] = field(eq=False)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it is so with these figures."""
        return self.together(part.holds(values) for part in self.parts)

    def figures(self) -> tuple[Figure, ...]:
        """The figures named in it, once each, in order."""
        return tuple(dict.fromkeys(figure for part in self.parts for figure in part.figures()))


Condition = Comparison | Junction


@frozen
class _Token:
    """A piece of the text: its kind, itself in lower case, and where it begins."""

    kind: str
    text: str
    position: int


def parse_condition(text: str) -> Condition:
    """The condition in a text; ConditionError for anything that is none."""
    if len(text) > LONGEST:
        raise ConditionError(LONGEST + 1, f"a condition has at most {LONGEST} characters")
    reader = _Reader(_tokens(text))
    condition = reader.condition(0)
    reader.end()
    return condition


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], _after_space(text, 0)
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ConditionError(at + 1, f"{text[at]!r} has no meaning here")
        tokens.append(_Token(found.lastgroup or "", found.group().lower(), at + 1))
        at = _after_space(text, found.end())
    return [*tokens, _Token("end", "", len(text) + 1)]


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


class _Reader:
    """Goes through the tokens once; the last one is the end, and is never passed."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._comparisons = 0

    def condition(self, depth: int) -> Condition:
        """What is joined by ``or``."""
        parts = [self._both(depth)]
        while self._passes("word", "or"):
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else Junction(tuple(parts), any)

    def end(self) -> None:
        """Nothing may follow."""
        if self._token.kind != "end":
            raise self._expected("and, or, or the end")

    def _both(self, depth: int) -> Condition:
        parts = [self._single(depth)]
        while self._passes("word", "and"):
            parts.append(self._single(depth))
        return parts[0] if len(parts) == 1 else Junction(tuple(parts), all)

    def _single(self, depth: int) -> Condition:
        if not self._passes("bracket", "("):
            return self._comparison()
        if depth == DEEPEST:
            raise ConditionError(
                self._tokens[self._at - 1].position, f"at most {DEEPEST} parentheses inside each other"
            )
        inside = self.condition(depth + 1)
        if not self._passes("bracket", ")"):
            raise self._expected("and, or, or )")
        return inside

    def _comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MOST:
            raise self._expected(f"the end: a condition has at most {MOST} comparisons")
        figure = self._figure()
        signs = ("==", "!=") if figure.is_boolean else tuple(_OPERATORS)
        sign = self._token
        if sign.kind != "operator" or sign.text not in signs:
            raise self._expected(f"one of {' '.join(signs)}")
        self._at += 1
        return Comparison(figure, sign.text, self._value(figure))

    def _figure(self) -> Figure:
        token = self._token
        if token.kind != "word":
            raise self._expected("the name of a figure, or (")
        figure = FIGURES.get(token.text)
        if figure is None:
            raise self._expected(f"one of the figures {', '.join(FIGURES)}")
        self._at += 1
        return figure

    def _value(self, figure: Figure) -> float | bool:
        token = self._token
        if figure.is_boolean != (token.text in _TRUTH) or token.kind not in ("word", "number"):
            raise self._expected("true or false" if figure.is_boolean else "a number")
        if not figure.is_boolean and token.kind != "number":
            raise self._expected("a number")
        self._at += 1
        return _TRUTH[token.text] if figure.is_boolean else float(token.text)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _passes(self, kind: str, text: str) -> bool:
        """Step over the next token if it is this one."""
        found = (self._token.kind, self._token.text) == (kind, text)
        self._at += found
        return found

    def _expected(self, what: str) -> ConditionError:
        found = f", not {self._token.text[:40]!r}" if self._token.text else ""
        return ConditionError(self._token.position, f"expected {what}{found}")
