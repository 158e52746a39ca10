"""The commented configuration file, made from the declarations so that it can never be out of date.

``python -m sdkrelay.config.sample`` prints it; every key stands in it with its default, commented out.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

import msgspec
from msgspec.structs import FieldInfo, fields

from .model import Config
from .parse import is_section, variable_of
from .toml import toml_value

_HEADER = (
    "Settings of sdkrelay. Every key has a default, shown here commented out (or an example, where the default depends "
    f"on the machine). A variable of the environment wins over this file, for example {variable_of('bitcoin_core.url')}; "
    "an option of the command line wins over both."
)


def sample() -> str:
    """The text of the sample file; it parses to the defaults."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield from _comment(_HEADER)
    for field in fields(Config):
        if not is_section(field.type):
            yield from _key(field)
    for field in fields(Config):
        if is_section(field.type):
            yield ""
            yield from _comment(_first_paragraph(field.type))
            yield f"[{field.name}]"
            for inner in fields(field.type):
                yield from _key(inner)


def _first_paragraph(section: type) -> str:
    return (section.__doc__ or "").strip().partition("\n\n")[0]


def _key(field: FieldInfo) -> Iterator[str]:
    about = next(item for item in field.type.__metadata__ if isinstance(item, msgspec.Meta) and item.description)
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if default in ("", None, (), {}) and about.examples:
        default = about.examples[0]
    yield ""
    yield from _comment(about.description or "")
    yield f"#{field.name} = {toml_value(default)}"


def _comment(text: str) -> Iterator[str]:
    return ("# " + line for line in textwrap.wrap(text, 98))


if __name__ == "__main__":
    sys.stdout.write(sample())
