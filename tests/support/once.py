"""Makes something in a folder once, whoever else wants the same at that moment: tests run beside each other."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import SkipTest

_COMPLETE = "complete"
#: Why a folder could not be filled: it is not tried again for every test of this process.
_missing: dict[Path, str] = {}


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, after ``make`` has filled it; others wait meanwhile, and what broke off is made again."""
    if folder in _missing:
        raise SkipTest(_missing[folder])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / _COMPLETE).is_file():
            _fill(folder, make)
    return folder


def _fill(folder: Path, make: Callable[[Path], None]) -> None:
    try:
        make(folder)
    except SkipTest as why:
        _missing[folder] = str(why)
        raise
    (folder / _COMPLETE).touch()


def fetch(what: Sequence[str], *commands: Sequence[str], folder: Path | None = None) -> None:
    """Run commands that install packages, each once more if it fails; SkipTest, with what it said last, if it fails again."""
    for command in commands:
        try:
            _run(command, folder) or _run(command, folder, check=True)
        except subprocess.CalledProcessError as failure:
            said = failure.stderr.decode(errors="replace").strip().splitlines()[-3:]
            raise SkipTest(f"{', '.join(what)} cannot be installed: {' / '.join(said)}") from None
        except (subprocess.SubprocessError, OSError) as error:
            raise SkipTest(f"{', '.join(what)} cannot be installed: {error}") from None


def _run(command: Sequence[str], folder: Path | None, check: bool = False) -> bool:
    done = subprocess.run(command, cwd=folder, check=check, capture_output=True, timeout=180)
    return done.returncode == 0
