"""JSON Schema in words, for people who read tables of fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_BOUNDS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("exclusiveMinimum", "more than {}"),
    ("exclusiveMaximum", "less than {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} items"),
    ("maxItems", "at most {} items"),
    ("minProperties", "at least {} members"),
    ("maxProperties", "at most {} members"),
    ("pattern", "`{}`"),
)


def words(schema: Mapping[str, Any]) -> str:
    """What may stand there: ``integer, at least 0``, ``list of string``, ``one of `a`, `b```, or the name of an object."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2] if isinstance(schema["$ref"], str) else "object"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(words(option) for option in schema["anyOf"]))
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    told = _bounded(_kind(schema), schema)
    return f"{told}, secret" if schema.get("writeOnly") else told


def table(schema: Mapping[str, Any]) -> str:
    """The fields of an object as a Markdown table; empty without any."""
    rows = [_row(name, field, name in schema.get("required", ())) for name, field in schema["properties"].items()]
    return "\n".join(["| field | value | |", "|---|---|---|", *rows]) if rows else ""


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        inner = schema.get("items", {})
        return f"list of ({words(inner)})" if "," in words(inner) else f"list of {words(inner)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict) and schema["additionalProperties"]:
        return f"object of {words(schema['additionalProperties'])}"
    return str(kind)


def _bounded(kind: str, schema: Mapping[str, Any]) -> str:
    if "minLength" in schema and schema["minLength"] == schema.get("maxLength"):
        length = f"{schema['minLength']} characters"
        return f"{kind}, `{schema['pattern']}`" if "pattern" in schema else f"{kind}, {length}"
    bounds = [said.format(schema[name]) for name, said in _BOUNDS if name in schema]
    return ", ".join([kind, *bounds])


def _row(name: str, field: Mapping[str, Any], required: bool) -> str:
    last = "required" if required else _default(field.get("default"))
    return f"| `{name}` | {words(field).replace('|', chr(92) + '|')} | {last} |"


def _default(value: Any) -> str:
    """Nothing for what is nothing."""
    return "" if value is None or (not value and not isinstance(value, int)) else f"default `{json.dumps(value)}`"
