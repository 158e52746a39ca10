"""From bytes to one of the requests of a family, or to the one kind of refusal that says what was wrong where.

A catalog is built from an explicit list of classes. Whatever the bytes are, decoding ends in a request or in
:class:`~sdkrelay.messages.message.Malformed`; nothing of a secret field ever gets into the latter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
from attrs import frozen

from ..domain.problem import Code
from .message import Malformed, NotJson, Request, UnknownType
from .values import Secret, decode_value, encode_value

#: More fields, items, objects and arrays than this in one message are no message of ours, and would take long to look
#: through.
MAX_PARTS = 10_000
#: A value longer than this in JSON is not repeated in an error.
MAX_SHOWN = 200

_encoder = msgspec.json.Encoder(enc_hook=encode_value, decimal_format="number")


def encode(message: Any) -> bytes:
    """A message, or a value made of builtins, as compact JSON."""
    return _encoder.encode(message)


class _Envelope(msgspec.Struct, frozen=True):
    """As much of a message as can be read whatever else is wrong with it."""

    type: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()


_open = msgspec.json.Decoder(_Envelope).decode


@frozen
class Kind:
    """What a catalog knows of one request: its class, its decoder, and which of its fields can hold a secret, and any text."""

    request: type[Request]
    decode: Callable[[bytes], Request]
    secrets: frozenset[str]
    texts: frozenset[str]


class Catalog:
    """The requests of one family by wire name. ValueError for two of one name, or one without a stated policy."""

    def __init__(self, requests: Iterable[type[Request]]) -> None:
        self.requests = tuple(requests)
        self._kinds = {request.wire_name(): _kind(request) for request in self.requests}
        if len(self._kinds) != len(self.requests):
            raise ValueError("two requests of one catalog have the same wire name")

    def decode(self, raw: bytes) -> Request:
        """The request in a JSON text. Raises :class:`Malformed`, or its :class:`NotJson` and :class:`UnknownType`."""
        name, request_id = _read_envelope(raw)
        kind = self._kind_of(name, request_id)
        _refuse_many_parts(raw, request_id)
        try:
            request = kind.decode(raw)
            _refuse_repeated_keys(raw)
        except msgspec.ValidationError as error:
            raise _broken(kind, str(error), raw, request_id) from None
        except (ValueError, RecursionError) as error:
            raise _unparseable(error, request_id) from None
        return request

    def convert(self, name: str, fields: Mapping[str, str]) -> Request:
        """The request of this name from fields given as strings, as an URL has them. Raises :class:`Malformed`."""
        kind = self._kinds[name]
        _refuse_secrets(kind, fields)
        _refuse_nulls(kind, fields)
        try:
            return msgspec.convert({**fields, "type": name}, kind.request, strict=False, dec_hook=decode_value)
        except msgspec.ValidationError as error:
            raise _broken(kind, str(error), msgspec.json.encode(fields), None) from None

    def assemble(self, name: str, texts: Mapping[str, str], body: bytes) -> Request:
        """The request of this name from a JSON object and, over it, fields given as strings. Raises :class:`Malformed`.

        The strings are read as an URL's are; what stands in the object has the JSON type of its field.
        """
        kind = self._kinds[name]
        _refuse_secrets(kind, texts)
        _refuse_nulls(kind, texts)
        members = _members(body)
        known = {field.encode_name: field.type for field in msgspec.structs.fields(kind.request)}
        members.update(
            {field: _typed(kind, field, text, known[field]) for field, text in texts.items() if field in known}
        )
        raw = encode({**members, "type": name})
        try:
            return kind.decode(raw)
        except msgspec.ValidationError as error:
            raise _broken(kind, str(error), raw, None) from None
        except (ValueError, RecursionError) as error:
            raise _unparseable(error, None) from None

    def _kind_of(self, name: Any, request_id: str | None) -> Kind:
        if not isinstance(name, str):
            details = {"field": "type", "expected": "the name of a request"}
            raise Malformed(Code.VALIDATION_ERROR, "type: expected the name of a request", request_id, **details)
        kind = self._kinds.get(name)
        if kind is None:
            message = f"this relay knows no request of type {name[:64]!r}"
            details = {"field": "type", "value": name[:64], "expected": ", ".join(sorted(self._kinds))}
            raise UnknownType(Code.UNKNOWN_TYPE, message, request_id, **details)
        return kind


@cache
def _kind(request: type[Request]) -> Kind:
    unstated = [name for name in ("ACCESS", "COST", "EXAMPLE", "__doc__") if not getattr(request, name, None)]
    if unstated:
        raise ValueError(f"{request.__name__} must state {', '.join(unstated)}")
    decoder = msgspec.json.Decoder(request, dec_hook=decode_value)
    fields = msgspec.inspect.type_info(request).fields  # type: ignore[attr-defined]
    return Kind(request, decoder.decode, _those(fields, _holds_secret), _those(fields, _is_text))


def _those(fields: Iterable[Any], fit: Callable[[Any], bool]) -> frozenset[str]:
    return frozenset(field.name for field in fields if fit(field.type))


def _is_text(kind: Any) -> bool:
    """Whether any string may stand there, the word ``null`` too."""
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(_is_text(option) for option in kind.types)
    return isinstance(kind, msgspec.inspect.StrType)


def _holds_secret(kind: Any) -> bool:
    """Whether a value of this type can hold a :class:`Secret` anywhere."""
    inspect = msgspec.inspect
    if isinstance(kind, inspect.CustomType):
        return issubclass(kind.cls, Secret)
    if isinstance(kind, inspect.StructType):
        return any(_holds_secret(field.type) for field in kind.fields)
    if isinstance(kind, inspect.UnionType):
        return any(_holds_secret(option) for option in kind.types)
    return isinstance(kind, inspect.VarTupleType) and _holds_secret(kind.item_type)


def _refuse_secrets(kind: Kind, texts: Mapping[str, str]) -> None:
    """An URL is no place for a secret: it stands in logs and in the histories of browsers."""
    for field in sorted(kind.secrets & texts.keys()):
        details = {"field": field, "expected": "to stand in the body"}
        raise Malformed(Code.VALIDATION_ERROR, f"{field}: expected to stand in the body, not in the address", **details)


def _refuse_nulls(kind: Kind, texts: Mapping[str, str]) -> None:
    """The decoder takes the word for nothing; what is not wanted is left out of an URL."""
    for field in sorted(texts.keys() - kind.texts):
        if texts[field].lower() == "null":
            details = {"field": field, "expected": "a value, or to be left out"}
            raise Malformed(Code.VALIDATION_ERROR, f"{field}: expected {details['expected']}", **details)


def _members(body: bytes) -> dict[str, Any]:
    """The members of a JSON object, each as it was written."""
    _refuse_many_parts(body, None)
    try:
        members: dict[str, Any] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        _refuse_repeated_keys(body)
    except msgspec.ValidationError:
        details = {"field": "$", "expected": "a JSON object"}
        raise Malformed(Code.VALIDATION_ERROR, "expected a JSON object", **details) from None
    except (ValueError, RecursionError) as error:
        raise _unparseable(error, None) from None
    return members


def _typed(kind: Kind, field: str, text: str, expected: Any) -> Any:
    """A string of an URL as the JSON of its field."""
    try:
        return msgspec.convert(text, expected, strict=False, dec_hook=decode_value)
    except msgspec.ValidationError as error:
        raise _broken(kind, f"{error} - at `$.{field}`", msgspec.json.encode({field: text}), None) from None


def _read_envelope(raw: bytes) -> tuple[Any, str | None]:
    """The message's ``type``, whatever it is, and its ``id`` if it has a proper one."""
    try:
        envelope = _open(raw)
        request_id = _scalar(envelope.id)
    except msgspec.ValidationError:
        details = {"field": "$", "expected": "a JSON object"}
        raise Malformed(Code.VALIDATION_ERROR, "expected a JSON object", **details) from None
    except (ValueError, RecursionError) as error:
        raise _unparseable(error, None) from None
    proper = isinstance(request_id, str) and len(request_id) <= 64
    return _scalar(envelope.type), request_id if proper else None


