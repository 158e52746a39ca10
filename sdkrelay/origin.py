"""What the process around a relay hands to it beside its settings: where these came from, and how to start it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from .command import CommandLine, this_command
from .config.model import Config
from .config.sources import Sources, sources_of
from .levels import Levels


@frozen
class Origin:
    """The sources of the settings, the operator's changes among them (by key path), the command line, and the log's levels."""

    sources: Sources
    kept: Mapping[str, Any]
    command: CommandLine
    levels: Levels


def origin_of(config: Config) -> Origin:
    """The origin of a relay that is made by another program than twistd."""
    return Origin(sources_of(config), {}, this_command(None), Levels(config.logging, config.dev_mode))
