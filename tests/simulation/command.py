"""The simulation by hand: seed after seed, the first that fails with a command that plays it again, a report at the end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from attrs import define, field

from sdkrelay.build.relay import Relay

from .invariants import broken
from .member import RelayMaker
from .plan import plan_for
from .simulation import IDLE, Outcome, Simulation


@contextmanager
def played(seed: int, relays: int | None = None, make: RelayMaker = Relay) -> Iterator[Simulation]:
    """The simulation of a seed at its end, to be looked at."""
    simulation = Simulation(plan_for(seed, relays), make)
    try:
        simulation.run()
        yield simulation
    finally:
        simulation.end()


def faults(seed: int, relays: int | None = None, make: RelayMaker = Relay) -> list[str]:
    """All that does not hold at the end of a seed."""
    with played(seed, relays, make) as simulation:
        return broken(simulation)


@define(eq=False)
class Report:
    """What the simulations were like, all together."""

    outcomes: list[Outcome] = field(factory=list)

    def lines(self) -> Iterator[str]:
        """The report; seconds are simulated ones, bytes are those between relays."""
        outcomes = self.outcomes
        records, missing = sum(one.records for one in outcomes), sum(one.missing for one in outcomes)
        yield f"{len(outcomes)} seeds, {sum(one.deaths for one in outcomes)} deaths, {records} records, {missing} missing"
        copies = sum(one.records * (one.relays - 1) for one in outcomes)
        each = sum(one.mesh_bytes for one in outcomes) / max(1, copies)
        yield f"{each:.0f} bytes for each copy of a record, links and all trouble included"
        times = sorted(one.convergence for one in outcomes if one.convergence is not None)
        if times:
            yield f"all agree {times[len(times) // 2]:.0f} s after the healing (median), {times[-1]:.0f} s at most"
        rounds = sum(one.links * IDLE for one in outcomes) or 1.0
        idle, pieces = sum(one.idle_bytes for one in outcomes), sum(one.idle_pieces for one in outcomes)
        yield f"idle, a link carries {idle * 30 / rounds:.0f} bytes in {pieces * 30 / rounds:.1f} pieces in 30 s"
        least = min((one.round_bytes, one.round_pieces) for one in outcomes)
        most = max((one.round_bytes, one.round_pieces) for one in outcomes)
        yield f"of these a comparison that finds nothing: {least[0]} to {most[0]} bytes in {least[1]} to {most[1]} pieces"


def main(arguments: Sequence[str]) -> int:
    """Play seeds until one fails; 0 if none does."""
    parser = argparse.ArgumentParser("python -m tests.simulation", description="A mesh of relays in simulated trouble.")
    parser.add_argument("--seeds", type=int, default=150, help="how many are played")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--relays", type=int, help="how many relays there are; by default the seed decides, 3 to 6")
    options = parser.parse_args(arguments)
    report = Report()
    for seed in range(options.first, options.first + options.seeds):
        if not _play(seed, options.relays, report):
            return 1
    for line in report.lines():
        tell(line)
    return 0


def _play(seed: int, relays: int | None, report: Report) -> bool:
    """One seed, told in a line; False if something does not hold."""
    with played(seed, relays) as simulation:
        outcome = simulation.outcome
        simulation.measure_idle()
        simulation.measure_round()
        found = broken(simulation)
        count = len(simulation.members)
    report.outcomes.append(outcome)
    agreed = "never" if outcome.convergence is None else f"after {outcome.convergence:.0f} s"
    tell(f"seed {seed}: {count} relays, {outcome.deaths} deaths, {outcome.records} records, all agree {agreed}")
    for sentence in found:
        tell(f"  {sentence}")
    if found:
        among = "" if relays is None else f" --relays {relays}"
        tell(f"again: python -m tests.simulation --first {seed} --seeds 1{among}")
    return not found


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
