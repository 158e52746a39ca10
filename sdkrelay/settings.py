"""The settings as this machine has them: the file is read here, and the environment and home folder looked at.

The rules themselves are in :mod:`sdkrelay.config`, which touches nothing; this is the thin part that twistd's plugin and
the command line share.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .config.check import check
from .config.fault import ConfigurationError, Fault
from .config.model import Config
from .config.parse import parse
from .config.resolve import expand_home, resolve


def load(path: str | None, options: Mapping[str, str]) -> Config:
    """The settings of a file (``$SDKRELAY_CONFIG`` if None, no file if that is not set either), variables and options.

    Raises :class:`ConfigurationError` with all that is wrong with them; nothing but the file has been touched then.
    """
    home = os.path.expanduser("~")
    file = path or os.environ.get("SDKRELAY_CONFIG")
    config = parse(_read(Path(expand_home(file, home))) if file else "", os.environ, options)
    faults = check(config)
    if faults:
        raise ConfigurationError(faults)
    return resolve(config, os.environ, home)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError([Fault(str(path), "not UTF-8")]) from error
    except OSError as error:
        raise ConfigurationError([Fault(str(path), error.strerror or "cannot be read")]) from error
