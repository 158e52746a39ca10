"""What a session is subscribed to, and how its subscriptions are named to the client.

``notifications`` stands for three topics; clients find in every answer the names they used, as far as these still hold.
"""

from __future__ import annotations

from collections.abc import Iterable

from .notification import Topic

#: What ``notifications`` stands for.
ALL = frozenset({Topic.PAYMENTS, Topic.BLOCKS, Topic.RELAYS})

_CAPABILITIES = {
    "notifications": frozenset({Topic.NOTIFICATIONS}),
    "silent_payments": frozenset({Topic.PAYMENTS, Topic.BLOCKS}),
    "health": frozenset({Topic.HEALTH}),
    "metrics": frozenset({Topic.METRICS}),
    "sync": frozenset({Topic.SYNC}),
    "relay_sync": frozenset({Topic.SYNC}),
}


def expand(names: Iterable[Topic]) -> frozenset[Topic]:
    """The single topics that these names stand for."""
    return frozenset(topic for name in names for topic in (ALL if name is Topic.NOTIFICATIONS else (name,)))


def known(names: Iterable[str]) -> frozenset[Topic]:
    """The topics among these words; words this relay does not know are left out."""
    return frozenset(Topic(name) for name in names if name in Topic.__members__.values())


def of_capabilities(capabilities: Iterable[str]) -> frozenset[Topic]:
    """The first subscriptions that a handshake's ``capabilities`` ask for; unknown ones ask for nothing."""
    return frozenset(topic for word in capabilities for topic in _CAPABILITIES.get(word, ()))


def without(names: frozenset[Topic], removed: Iterable[Topic]) -> frozenset[Topic]:
    """The names left when some are taken away: a group that is no longer whole is replaced by its remaining topics."""
    left = expand(names) - expand(removed)
    whole = frozenset(name for name in names if expand((name,)) <= left)
    return whole | (left - expand(whole))


def listed(names: Iterable[Topic]) -> tuple[str, ...]:
    """The names as an answer lists them, in the order of :class:`Topic`."""
    chosen = frozenset(names)
    return tuple(topic.value for topic in Topic if topic in chosen)
