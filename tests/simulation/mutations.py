"""Meshes that are broken on purpose, each in one way that the simulation has to notice."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from sdkrelay.build.mechanisms import Mechanisms
from sdkrelay.build.relay import Relay
from sdkrelay.build.world import World
from sdkrelay.domain.clock import HybridClock, reading
from sdkrelay.domain.record import Outcome, Record
from sdkrelay.ports import Stored
from sdkrelay.services.mesh.link import Link
from sdkrelay.services.mesh.repair import Repair
from sdkrelay.services.records import RecordService

from .member import RelayMaker

#: Seconds by which the hasty one acknowledges too early.
EARLY = 0.5


class NeverCompares(Repair):
    """Leaves it at pushing: what was missed once is never looked for."""

    def force(self, link: Link) -> None:
        """Compare nothing."""


class Hasty(RecordService):
    """Acknowledges a new message a while before it is on the disk."""

    async def _leave(self, record: Record, limits: tuple[int, int]) -> Stored:
        if await self._store.records.named(record.message_id, self._now) is not None:
            return await super()._leave(record, limits)
        self._around.tasks.start("a late commit", self._late(record, limits))
        return Stored(record, Outcome.KEPT, number=1)

    async def _late(self, record: Record, limits: tuple[int, int]) -> None:
        await self._around.tasks.sleep(EARLY)
        await super()._leave(record, limits)


class WallClock(HybridClock):
    """The time of day as the machine has it, whatever was seen before."""

    def tick(self, now: float) -> int:
        """The time of day."""
        return reading(int(now * 1000))

    def witness(self, value: int, now: float) -> bool:
        """Learn nothing."""
        return True


class Forgetful(RecordService):
    """Orders messages by the wall clocks of relays instead of the hybrid logical clock."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._hybrid = WallClock()


def broken_by(**mechanisms: Any) -> RelayMaker:
    """Makes relays that have these mechanisms in place of the right ones."""

    def make(config: Any, world: World) -> Relay:
        return Relay(config, world=evolve(world, mechanisms=Mechanisms(**mechanisms)))

    return make


NO_RECONCILIATION = broken_by(repair=NeverCompares)
ACKNOWLEDGES_EARLY = broken_by(records=Hasty)
IGNORES_CLOCK = broken_by(records=Forgetful)
