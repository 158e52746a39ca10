"""Settings as TOML text: what the sample file shows, and what an operator's changes are kept as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


def toml_value(value: Any) -> str:
    """A value as TOML writes it: JSON's strings, numbers, truth values and lists are valid TOML; tables are written inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_value(key)} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def toml_document(settings: Mapping[str, Any]) -> str:
    """Settings by key path: the top level first, then each section once."""
    sections: dict[str, dict[str, Any]] = {"": {}}
    for key, value in sorted(settings.items()):
        section, _, name = key.rpartition(".")
        sections.setdefault(section, {})[name] = value
    return "\n".join(line for name, inside in sections.items() for line in _section(name, inside)) + "\n"


def _section(name: str, inside: Mapping[str, Any]) -> list[str]:
    head = ["", f"[{name}]"] if name else []
    return head + [f"{key} = {toml_value(value)}" for key, value in inside.items()]
