"""A small text file that is either the old one or the new one, whole, whatever happens while it is written."""

from __future__ import annotations

import os
from pathlib import Path

from ..ports import Compute, Unavailable


class KeptFile:
    """A file that only its owner can read, written away from the reactor."""

    def __init__(self, path: Path, compute: Compute) -> None:
        self._path = path
        self._compute = compute

    async def write(self, text: str) -> None:
        """Put the text in place of what was there; it is on the disk afterwards. Unavailable if it cannot be written."""
        try:
            await self._compute.run(replace_file, self._path, text.encode())
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be written: {error.strerror}") from error


def replace_file(path: Path, content: bytes) -> None:
    """Write beside, flush to the disk, and rename over; OSError leaves the old file as it was."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
