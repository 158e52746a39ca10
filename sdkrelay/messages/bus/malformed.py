"""The one refusal of everything in this package, in a module of its own so that the others can name it."""

from __future__ import annotations


class Malformed(ValueError):
    """These bytes, or this message, are not what the bus carries; the message says why and never what they held."""
