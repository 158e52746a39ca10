"""What the payload of an envelope means once JavaScript's own kinds of value in it are plain ones.

Immutable.js collections travel as text beside the payload; a payload marked ``serialized`` is JSON text in which functions
may be written out. Functions are code of others and refused. A payload so marked that is no text was never serialised
(the real software has that fault) and is taken as it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .arguments import decoded
from .envelope import Envelope
from .immutable import restore
from .malformed import Malformed

_ANY = msgspec.json.Decoder()
#: The beginning by which the real client knows a function.
_FUNCTION = "function"
_DEPTH = 200


def content(envelope: Envelope) -> Any:
    """The payload as plain values; None where there is none. Raises :class:`Malformed`, for functions among others."""
    data = envelope.payload
    for texts in (envelope.immutable, envelope.shredded):
        if texts:
            data = _replaced(data, texts)
    if isinstance(data, dict) and data.get("data"):
        data = _below(data)
    if envelope.serialized and isinstance(data, str):
        data = decoded(_ANY, data)
        _refuse_functions(data, _DEPTH)
    return data


def _below(data: dict[str, Any], depth: int = 20) -> dict[str, Any]:
    """A payload that holds another below ``data``, whose collections stand beside it."""
    if not depth:
        raise Malformed("payloads too deep in each other")
    inner = data["data"]
    if isinstance(inner, dict) and inner.get("data"):
        inner = _below(inner, depth - 1)
    kept = {key: value for key, value in data.items() if key not in ("_xImmu", "_xShred")}
    for name in ("_xImmu", "_xShred"):
        texts = data.get(name)
        if isinstance(texts, dict):
            inner = _replaced(inner, texts)
    return {**kept, "data": inner}


def _replaced(data: Any, texts: dict[str, Any]) -> Any:
    """The payload with the collections in their places: ``.`` is the whole, else a key or an index."""
    if "." in texts:
        return restore(texts["."])
    if isinstance(data, dict):
        return {**data, **{key: restore(text) for key, text in texts.items()}}
    if isinstance(data, list):
        return [restore(texts[str(index)]) if str(index) in texts else item for index, item in enumerate(data)]
    raise Malformed("collections beside a payload that has no place for them")


def _refuse_functions(value: Any, depth: int) -> None:
    if not depth:
        raise Malformed("a serialised payload too deep to look through")
    if isinstance(value, str) and value.startswith(_FUNCTION):
        raise Malformed("a serialised function")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_functions(item, depth - 1)
