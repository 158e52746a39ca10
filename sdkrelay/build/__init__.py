"""The composition root: every object of a running relay is made and joined in this package, and nowhere else."""

from __future__ import annotations

from ..config.model import Config
from ..io.world import tune_interpreter
from ..origin import Origin
from .relay import CannotStart, Relay

__all__ = ["CannotStart", "Relay", "make_service"]


def make_service(config: Config, origin: Origin | None = None) -> Relay:
    """The relay for twistd, with the process to itself; ``origin`` is where its settings are from and how to start it again."""
    tune_interpreter()
    return Relay(config, origin=origin)
