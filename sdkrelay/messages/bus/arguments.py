"""One argument of a frame and the four kinds it may have: text, JSON, a big integer, raw bytes.

The prefix is all there is to tell them apart, and nothing is escaped: bytes that begin like another kind cannot be sent.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from attrs import frozen

from .malformed import Malformed

T = TypeVar("T")

_TEXT, _JSON, _BIG = b"s:", b"j:", b"b:"
_BIG_INTEGER = re.compile(rb"-?[0-9]{1,1000}")
#: Values in one JSON argument: each costs far more memory than its bytes.
MAX_PARTS = 1_000_000
_ENCODER = msgspec.json.Encoder()


@frozen
class Json:
    """An argument that is JSON, as plain Python values."""

    value: Any


Argument = str | int | bytes | Json


def pack(value: Argument) -> bytes:
    """An argument as it stands in a frame. Raises :class:`Malformed` for bytes that would be taken for another kind."""
    if isinstance(value, str):
        return pack_text(value)
    if isinstance(value, Json):
        return pack_json(value.value)
    if isinstance(value, int):
        return _BIG + b"%d" % value
    return pack_raw(value)


def unpack(argument: bytes) -> Argument:
    """What an argument is. Raises :class:`Malformed`."""
    kind, rest = argument[:2], argument[2:]
    if kind == _TEXT:
        return unpack_text(argument)
    if kind == _JSON:
        return Json(decoded(msgspec.json.Decoder(), rest))
    if kind == _BIG:
        if not _BIG_INTEGER.fullmatch(rest):
            raise Malformed("a big integer that is none")
        return int(rest)
    return argument


def pack_text(value: str) -> bytes:
    """A text argument. Raises :class:`Malformed` for half a surrogate pair."""
    try:
        return _TEXT + value.encode()
    except UnicodeEncodeError:
        raise Malformed("text that UTF-8 cannot hold") from None


def pack_raw(value: bytes) -> bytes:
    """Raw bytes, which have no prefix."""
    if value[:2] in (_TEXT, _JSON, _BIG) or not value:
        raise Malformed("raw bytes that are empty, or begin with s:, j: or b:, are not read as such by the other end")
    return value


def pack_json(value: object) -> bytes:
    """A JSON argument, compact."""
    try:
        return _JSON + _ENCODER.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise Malformed(f"not a value that JSON can hold ({type(error).__name__})") from None


def unpack_text(argument: bytes) -> str:
    """The text of an argument that must be text."""
    if argument[:2] != _TEXT:
        raise Malformed("expected a text argument")
    try:
        return argument[2:].decode()
    except UnicodeDecodeError:
        raise Malformed("text that is not UTF-8") from None


def unpack_json(decoder: msgspec.json.Decoder[T], argument: bytes) -> T:
    """The value of an argument that must be JSON of this type."""
    if argument[:2] != _JSON:
        raise Malformed("expected a JSON argument")
    return decoded(decoder, argument[2:])


def decoded(decoder: msgspec.json.Decoder[T], text: bytes | str) -> T:
    """JSON as a value of the decoder's type. Raises :class:`Malformed`."""
    if len(text) > MAX_PARTS:
        _count(text.encode(errors="replace") if isinstance(text, str) else text)
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        raise Malformed("JSON that is broken, or of another shape") from None


def _count(text: bytes) -> None:
    """At most a million values, counted without reading them."""
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MAX_PARTS:
        raise Malformed(f"JSON of more than {MAX_PARTS} parts")
