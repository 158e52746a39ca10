"""Where the settings of one relay come from, kept together, so that they can be put together anew while it runs.

An operator's changes at run time are a source of their own: over the file and the variables, below the options of the
command line. So what an operator said last holds over a restart, and what is written on the command line always holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from attrs import field, frozen

from .check import check
from .fault import ConfigurationError, Fault
from .model import Config
from .original import is_original, read_original
from .parse import KEYS, parse
from .resolve import resolve
from .toml import toml_document

#: What cannot be changed while the relay runs, and why.
FIXED = {
    "data_dir": "the changes themselves are kept there",
    "network": "the database belongs to one network",
}


@frozen
class Sources:
    """The file's text, the variables and the options (by key path), as they were when the relay was started; the file's path."""

    text: str = field(default="", repr=False)
    environment: Mapping[str, str] = field(factory=dict, repr=False)
    options: Mapping[str, str] = field(factory=dict)
    home: str = ""
    path: str | None = None

    def config(self, kept: Mapping[str, Any] | None = None) -> Config:
        """The whole of them, checked and resolved, with the operator's changes (by key path).

        ConfigurationError has every fault.
        """
        text, original = (self.text, {}) if not is_original(self.text) else ("", read_original(self.text).settings)
        config = parse(text, self.environment, self.options, kept, original)
        faults = check(config)
        if faults:
            raise ConfigurationError(faults)
        return resolve(config, self.environment, self.home)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What in the file has no use."""
        return read_original(self.text).warnings if is_original(self.text) else ()

    def out_of_reach(self, keys: Iterable[str]) -> list[Fault]:
        """Those of the keys that a change at run time cannot reach, each with why."""
        asked = list(keys)
        fixed = [Fault(key, f"cannot be changed at run time: {FIXED[key]}") for key in asked if key in FIXED]
        given = [Fault(key, "is an option of the command line, which wins") for key in asked if key in self.options]
        return fixed + given


def sources_of(config: Config) -> Sources:
    """Sources that amount to a configuration that was put together in another way."""
    mine, defaults = values(config), values(Config())
    changed = {key: value for key, value in mine.items() if value != defaults[key] and value is not None}
    return Sources(toml_document(msgspec.to_builtins(changed)))


def values(config: Config) -> dict[str, Any]:
    """Every setting by its key path, as it is used inside."""
    found: dict[str, Any] = {}
    for key in KEYS:
        section, dot, name = key.partition(".")
        found[key] = getattr(getattr(config, section), name) if dot else getattr(config, section)
    return found