def _scalar(raw: msgspec.Raw) -> Any:
    """The string, number or boolean in this JSON if it is short, else None."""
    text = bytes(raw)
    if not text or len(text) > MAX_SHOWN or text[:1] in b"[{":
        return None
    try:
        return msgspec.json.decode(text)
    except ValueError:
        return None


def _refuse_many_parts(raw: bytes, request_id: str | None) -> None:
    """Before anything is made of the text: half a million list items cost 17 ms, counting what separates them half of one."""
    if sum(map(raw.count, (b"{", b"[", b":", b","))) > MAX_PARTS:
        message = f"a message has at most {MAX_PARTS} fields, items, objects and arrays"
        raise Malformed(Code.TOO_LARGE, message, request_id, field="$", expected=message)


def _refuse_repeated_keys(raw: bytes) -> None:
    """The decoder takes the last of two equal keys; nobody should have to know which one a relay takes."""
    json.loads(raw, object_pairs_hook=_unique, parse_float=len)


class _RepeatedKeyError(ValueError):
    """A key stood twice in one object."""


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({key for key, _ in pairs}) != len(pairs):
        raise _RepeatedKeyError


def _unparseable(error: Exception, request_id: str | None) -> NotJson:
    """What cannot be read, in words that repeat nothing of it."""
    if isinstance(error, _RepeatedKeyError):
        reason = "the same key stands twice in one object"
    elif isinstance(error, UnicodeError):
        reason = "the text is not UTF-8"
    elif isinstance(error, RecursionError):
        reason = "the text is nested too deeply"
    else:
        reason = "the text is not JSON"
    return NotJson(Code.VALIDATION_ERROR, reason, request_id, field="$", expected="a JSON object")


def _broken(kind: Kind, told: str, raw: bytes, request_id: str | None) -> Malformed:
    """The refusal for what the decoder tells: ``Expected … - at `$.path```, or a missing field."""
    expected, _, path = told.partition(" - at `")
    if expected.startswith("Object missing required field `"):
        missing = expected.split("`")[1]
        path, expected = f"{path.rstrip('`') or '$'}.{missing}", "a value"
    if expected.startswith("Invalid enum value"):
        expected = "one of the values that are documented"  # the decoder repeats what was sent, which may be a secret
    field = path.rstrip("`").removeprefix("$").removeprefix(".") or "$"
    details = {"field": field, "expected": expected.removeprefix("Expected ")}
    if (value := _shown(kind, field, raw)) is not None:
        details["value"] = value
    return Malformed(Code.VALIDATION_ERROR, f"{field}: expected {details['expected']}", request_id, **details)


def _shown(kind: Kind, field: str, raw: bytes) -> Any:
    """The value at fault, if it may be repeated: a request that can hold secrets repeats no string, wherever it stood."""
    if field in kind.secrets:
        return None
    value = _scalar(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).get(field, msgspec.Raw()))
    return None if kind.secrets and isinstance(value, str) else value
