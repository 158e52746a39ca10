"""JSON Schema of messages (2020-12, as OpenAPI 3.1 has it), made from their classes so that it can never be out of date.

What is told here is what the decoder takes: bounds, patterns in the words of ECMA 262, secrets as strings that are only written.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .values import Secret

#: The shape of a schema, or of any other JSON object.
Schema = dict[str, Any]


def schemas(types: Iterable[Any], place: str = "#/components/schemas/") -> tuple[list[Schema], dict[str, Schema]]:
    """The schema of each type, in their order, and the schemas these refer to (at ``place``) by name."""
    wanted, named = msgspec.json.schema_components(types, schema_hook=_secret, ref_template=place + "{name}")
    return [_mended(schema) for schema in wanted], {name: _mended(schema) for name, schema in named.items()}


def fields_of(message: type[msgspec.Struct], place: str = "#/components/schemas/") -> tuple[Schema, dict[str, Schema]]:
    """The schema of one message as an object, and of what it refers to; without the tag ``type``, which is its name."""
    (reference,), named = schemas([message], place)
    own = named.pop(reference["$ref"].removeprefix(place))
    return without(own, "type"), named


def without(schema: Mapping[str, Any], *names: str) -> Schema:
    """An object's schema that does not mention these properties."""
    properties = {name: value for name, value in schema["properties"].items() if name not in names}
    required = [name for name in schema.get("required", ()) if name not in names]
    return {**schema, "properties": properties, "required": required}


def plain(documentation: str | None) -> str:
    """A docstring as Markdown: code in single backticks, references as code."""
    text = re.sub(r":\w+:`[^`]*?([\w]+)`", r"`\1`", inspect.cleandoc(documentation or ""))
    return text.replace("``", "`")


def _secret(kind: type[Any]) -> Schema:
    if issubclass(kind, Secret):
        pattern = kind.PATTERN.pattern
        whole = pattern.replace(".", r"[\s\S]") if kind.PATTERN.flags & re.DOTALL else pattern
        return {"type": "string", "format": "password", "writeOnly": True, "pattern": f"^{whole}$"}
    raise NotImplementedError(kind)


def _mended(value: Any) -> Any:
    """Python's ends of a pattern as ECMA 262 writes them, and documentation as Markdown."""
    if isinstance(value, dict):
        return {key: _told(key, item) for key, item in value.items()}
    return [_mended(item) for item in value] if isinstance(value, list) else value


def _told(key: str, item: Any) -> Any:
    if key == "pattern" and isinstance(item, str):
        return item.replace(r"\A", "^").replace(r"\Z", "$")
    if key == "description" and isinstance(item, str):
        return plain(item)
    return _mended(item)
