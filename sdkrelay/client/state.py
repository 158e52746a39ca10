"""What a program keeps so that it goes on where it was when it starts again: positions, tokens, and what was given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import msgspec

Change = dict[str, Any]

#: Changes that may be appended before the file is written anew.
MOST_APPENDED = 20_000


class State(Protocol):
    """Where changes are kept: JSON objects, some with wallet tokens in them. All are made by the client alone.

    A program with a database of its own may keep them there: a change that is written in the transaction in which it does
    its own work for that notification makes it exactly once over crashes too.
    """

    def load(self) -> list[Change]:
        """All changes, in the order in which they were made."""

    def append(self, change: Change) -> bool:
        """Keep one more: when this returns it outlives the process. True asks for :meth:`replace`, to save room."""

    def replace(self, changes: Iterable[Change]) -> None:
        """Keep these instead of all that were kept, or leave everything as it was."""


class MemoryState:
    """Keeps nothing beyond the process."""

    def load(self) -> list[Change]:
        return []

    def append(self, change: Change) -> bool:
        return False

    def replace(self, changes: Iterable[Change]) -> None:
        """Nothing to replace."""


class FileState:
    """A file of one JSON object a line, readable by its owner only (there are wallet tokens in it).

    A change outlives the process as soon as it is appended; a power cut may take those of the last seconds, and what they
    were about is then given once more. One client at a time. ``repr`` shows the path only.
    """

    def __init__(self, path: str | os.PathLike[str], most: int = MOST_APPENDED) -> None:
        self._path = Path(path)
        self._most = most
        self._appended = 0
        self._descriptor: int | None = None

    def __repr__(self) -> str:
        return f"FileState({str(self._path)!r})"

    def load(self) -> list[Change]:
        """The changes in the file; a last line that was cut off is dropped. ValueError for a file of something else."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        changes = [self._parsed(number, line) for number, line in enumerate(lines[:-1], 1)]
        if lines[-1]:
            self.replace(changes)
        return changes

    def append(self, change: Change) -> bool:
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        _write(self._descriptor, _line(change))
        self._appended += 1
        return self._appended >= self._most

    def replace(self, changes: Iterable[Change]) -> None:
        self.close()
        other = self._path.with_name(f"{self._path.name}.new")
        descriptor = os.open(other, os.O_WRONLY | os.O_TRUNC | os.O_CREAT, 0o600)
        try:
            _write(descriptor, b"".join(map(_line, changes)))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        other.replace(self._path)
        self._appended = 0

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _parsed(self, number: int, line: bytes) -> Change:
        try:
            return msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.MsgspecError, ValueError, RecursionError):
            raise ValueError(f"{self._path}, line {number}, is no state of a client") from None


def _line(change: Change) -> bytes:
    return msgspec.json.encode(change) + b"\n"


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
