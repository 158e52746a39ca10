"""From a TOML text, the environment and command line options to one :class:`Config`, or to everything that is wrong.

Each key is converted by its own declared type, so that every fault is found at once and names where it was written: the
file's key, the variable, or the option. Options win over an operator's changes, those over variables, variables over the
file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import EnumType
from typing import Any, get_args, get_origin

import msgspec
from attrs import frozen
from msgspec.structs import fields

from .fault import ConfigurationError, Fault
from .model import Config

PREFIX = "SDKRELAY_"
#: Variables that are no keys: the file to read, the short form for log levels, and those of the tests.
NOT_KEYS = ("SDKRELAY_CONFIG", "SDKRELAY_LOG", "SDKRELAY_TEST_")


@frozen
class Setting:
    """A value as it was written: where, and whether it is text that stands for another type."""

    source: str
    value: Any
    is_text: bool


@frozen
class Layer:
    """What one source says: settings by key path, and what could not be understood."""

    settings: dict[str, Setting]
    faults: list[Fault]


def is_section(kind: Any) -> bool:
    """Whether a field of :class:`Config` is a section rather than a value."""
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _known_keys() -> Iterator[tuple[str, Any]]:
    for field in fields(Config):
        if is_section(field.type):
            yield from ((f"{field.name}.{inner.name}", inner.type) for inner in fields(field.type))
        else:
            yield field.name, field.type


#: Every key path with its type.
KEYS: dict[str, Any] = dict(_known_keys())
SECTIONS: dict[str, Any] = {field.name: field.type for field in fields(Config) if is_section(field.type)}


def variable_of(key: str) -> str:
    """The environment variable that sets a key."""
    return PREFIX + key.replace(".", "__").upper()


def parse(
    text: str,
    environment: Mapping[str, str],
    options: Mapping[str, str],
    kept: Mapping[str, Any] | None = None,
    original: Mapping[str, str] | None = None,
) -> Config:
    """The settings from a file's text, variables over it, changes that were kept, and options (by key path) over all.

    ``original`` has, as text, what a file of the original's kind sets. ``kept`` has values of the types TOML and JSON know.
    Raises :class:`ConfigurationError` with every fault of spelling, type and range; what fits together is for ``check``.
    """
    layers = [
        _from_file(text),
        _from_texts(original or {}, "file"),
        _from_environment(environment),
        _from_kept(kept or {}),
        _from_texts(options, "option"),
    ]
    faults = [fault for layer in layers for fault in layer.faults]
    settings = {key: setting for layer in layers for key, setting in layer.settings.items()}
    values: dict[str, Any] = {}
    for key, setting in settings.items():
        try:
            values[key] = _convert(setting, KEYS[key])
        except (msgspec.ValidationError, ValueError) as error:
            faults.append(Fault(setting.source, _explain(error, KEYS[key])))
    if faults:
        raise ConfigurationError(faults)
    return _assemble(values)


def _from_file(text: str) -> Layer:
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        return Layer({}, [Fault("file", f"not TOML: {error}")])
    return read_document(document)


def read_document(document: Mapping[str, Any]) -> Layer:
    """Settings nested in sections as one layer; a key or a section that does not exist is a fault."""
    layer = Layer({}, [])
    for name, value in document.items():
        if name not in SECTIONS and isinstance(value, dict):
            layer.faults.append(Fault(name, f"no such section{_suggest(name, SECTIONS)}"))
        elif name not in SECTIONS:
            _put(layer, name, value)
        elif isinstance(value, dict):
            for inner, setting in value.items():
                _put(layer, f"{name}.{inner}", setting)
        else:
            layer.faults.append(Fault(name, f"a section: write [{name}] and its keys below"))
    return layer


def _put(layer: Layer, key: str, value: Any) -> None:
    """Take one value of the file, or note that there is no such key."""
    if key in KEYS:
        layer.settings[key] = Setting(key, value, is_text=False)
    else:
        layer.faults.append(Fault(key, f"no such key{_suggest(key, KEYS)}"))


def _from_environment(environment: Mapping[str, str]) -> Layer:
    layer = Layer(_short_log_form(environment.get("SDKRELAY_LOG", "")), [])
    variables = {variable_of(key): key for key in KEYS}
    for name, value in environment.items():
        if name in variables and value:
            layer.settings[variables[name]] = Setting(name, value, is_text=True)
        elif name.startswith(PREFIX) and name not in variables and not name.startswith(NOT_KEYS):
            layer.faults.append(Fault(name, f"no such setting{_suggest(name, variables)}"))
    return layer


def _short_log_form(text: str) -> dict[str, Setting]:
    """``SDKRELAY_LOG=info,module=debug`` as the two settings it stands for."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    level = ",".join(part for part in parts if "=" not in part)
    levels = ",".join(part for part in parts if "=" in part)
    given = {"logging.level": level, "logging.levels": levels}
    return {key: Setting("SDKRELAY_LOG", value, is_text=True) for key, value in given.items() if value}


def _from_texts(texts: Mapping[str, str], place: str) -> Layer:
    return Layer({key: Setting(f"{key} ({place})", value, is_text=True) for key, value in texts.items()}, [])


def _from_kept(kept: Mapping[str, Any]) -> Layer:
    """Keys that this version does not have are left out: an older one may have kept them."""
    return Layer({key: Setting(key, value, is_text=False) for key, value in kept.items() if key in KEYS}, [])


def _suggest(name: str, known: Iterable[str]) -> str:
    """The nearest right name; a key in the wrong section is found by its last part."""
    names = list(known)
    near = get_close_matches(name, names, n=1, cutoff=0.75)
    last = name.rpartition(".")[2]
    near = [other for other in names if other.rpartition(".")[2] == last] or near
    return f"; did you mean {near[0]}?" if near else ""


def _convert(setting: Setting, kind: Any) -> Any:
    value = setting.value
    if isinstance(value, str) and get_origin(_bare(kind)) is tuple:
        value = [part.strip() for part in value.split(",")]
    if setting.is_text and get_origin(_bare(kind)) is dict:
        value = dict(_pair(part) for part in value.split(","))
    return msgspec.convert(value, kind, strict=not setting.is_text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("expected name=value, several separated by commas")
    return name.strip(), value.strip()


def _bare(kind: Any) -> Any:
    """The type without its documentation and bounds."""
    return getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind


def _explain(error: Exception, kind: Any) -> str:
    """The fault in words, with the values that would do where they are few."""
    message = re.sub(r" - at `\$.*`$", "", str(error)).replace("`", "").replace("Expected", "expected")
    choices = _choices(_bare(kind))
    return f"{message}; one of {', '.join(choices)}" if choices else message


def _choices(kind: Any) -> list[str]:
    if isinstance(kind, EnumType):
        return [str(member.value) for member in list[Any](kind)]
    return [choice for choice in get_args(kind) if isinstance(choice, str)]


def _assemble(values: Mapping[str, Any]) -> Config:
    arguments: dict[str, Any] = {key: value for key, value in values.items() if "." not in key}
    for name, section in SECTIONS.items():
        inside = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{name}.")}
        arguments[name] = section(**inside)
    return Config(**arguments)
