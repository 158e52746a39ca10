"""The settings as this machine has them: the file is read here, and the environment and home folder looked at.

The rules themselves are in :mod:`sdkrelay.config`, which touches nothing; this is the thin part that twistd's plugin and
the command line share.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from .config.fault import ConfigurationError, Fault
from .config.model import Config
from .config.parse import read_document
from .config.resolve import expand_home
from .config.sources import Sources

#: The file in ``data_dir`` that keeps what operators changed while the relay ran.
KEPT = "settings.toml"


@frozen
class Settings:
    """The configuration, where it came from, and the operator's changes that are part of it (by key path)."""

    config: Config
    sources: Sources
    kept: Mapping[str, Any]


def load(path: str | None, options: Mapping[str, str]) -> Config:
    """The settings as :func:`load_settings` puts them together."""
    return load_settings(path, options).config


def load_settings(path: str | None, options: Mapping[str, str]) -> Settings:
    """The settings of a file (``$SDKRELAY_CONFIG`` if None, no file if that is not set either), variables and options.

    Over file and variables are the changes kept in the ``data_dir`` that these name.
    Raises :class:`ConfigurationError` with all that is wrong with them; nothing but the files has been touched then.
    """
    home = os.path.expanduser("~")
    file = path or os.environ.get("SDKRELAY_CONFIG")
    text = _read(Path(expand_home(file, home))) if file else ""
    path = os.path.abspath(expand_home(file, home)) if file else None
    sources = Sources(text, dict(os.environ), options, home, path)
    kept = read_kept(Path(sources.config().data_dir) / KEPT)
    return Settings(sources.config(kept), sources, kept)


def read_kept(path: Path) -> dict[str, Any]:
    """The changes kept in a file, by key path; none where there is no file. ConfigurationError if it cannot be read."""
    if not path.exists():
        return {}
    try:
        document = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([Fault(str(path), f"not TOML: {error}")]) from error
    return {key: setting.value for key, setting in read_document(document).settings.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError([Fault(str(path), "not UTF-8")]) from error
    except OSError as error:
        raise ConfigurationError([Fault(str(path), error.strerror or "cannot be read")]) from error
