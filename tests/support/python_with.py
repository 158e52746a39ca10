"""Python packages of others in a virtual environment of their own, made once: what they depend on may clash with what we do."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from unittest import SkipTest

from sdkrelay.io.bitcoind.obtain import default_cache


@cache
def python_with(*packages: str) -> str:
    """A Python that can import these packages (``name==release``); SkipTest where one of them cannot be had."""
    name = sha256("\n".join((sys.version, *sorted(packages))).encode()).hexdigest()[:16]
    folder = default_cache() / "python" / name
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.is_file():
        _install(folder, python, packages)
        complete.write_text("\n".join(packages))
    return str(python)


def _install(folder: Path, python: Path, packages: tuple[str, ...]) -> None:
    quiet = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    try:
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], [str(python), *quiet, *packages]):
            subprocess.run(command, check=True, capture_output=True, timeout=180)
    except (subprocess.SubprocessError, OSError) as error:
        raise SkipTest(f"pip cannot install {', '.join(packages)}: {error}") from None
