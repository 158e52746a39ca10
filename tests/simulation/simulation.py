"""A plan, played: relays, clients and the network on one clock, until all is healed and has had time to agree."""

from __future__ import annotations

import random
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import singledispatchmethod
from itertools import combinations
from typing import Any

from attrs import define
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from sdkrelay.build.relay import Relay
from sdkrelay.config.meshing import Mesh
from sdkrelay.domain.problem import Problem
from sdkrelay.messages.mesh.records import Records
from sdkrelay.ports import Unavailable

from .client import Follower, Sender, Tally
from .clock import SimulatedClock
from .member import TOKEN, Kept, Member, RelayMaker, address_of, folder_for, scratch, settings_for
from .network import LATENCY, RATE, Network
from .plan import TROUBLE, Action, Again, Crash, Cut, Disturb, Kill, Part, Plan, PushAgain, Send, Slow
from .world import EPOCH, SkewedClock

#: Seconds from the healing to the last dead relay's return and every link's: the longest back-off, and then some.
LINKED = 45.0
#: Two periods of reconciliation at their longest.
AGREED = 72.0
#: Seconds within which two relays that hold the same have found that out.
ROUND_TRIP = 0.2
#: Seconds of an idle time that is measured at the end.
IDLE = 60.0
#: How often it is looked whether all agree, in seconds, and how long it is waited before the idle time.
LOOK, SETTLED = 5.0, 5.0
#: Seconds within which a relay whose clock is right has let go what has expired.
SWEPT = 40.0
#: Seconds before the end of a record's life within which relays may differ about it.
EXPIRING = 60.0
#: So many records are told again at a time, and are acknowledged within so many seconds.
REPEATED, PUSH_SECONDS = 20, 10.0
MESH_TOKEN = "simulated-mesh-token-of-32-characters"


@define(eq=False)
class Outcome:
    """What a simulation was like: ``missing`` counts each record that is not where it ought to be; seconds are simulated ones."""

    relays: int
    links: int
    records: int = 0
    missing: int = 0
    mesh_bytes: int = 0
    convergence: float | None = None
    idle_pieces: int = 0
    idle_bytes: int = 0
    round_pieces: int = 0
    round_bytes: int = 0
    deaths: int = 0


