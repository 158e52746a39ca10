"""What must hold when all is healed and has had time to agree; each check yields sentences about what does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import Any

from .client import Acknowledged, Follower, Told
from .member import AUTHOR, Kept, Member
from .plan import SKEW
from .simulation import EXPIRING, Simulation

#: Where the client is that asks at the end.
AUDITOR = "10.3.0.1"
#: Seconds in which a new client has heard all that ever was.
HEARING = 5.0
#: Seconds after which a record that has expired is gone: the sweep's period and the clocks' difference.
GONE = 200.0
#: Timers and connections a relay has at most when nothing happens.
TIMERS, CONNECTIONS = 100, 40
#: Answers that a relay may wait for on one link.
QUESTIONS = 10


def broken(simulation: Simulation) -> list[str]:
    """All that does not hold; the simulation has run."""
    live = simulation.live(EXPIRING)
    checks = [
        _failures(simulation), _same_sets(live), _promises(simulation, live), _gone(simulation),
        _winners(simulation), _heard_once(simulation), _told_once(simulation.followers), _bounded(simulation),
    ]  # fmt: skip
    return [sentence for check in checks for sentence in check]


def winner(records: Iterable[Kept]) -> Kept:
    """The record that counts under a name, by the rule as the design has it, written down a second time."""
    ordered = sorted(records, key=lambda kept: (kept.hlc, kept.record_id))
    return [kept for kept in ordered if kept.author == ordered[0].author][-1]


def winners(records: Iterable[Kept]) -> dict[str, Kept]:
    """The record that counts under each name."""
    ordered = sorted(records, key=lambda kept: kept.message_id)
    return {name: winner(group) for name, group in groupby(ordered, key=lambda kept: kept.message_id)}


def _failures(simulation: Simulation) -> Iterator[str]:
    yield from (f"logged: {failure}" for failure in simulation.failures)
    yield from (f"a sender was refused: {code}" for code in simulation.tally.refused)
    for follower in simulation.followers:
        yield from (f"a follower was told {message}" for message in follower.strange)


def _same_sets(live: list[dict[bytes, Kept]]) -> Iterator[str]:
    everything = {name: kept for held in live for name, kept in held.items()}
    for number, held in enumerate(live):
        for name in everything.keys() - held.keys():
            yield f"relay {number} lacks {everything[name]}"


def _promises(simulation: Simulation, live: list[dict[bytes, Kept]]) -> Iterator[str]:
    latest = simulation.latest + EXPIRING
    for one in simulation.tally.acknowledged:
        for number, held in enumerate(live):
            if one.expires_at > latest and not any(_keeps(kept, one) for kept in held.values()):
                yield f"relay {number} lacks what was acknowledged: {one}"


def _keeps(kept: Kept, one: Acknowledged) -> bool:
    said = (kept.message_id, kept.text, kept.expires_at)
    return said == (one.message_id, one.content, one.expires_at)


def _gone(simulation: Simulation) -> Iterator[str]:
    for member in simulation.members:
        old = [kept for kept in member.records() if kept.expires_at < member.clock.now() - GONE]
        yield from (f"relay {member.number} keeps what has expired: {kept}" for kept in old)


def _winners(simulation: Simulation) -> Iterator[str]:
    """Each relay tells who asks for all exactly what counts; what was known to be overwritten does not."""
    auditors = [Follower(simulation.network, AUDITOR, member.address) for member in simulation.members]
    before = [_dying(simulation, member) for member in simulation.members]
    simulation.run_until(simulation.clock.seconds() + HEARING)
    for member, auditor, dying in zip(simulation.members, auditors, before, strict=True):
        counting = winners(kept for kept in _certain(simulation, member) if kept.message_id not in dying)
        heard = [one for one in auditor.told if one.message_id not in dying]
        told = Counter((one.message_id, one.content, one.expires_at) for one in heard)
        expected = Counter((kept.message_id, kept.text, kept.expires_at) for kept in counting.values())
        for one in (told - expected).keys() | (expected - told).keys():
            yield f"relay {member.number} tells {told[one]} times {one}, {counting.get(one[0])} counts"
        yield from _overwritten(simulation, counting)
        auditor.end()


def _dying(simulation: Simulation, member: Member) -> set[str]:
    """The names under which something has expired, or is about to, and may not be gone yet."""
    return {kept.message_id for kept in member.records() if kept.expires_at <= simulation.latest + EXPIRING}


def _certain(simulation: Simulation, member: Member) -> list[Kept]:
    """What a relay keeps under all other names."""
    dying = _dying(simulation, member)
    return [kept for kept in member.records() if kept.message_id not in dying]


def _overwritten(simulation: Simulation, counting: dict[str, Kept]) -> Iterator[str]:
    """Who left another content after the relay had told his former one meant to replace it, for as long as both live."""
    again: set[tuple[str, str]] = set()
    for one in reversed(simulation.tally.acknowledged):
        again.add((one.message_id, one.content))
        kept = counting.get(one.message_id)
        if kept is None or not one.by_user or kept.author != USER or one.expires_at <= simulation.latest:
            continue
        known = {(told.content, told.expires_at) for told in one.known}
        if (kept.text, kept.expires_at) in known and (kept.message_id, kept.text) not in again:
            yield f"{kept} counts, though its author had it overwritten by {one}"


#: The author of what the user leaves.
USER = f"user:{AUTHOR}"


def _heard_once(simulation: Simulation) -> Iterator[str]:
    for member, follower in zip(simulation.members, simulation.followers, strict=True):
        records = member.records()
        authors = {name: {kept.author for kept in group} for name, group in _by_name(records).items()}
        passing = simulation.plan.passing
        told = _by_message(follower.told)
        for name, kept in winners(_certain(simulation, member)).items():
            contents = [one.content for one in told.get(name, [])]
            if contents[-1:] != [kept.text]:
                yield f"who follows relay {member.number} heard {contents} of {name}, {kept} counts"
        for name, heard in told.items():
            if name not in passing and len(authors.get(name, ())) < 2:
                yield from (f"who follows relay {member.number} heard {one} again" for one in _repeated(heard))


def _repeated(heard: list[Told]) -> Iterator[Told]:
    """What was told although the one told before it said the same, and still counted on every clock."""
    for before, one in pairwise(heard):
        if before == one or (before.content == one.content and before.expires_at > one.made_at + 2 * SKEW):
            yield one


def _by_name(records: Iterable[Kept]) -> dict[str, list[Kept]]:
    grouped: dict[str, list[Kept]] = {}
    for kept in records:
        grouped.setdefault(kept.message_id, []).append(kept)
    return grouped


def _by_message(told: Iterable[Told]) -> dict[str, list[Told]]:
    grouped: dict[str, list[Told]] = {}
    for one in told:
        grouped.setdefault(one.message_id, []).append(one)
    return grouped


def _told_once(followers: Iterable[Follower]) -> Iterator[str]:
    for number, follower in enumerate(followers):
        for pair, times in follower.conflicts.items():
            if times > 1:
                yield f"relay {number} told {times} times of the conflict {pair}"


def _bounded(simulation: Simulation) -> Iterator[str]:
    """Nothing is left of all the trouble: few timers and connections, and no memory of links that are no more."""
    count = len(simulation.members)
    timers, ends = len(simulation.clock.getDelayedCalls()), len(simulation.network.ends)
    if timers > TIMERS * count or ends > CONNECTIONS * count:
        yield f"{timers} timers and {ends} ends of connections for {count} relays"
    for member in simulation.members:
        yield from (f"relay {member.number} {what}" for what in _left_over(member.relay._parts.relations))


def _left_over(relations: Any) -> Iterator[str]:
    """What the mesh of one relay remembers of links that are no more, or of records that are not on their way."""
    links, sharing = set(relations.mesh.links.all()), relations.sharing
    for link in links:
        if len(link._asked) > QUESTIONS:
            yield f"waits for {len(link._asked)} answers of {link.relay_id}"
    for name, known in (("gossip", sharing.gossip._peers), ("repair", sharing.repair._running)):
        if set(known) - links:
            yield f"remembers {len(set(known) - links)} links that are no more: {name}"
    waiting = sum(len(peer.waiting) for peer in sharing.gossip._peers.values())
    if waiting or sharing.gossip._arriving:
        yield f"has {waiting} records to push and {len(sharing.gossip._arriving)} arriving though nothing happens"
