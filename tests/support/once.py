"""Makes something in a folder once, whoever else wants the same at that moment: tests run beside each other."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path

_COMPLETE = "complete"


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, after ``make`` has filled it; others wait meanwhile, and what broke off is made again."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _COMPLETE).is_file():
            make(folder)
            (folder / _COMPLETE).touch()
    return folder
