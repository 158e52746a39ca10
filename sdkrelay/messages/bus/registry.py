"""What a server says of its commands: one entry a name, told at autoconnect and whenever it changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from .malformed import Malformed

MAX_COMMANDS = 10_000


class Entry(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A command: its name, what it is for, where it comes from, and how it may be run."""

    name: str | None = None
    location: str | None = None
    info: dict[str, Any] | None = None
    desc: str | None = None
    options: dict[str, Any] | None = None
    activity: bool | None = None
    parallel: bool | None = None
    registrar: str | None = None
    quest_options: dict[str, Any] | None = None

    @property
    def ranking(self) -> Any:
        """Its ranking predictions; True where it has none."""
        return (self.quest_options or {}).get("rankingPredictions") or True


def read_registry(data: Any) -> dict[str, Entry]:
    """A registry out of a payload. Raises :class:`Malformed`."""
    if not isinstance(data, dict) or len(data) > MAX_COMMANDS:
        raise Malformed(f"a registry is an object of at most {MAX_COMMANDS} commands")
    try:
        return msgspec.convert(data, dict[str, Entry])
    except (msgspec.MsgspecError, RecursionError):
        raise Malformed("a registry with entries of another shape") from None


def write_registry(entries: Iterable[Entry]) -> dict[str, Any]:
    """A registry for a payload, by the entries' names."""
    return {str(entry.name): msgspec.to_builtins(entry) for entry in entries}
