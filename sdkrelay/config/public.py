"""What of the settings may be seen, and how: no secret at all, paths and users by operators only, addresses bare.

It goes by the names of keys, so that a key added later is hidden unless its name is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from .model import Config, without_credentials
from .sources import values

#: Keys whose values nobody is shown, and is not told the change of.
SECRET = re.compile(r"(password|passphrase|secret|credential|token|private_key|webhook\w*)s?$")
#: Keys that tell about the machine or its people, for operators only.
INTERNAL = re.compile(r"(_path|_file|_dir|\.file|\.users?)$|^tls\.|^database\.url$")


def is_secret(key: str) -> bool:
    """Whether the value at this key path is a secret."""
    return SECRET.search(key) is not None


def shown(value: Any) -> Any:
    """A value as JSON has it, without credentials inside addresses."""
    value = msgspec.to_builtins(value)
    if isinstance(value, str):
        return without_credentials(value) if "://" in value else value
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items() if not is_secret(str(key))}
    return value


def public(config: Config, operator: bool) -> dict[str, Any]:
    """The settings nested in sections, as anybody (or an operator) may see them."""
    found: dict[str, Any] = {}
    for key, value in values(config).items():
        if is_secret(key) or (INTERNAL.search(key) and not operator):
            continue
        section, dot, name = key.partition(".")
        place = found.setdefault(section, {}) if dot else found
        place[name or section] = shown(value)
    return found


def told_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Each difference as ``key: old -> new``; of a secret only that it changed."""
    return tuple(
        f"{key}: changed" if is_secret(key) else f"{key}: {_word(before.get(key))} -> {_word(after[key])}"
        for key in after
        if after[key] != before.get(key)
    )


def _word(value: Any) -> str:
    """A value as JSON, a bare word for a string."""
    value = shown(value)
    if isinstance(value, str):
        return value or '""'
    return msgspec.json.encode(value).decode()
