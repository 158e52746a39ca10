"""The simulation by hand: seed after seed, the first that fails with a command that plays it again, a report at the end."""

from __future__ import annotations

from .invariants import broken
from .member import RelayMaker
from .plan import plan_for
from .simulation import Outcome, Simulation


def play(seed: int, relays: int | None, make: RelayMaker) -> tuple[list[str], Outcome]:
    """One seed: what does not hold, and what it was like."""
    simulation = Simulation(plan_for(seed, relays), make)
    try:
        simulation.run()
        return broken(simulation), simulation.outcome
    finally:
        simulation.end()
