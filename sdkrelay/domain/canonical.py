"""The one way to write a JSON value as bytes (RFC 8785), so that every relay computes the same hash of the same content.

Members are sorted by the UTF-16 code units of their names, numbers are written as ECMAScript writes doubles, nothing is escaped
that need not be. What would not come back the same is refused: whole numbers that doubles round, NaN, infinity, half a surrogate.
"""

from __future__ import annotations

import math
from json.encoder import encode_basestring as _quoted
from typing import Any

#: Whole numbers up to this are exact as doubles.
_EXACT = 2**53
#: Levels of lists and dictionaries: fewer than any reader of any release runs out of stack at.
_DEEPEST = 64
#: Larger ones are never written without an exponent.
_BITS = 71
#: From here on ECMAScript writes an exponent, and below the other one.
_LARGE, _SMALL = 1e21, 1e-6


class NotCanonical(ValueError):
    """A value that has no canonical form."""


def canonical(value: Any) -> bytes:
    """The bytes of a value of dictionaries, lists, strings, numbers, booleans and None.

    NotCanonical for what JSON cannot say, and for what is nested more than 64 deep: where recursion ends by itself depends on who
    reads, and what one relay takes and another one does not would never be the same on both.
    """
    try:
        text = _text(value)
        if text.count("{") + text.count("[") > _DEEPEST and _depth(value) > _DEEPEST:
            raise NotCanonical("nested too deeply")
        return text.encode()
    except UnicodeEncodeError:
        raise NotCanonical("half a surrogate pair in a string") from None
    except RecursionError:
        raise NotCanonical("nested too deeply") from None


def quoted(text: str) -> str:
    """A string in its quotation marks; only what must be is escaped."""
    return _quoted(text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{_text(value[name])}" for name in sorted(value, key=_units)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if value is None:
        return "null"
    return _number(value)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [each for each in level if isinstance(each, dict | list | tuple)]:
        depth += 1
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return depth


def _units(name: Any) -> bytes:
    """What members are sorted by: UTF-16 code units."""
    if not isinstance(name, str):
        raise NotCanonical("a member whose name is no string")
    return name.encode("utf-16-be")


def _number(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int) and -_EXACT <= value <= _EXACT:
        return str(value)
    if isinstance(value, int):
        return _large(value)
    if isinstance(value, float):
        return _double(value)
    raise NotCanonical(f"a value of type {type(value).__name__}")


def _large(value: int) -> str:
    """A whole number beyond those that doubles count, if it is written just so as a double too; NotCanonical otherwise."""
    text = str(value) if value.bit_length() < _BITS else ""
    if not text or _double(float(value)) != text:
        raise NotCanonical("a whole number that no double says")
    return text


def _double(value: float) -> str:
    """As ECMAScript's Number::toString writes it: the shortest digits that come back, an exponent only far from 1."""
    if not math.isfinite(value):
        raise NotCanonical("NaN or infinity")
    if value == 0:
        return "0"
    if not _SMALL <= abs(value) < _LARGE:
        digits, _, exponent = repr(value).partition("e")
        return f"{digits.removesuffix('.0')}e{int(exponent):+d}"
    return _plain(value)


def _plain(value: float) -> str:
    """Without an exponent: the shortest digits, and zeros up to or from the point."""
    digits, _, exponent = repr(value).partition("e")
    if not exponent:
        return digits.removesuffix(".0")
    sign, digits = ("-", digits[1:]) if digits[0] == "-" else ("", digits)
    whole, _, fraction = digits.partition(".")
    fraction, power = fraction.rstrip("0"), int(exponent)
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{whole}{fraction}"
    return sign + (whole + fraction).ljust(power + 1, "0")