class Simulation:
    """One plan in one temporary folder; ``make`` makes the relays."""

    def __init__(self, plan: Plan, make: RelayMaker = Relay) -> None:
        self.plan = plan
        self.clock = SimulatedClock()
        self.network = Network(self.clock)
        self.tally = Tally()
        self.failures: list[str] = []
        self.outcome = Outcome(plan.relays, len({frozenset(pair) for pair in plan.peers}))
        self._source = random.Random(plan.seed ^ 0x5EED)
        self._parted: list[tuple[frozenset[int], float]] = []
        self._healed = False
        self._folder = scratch()
        self.members = [self._member(number, make) for number in range(plan.relays)]
        self.followers: list[Follower] = []
        self._senders: list[tuple[Sender, Sender]] = []

    def run(self) -> None:
        """Play it; the state at the end stays for checks until :meth:`end`."""
        globalLogPublisher.addObserver(self._observe)
        for member in self.members:
            self.clock.callLater(self._source.uniform(0.0, 2.0), self._begin, member)
        self._clients()
        for event in self.plan.events:
            self.clock.callLater(event.at, self.act, event.action)
        self.run_until(TROUBLE)
        self._heal()
        self._converge()
        self.run_until(max(self.clock.seconds() + SETTLED, TROUBLE + SWEPT))

    def measure_idle(self) -> None:
        """What relays send each other while nothing happens."""
        before = self._mesh_traffic()
        self.run_until(self.clock.seconds() + IDLE)
        sent, pieces = (after - first for after, first in zip(self._mesh_traffic(), before, strict=True))
        self.outcome.idle_bytes, self.outcome.idle_pieces = sent, pieces

    def measure_round(self) -> None:
        """What one comparison of two relays takes that hold the same: the least of all links, so that nothing else is in it."""
        rounds = [self._one_round(member, link) for member in self.members for link in member.links]
        self.outcome.round_bytes, self.outcome.round_pieces = min(rounds, default=(0, 0))

    def _one_round(self, member: Member, link: Any) -> tuple[int, int]:
        before = self._mesh_traffic()
        member.relay._parts.relations.sharing.repair.force(link)
        self.run_until(self.clock.seconds() + ROUND_TRIP)
        sent, pieces = (after - first for after, first in zip(self._mesh_traffic(), before, strict=True))
        return sent, pieces

    def end(self) -> None:
        """Let nothing remain."""
        for client in [*self.followers, *(sender for pair in self._senders for sender in pair)]:
            client.end()
        for member in self.members:
            member.on_death = _unmoved
            member.kill()
            member.bury()
        globalLogPublisher.removeObserver(self._observe)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run_until(self, moment: float) -> None:
        """Let time pass."""
        self.clock.run_until(moment)

    def live(self, margin: float) -> list[dict[bytes, Kept]]:
        """What each relay keeps that is not about to expire, nor has on any clock while clocks were wrong, by id."""
        latest = self.latest + margin
        return [
            {kept.record_id: kept for kept in member.records() if kept.expires_at > latest} for member in self.members
        ]

    @property
    def latest(self) -> float:
        """The time of day on the clock that was fastest."""
        return EPOCH + self.clock.seconds() + max(0.0, *self.plan.skews)

    @singledispatchmethod
    def act(self, action: Action) -> None:
        """One event of the plan."""
        raise TypeError(f"no event: {action}")

    @act.register
    def _send(self, action: Send) -> None:
        sender = self._senders[action.relay][0 if action.by_user else 1]
        known = self.followers[action.relay].knows(action.message_id)
        sender.send(action.message_id, action.content, action.ttl, known)

    @act.register
    def _again(self, action: Again) -> None:
        earlier = [one for one in self.tally.acknowledged if one.by_user]
        if earlier:
            one = earlier[action.which % len(earlier)]
            known = self.followers[action.relay].knows(one.message_id)
            self._senders[action.relay][0].send(one.message_id, one.content, 7_200, known)

    @act.register
    def _push_again(self, action: PushAgain) -> None:
        member = self.members[action.relay]
        if member.alive:
            held = [kept.record_id for kept in member.records()][:REPEATED]
            member.life.world.tasks.start("pushing again", push(member.relay, held))

    @act.register
    def _part(self, action: Part) -> None:
        self._parted.append((action.group, self.clock.seconds() + action.seconds))
        self.clock.callLater(action.seconds, self._close_paths)
        self._close_paths()

    @act.register
    def _cut(self, action: Cut) -> None:
        for end in self.network.between(address_of(action.one), address_of(action.other)):
            end.cut()

    @act.register
    def _slow(self, action: Slow) -> None:
        path = self.network.path(address_of(action.one), address_of(action.other))
        path.latency, path.rate = action.latency, action.rate
        self.clock.callLater(action.seconds, self._quicken, action.one, action.other)

    @act.register
    def _crash(self, action: Crash) -> None:
        self.members[action.relay].down = action.down
        self.members[action.relay].strike(action.left, action.after)

    @act.register
    def _kill(self, action: Kill) -> None:
        self.members[action.relay].down = action.down
        self.members[action.relay].kill()

    @act.register
    def _disturb(self, action: Disturb) -> None:
        self.followers[action.relay].cut()

    def _member(self, number: int, make: RelayMaker) -> Member:
        plan, folder = self.plan, folder_for(self._folder, number)
        peers = tuple(f"ws://{address_of(other)}:8090" for one, other in plan.peers if one == number)
        mesh = Mesh(peers=peers, token=MESH_TOKEN, address=f"ws://{address_of(number)}:8090", discovery=plan.discovery)
        source = random.Random(f"{plan.seed} {number}")
        clock = SkewedClock(self.clock, plan.skews[number])
        return Member(
            number, self.network, folder, settings_for(number, folder, mesh=mesh), clock, source, make, self._died
        )

    def _clients(self) -> None:
        for member in self.members:
            number, address = member.number, member.address
            self.followers.append(Follower(self.network, f"10.1.0.{number}", address))
            user = Sender(self.network, f"10.2.0.{number}", address, number, self.tally, TOKEN)
            stranger = Sender(self.network, f"10.2.1.{number}", address, number, self.tally)
            self._senders.append((user, stranger))

    def _begin(self, member: Member) -> None:
        try:
            member.start()
        except BaseException as reason:
            self.failures.append(f"relay {member.number} does not start: {reason!r}")

    def _died(self, member: Member) -> None:
        self.clock.callLater(0, member.bury)
        self.clock.callLater(LINKED / 9 if self._healed else member.down, self._begin, member)

    def _close_paths(self) -> None:
        """Exactly those paths are closed that some partition crosses now."""
        now = self.clock.seconds()
        self._parted = [] if self._healed else [(group, until) for group, until in self._parted if until > now]
        for one, other in combinations(range(self.plan.relays), 2):
            crossed = any((one in group) != (other in group) for group, _ in self._parted)
            change = self.network.shut if crossed else self.network.open
            change(address_of(one), address_of(other))

    def _quicken(self, one: int, other: int) -> None:
        path = self.network.path(address_of(one), address_of(other))
        path.latency, path.rate = LATENCY, RATE

    def _heal(self) -> None:
        """From now on nothing goes wrong any more: paths are open and quick, clocks are right, nobody dies."""
        self._healed = True
        self._close_paths()
        for one, other in combinations(range(self.plan.relays), 2):
            self._quicken(one, other)
        for member in self.members:
            member.clock.skew = 0.0
            member.spare()

    def _converge(self) -> None:
        """Until all agree, or time is up."""
        began = self.clock.seconds()
        while self.outcome.convergence is None and self.clock.seconds() < began + LINKED + AGREED:
            self.run_until(self.clock.seconds() + LOOK)
            if all(member.alive for member in self.members) and all_equal(self.live(EXPIRING)):
                self.outcome.convergence = self.clock.seconds() - began
        held = self.live(EXPIRING)
        everything = {name for each in held for name in each}
        self.outcome.records = len(everything)
        self.outcome.missing = sum(len(everything) - len(each) for each in held)
        self.outcome.deaths = sum(member.deaths for member in self.members)
        self.outcome.mesh_bytes = self._mesh_traffic()[0]

    def _mesh_traffic(self) -> tuple[int, int]:
        """Bytes and pieces between relays so far."""
        pairs = combinations((member.address for member in self.members), 2)
        traffic = [self.network.traffic(one, other) for one, other in pairs]
        return sum(each.sent for each in traffic), sum(each.pieces for each in traffic)

    def _observe(self, event: Any) -> None:
        if event["log_level"] in (LogLevel.error, LogLevel.critical):
            failure = event.get("log_failure")
            self.failures.append(f"{formatEvent(event)} {failure.getTraceback() if failure else ''}".strip())


async def push(relay: Any, record_ids: Sequence[bytes]) -> None:
    """A relay tells its links these records, whether they have them or not."""
    relations = relay._parts.relations
    records = await relations.records.get(record_ids)
    for link in relations.mesh.links.all():
        with suppress(Unavailable, Problem):
            await link.ask(Records(records=tuple(record.text() for record in records)), PUSH_SECONDS)


def all_equal(sets: Sequence[Collection[bytes]]) -> bool:
    """Whether all hold the same."""
    return len({frozenset(each) for each in sets}) <= 1


def _unmoved(member: Member) -> None:
    """Nobody begins again any more."""
