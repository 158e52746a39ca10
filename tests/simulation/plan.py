"""What happens in a simulation, decided by its seed alone: who is where, whose clock is wrong, and every event with its time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import combinations

from attrs import frozen

#: Seconds of trouble before everything heals.
TROUBLE = 120.0
#: Seconds that a relay's clock may be wrong, and how far beyond what others accept it may be.
SKEW, BEYOND = 60.0, (305.0, 350.0)
#: Lifetimes of messages that must live to the end, and of those that must not, in seconds.
LONG, SHORT = 7_200, (5, 60)
#: A relay is dead for so many seconds, a partition or a bad path lasts so many.
DOWN, PARTED = (1.0, 30.0), (30.0, 120.0)
#: How many relays there are, the fewer the more often: each takes its time.
SIZES = (3, 3, 3, 4, 4, 5, 6)


@frozen
class Send:
    """A message is left with a relay by a client: ``by_user`` by one that is the same author everywhere."""

    relay: int
    by_user: bool
    message_id: str
    content: str
    ttl: int


@frozen
class Again:
    """An earlier message is left once more, with the same relay or another one, by the user."""

    relay: int
    which: int


@frozen
class PushAgain:
    """A relay tells another one records that it was told before."""

    relay: int


@frozen
class Part:
    """Nothing passes between these relays and the others for a while."""

    group: frozenset[int]
    seconds: float


@frozen
class Cut:
    """All connections between two relays break."""

    one: int
    other: int


@frozen
class Slow:
    """What two relays send each other takes so long, and so few bytes pass in a second, for a while."""

    one: int
    other: int
    latency: float
    rate: float
    seconds: float


@frozen
class Crash:
    """A relay dies at its transaction after so many, before its commit or ``after``, and begins again a while later."""

    relay: int
    left: int
    after: bool
    down: float


@frozen
class Kill:
    """A relay dies between two transactions."""

    relay: int
    down: float


@frozen
class Disturb:
    """The client that follows a relay loses its connection."""

    relay: int


Action = Send | Again | PushAgain | Part | Cut | Slow | Crash | Kill | Disturb


@frozen
class Event:
    """Something that happens, so many seconds after the beginning."""

    at: float
    action: Action


@frozen
class Plan:
    """All of it: peers are pairs of relays of which the first dials the second, skews are seconds of wall clocks.

    With ``discovery`` relays also dial those that others know.
    """

    seed: int
    relays: int
    peers: tuple[tuple[int, int], ...]
    skews: tuple[float, ...]
    discovery: bool
    events: tuple[Event, ...]

    @property
    def passing(self) -> frozenset[str]:
        """The names under which some message lives shortly."""
        sent = [event.action for event in self.events if isinstance(event.action, Send)]
        return frozenset(action.message_id for action in sent if action.ttl < LONG)


def plan_for(seed: int, relays: int | None = None) -> Plan:
    """The plan of a seed, with a given number of relays or one that the seed decides."""
    source = random.Random(seed)
    count = relays or source.choice(SIZES)
    peers = tuple(_peers(source, count))
    skews = [round(source.uniform(-SKEW, SKEW), 3) for _ in range(count)]
    if source.random() < 0.15:
        skews[source.randrange(count)] = source.choice((-1, 1)) * source.uniform(*BEYOND)
    events = sorted([*_messages(source, count), *_troubles(source, count)], key=lambda event: event.at)
    return Plan(seed, count, peers, tuple(skews), source.random() < 0.5, tuple(events))


def _peers(source: random.Random, count: int) -> Iterator[tuple[int, int]]:
    """A ring, so that one path cut leaves all connected, and chords; some pairs dial each other."""
    for one, other in combinations(range(count), 2):
        beside = other - one in (1, count - 1)
        if beside or source.random() < 0.4:
            pair = (one, other) if source.random() < 0.5 else (other, one)
            yield from (pair, pair[::-1]) if source.random() < 0.3 else (pair,)


def _messages(source: random.Random, count: int) -> Iterator[Event]:
    """Messages all the time, of which some share their name with an earlier one, some live shortly, some come twice."""
    names: list[str] = []
    for number in range(source.randint(25, 45)):
        at = source.uniform(3.0, TROUBLE)
        if names and source.random() < 0.15:
            yield Event(at, Again(source.randrange(count), source.randrange(1_000)))
            continue
        name = source.choice(names) if names and source.random() < 0.25 else f"message-{number}"
        names.append(name)
        ttl = source.randint(*SHORT) if source.random() < 0.15 else LONG
        by_user = source.random() < 0.6
        yield Event(at, Send(source.randrange(count), by_user, name, f"content-{number}", ttl))


def _troubles(source: random.Random, count: int) -> Iterator[Event]:
    kinds = [_part, _part, _cut, _cut, _slow, _crash, _crash, _crash, _kill, _disturb, _push_again]
    for _ in range(source.randint(5, 11)):
        yield Event(source.uniform(1.0, TROUBLE), source.choice(kinds)(source, count))


def _part(source: random.Random, count: int) -> Action:
    group = frozenset(source.sample(range(count), source.randint(1, count // 2)))
    return Part(group, source.uniform(*PARTED))


def _two(source: random.Random, count: int) -> tuple[int, int]:
    one, other = source.sample(range(count), 2)
    return one, other


def _cut(source: random.Random, count: int) -> Action:
    return Cut(*_two(source, count))


def _slow(source: random.Random, count: int) -> Action:
    rate = source.choice((500.0, 5_000.0, 1_000_000.0))
    return Slow(*_two(source, count), source.choice((0.2, 2.0, 8.0)), rate, source.uniform(*PARTED))


def _crash(source: random.Random, count: int) -> Action:
    left, after = source.choice((0, 0, 1, 2, 3, 5, 8)), source.random() < 0.5
    return Crash(source.randrange(count), left, after, source.uniform(*DOWN))


def _kill(source: random.Random, count: int) -> Action:
    return Kill(source.randrange(count), source.uniform(*DOWN))


def _disturb(source: random.Random, count: int) -> Action:
    return Disturb(source.randrange(count))


def _push_again(source: random.Random, count: int) -> Action:
    return PushAgain(source.randrange(count))
