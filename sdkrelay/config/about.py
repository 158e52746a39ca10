"""How a key of the settings is documented where it is declared: the one helper that all sections share."""

from __future__ import annotations

from msgspec import Meta


def about(description: str, example: object = None) -> Meta:
    """The documentation of one key, with an example where the default shows nothing."""
    return Meta(description=description, examples=[] if example is None else [example])
