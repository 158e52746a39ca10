"""How much room the relay's data takes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def folder_bytes(folder: Path) -> int | None:
    """The bytes of the files directly in a folder, as their directory says; None if it cannot be read."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return None
    total = 0
    for found in entries:
        with suppress(OSError):
            total += found.stat(follow_symlinks=False).st_size if found.is_file(follow_symlinks=False) else 0
    return total
