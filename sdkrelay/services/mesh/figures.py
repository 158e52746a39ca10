"""What relays say to each other of themselves: ours is made here, theirs is kept here, the newest of each kind.

Nothing of it is ever in the durable set: it is true of a process, and gone with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from attrs import define, field, frozen
from msgspec import UNSET, structs

from ...domain.problem import Problem, invalid
from ...messages.mesh.reconcile import PeerPayload
from ...messages.native.relays import HealthFigures, MetricsFigures, Register, StateFigures, SyncType
from ...messages.rest.relays import RelayCondition, RelayConfiguration
from ...ports import Clock
from ..figures import Figures
from .digests import Digests
from .link import Link
from .standing import Standing

#: Asks this relay for its configuration, and how its parts are.
About = Callable[[], Awaitable[tuple[RelayConfiguration, RelayCondition]]]
#: A relay's condition in the words that are used of relays.
WORDS = {"healthy": "healthy", "degraded": "warning", "unhealthy": "critical"}


@define(eq=False)
class Portrait:
    """What another relay said last of itself, with when that was (seconds since the epoch), and by which statement."""

    state: StateFigures | None = None
    health: HealthFigures | None = None
    metrics: MetricsFigures | None = None
    at: float | None = None
    registers: dict[SyncType, Register] = field(factory=dict)


@frozen
class Statement:
    """What a relay told, read: its kind, and the payload, which has the part that the kind names."""

    sync_type: SyncType
    payload: PeerPayload
    register: Register


class PeerFigures:
    """Makes what we tell other relays, and keeps what they tell; ``boot_id`` names this run of the process."""

    def __init__(self, boot_id: str, figures: Figures, about: About, digests: Digests, clock: Clock) -> None:
        self._boot_id = boot_id
        self._about = about
        self._figures = figures
        self._clock = clock
        self._sequence = 0
        self._portraits: dict[str, Portrait] = {}
        self.digests = digests

    def of(self, relay_id: str) -> Portrait:
        """What this relay said last of itself; an empty portrait if it said nothing."""
        return self._portraits.get(relay_id) or Portrait()

    def forget(self, relay_id: str) -> None:
        """This relay is not known any more."""
        self._portraits.pop(relay_id, None)
        self.digests.forget(relay_id)

    async def told(self, sync_type: SyncType, relay_id: str) -> PeerPayload:
        """How this relay is, for another one: the figures, which statement this is, and with the state digests of blocks."""
        payload = PeerPayload(**structs.asdict(await self._figures.payload(sync_type)))
        if sync_type == "StateSync":
            configuration, condition = await self._about()
            blocks = await self.digests.told(relay_id)
            payload = structs.replace(payload, blocks=blocks, configuration=configuration, condition=condition)
        self._sequence += 1
        return structs.replace(payload, register=Register(boot_id=self._boot_id, sequence=self._sequence))

    async def take(self, link: Link, sync_type: SyncType, raw: Mapping[str, Any]) -> None:
        """Keep what the relay of this link says of itself, if it is the newest; it is to blame for what is no such thing.

        A statement of another run of its process than the one that was greeted is a late one. Problem VALIDATION_ERROR.
        """
        try:
            statement = read(sync_type, raw)
        except Problem:
            link.blame(f"a {sync_type} that is none")
            raise
        portrait = self._portraits.setdefault(link.relay_id, Portrait())
        if not _newer(statement.register, portrait.registers.get(sync_type), link.boot_id):
            return
        portrait.registers[sync_type] = statement.register
        portrait.at = self._clock.now()
        _keep(portrait, statement.payload)
        _show(link.standing, statement.payload)
        if statement.payload.blocks is not UNSET:
            await self.digests.compare(link.relay_id, statement.payload.blocks)
            link.standing.disputes = self.digests.of(link.relay_id)


def read(sync_type: SyncType, raw: Mapping[str, Any]) -> Statement:
    """A relay's statement from what was on the wire. Problem VALIDATION_ERROR if the part that its kind names is not there."""
    try:
        payload = msgspec.convert(raw, PeerPayload)
    except msgspec.ValidationError as error:
        raise invalid("payload", "what a relay says of itself", f"payload: {error}") from None
    part = {"StateSync": payload.state, "HealthSync": payload.health, "MetricsSync": payload.metrics}[sync_type]
    if part is UNSET or payload.register is UNSET:
        raise invalid("payload", f"the part that {sync_type} names, and the register")
    return Statement(sync_type, payload, payload.register)


def _newer(told: Register, known: Register | None, boot_id: str) -> bool:
    if told.boot_id != boot_id:
        return False
    return known is None or known.boot_id != boot_id or told.sequence > known.sequence


def _keep(portrait: Portrait, payload: PeerPayload) -> None:
    if payload.state is not UNSET:
        portrait.state = payload.state
    if payload.health is not UNSET:
        portrait.health = payload.health
    if payload.metrics is not UNSET:
        portrait.metrics = payload.metrics


def _show(standing: Standing, payload: PeerPayload) -> None:
    """What ``/relays`` shows of it."""
    if payload.state is not UNSET:
        standing.uptime, standing.connections = payload.state.uptime, payload.state.connections
        standing.health = WORDS.get(payload.state.status, "critical")
    if payload.configuration is not UNSET:
        standing.configuration = payload.configuration
    if payload.condition is not UNSET:
        standing.condition = payload.condition
