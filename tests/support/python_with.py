"""Python packages of others in a virtual environment of their own, made once: what they depend on may clash with what we do."""

from __future__ import annotations

import sys
from functools import cache, partial
from hashlib import sha256
from pathlib import Path

from sdkrelay.io.bitcoind.obtain import default_cache

from .once import fetch, made_once


@cache
def python_with(*packages: str) -> str:
    """A Python that can import these packages (``name==release``); SkipTest where one of them cannot be had."""
    name = sha256("\n".join((sys.version, *sorted(packages))).encode()).hexdigest()[:16]
    return str(made_once(default_cache() / "python" / name, partial(_install, packages)) / "bin" / "python")


def _install(packages: tuple[str, ...], folder: Path) -> None:
    quiet = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    python = str(folder / "bin" / "python")
    fetch(packages, (sys.executable, "-m", "venv", "--clear", str(folder)), (python, *quiet, *packages))
