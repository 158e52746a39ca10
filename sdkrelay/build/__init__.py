"""The composition root: every object of a running relay is made and joined in this package, and nowhere else."""

from __future__ import annotations

from ..config.model import Config
from .relay import CannotStart, Relay

__all__ = ["CannotStart", "Relay", "make_service"]


def make_service(config: Config) -> Relay:
    """The relay for twistd."""
    return Relay(config)
