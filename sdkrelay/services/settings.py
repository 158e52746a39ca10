"""The settings while the relay runs: one value that everybody reads, and who must hear when it changes.

Whoever can take a key at once says so by subscribing to it; a change of any other key waits for a restart, and the answer to
the change says that. So nothing claims to be live that nobody applies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen
from twisted.logger import Logger

from ..config.model import Config
from ..config.sources import values

log = Logger()

Apply = Callable[[Config], None]


@frozen
class Subscriber:
    """Who takes which keys; a section's name stands for all its keys."""

    keys: frozenset[str]
    apply: Apply

    def takes(self, key: str) -> bool:
        """Whether this key is one of them."""
        return key in self.keys or key.partition(".")[0] in self.keys


class Live:
    """The configuration in force."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._subscribers: list[Subscriber] = []

    @property
    def config(self) -> Config:
        """All settings as they are now; what waits for a restart is in it already."""
        return self._config

    def subscribe(self, keys: Iterable[str], apply: Apply) -> None:
        """Call ``apply`` with the whole configuration whenever one of these keys or sections changes; it must not fail."""
        self._subscribers.append(Subscriber(frozenset(keys), apply))

    def reads(self, keys: Iterable[str]) -> None:
        """Say that these keys are read from :attr:`config` each time they are needed."""
        self.subscribe(keys, lambda config: None)

    def is_live(self, key: str) -> bool:
        """Whether a change of this key is taken at once."""
        return any(subscriber.takes(key) for subscriber in self._subscribers)

    def change(self, config: Config) -> bool:
        """Put another configuration in force; whether something of it waits for a restart."""
        before, self._config = values(self._config), config
        after = values(config)
        changed = [key for key in after if after[key] != before[key]]
        for subscriber in self._subscribers:
            if any(subscriber.takes(key) for key in changed):
                self._tell(subscriber)
        return not all(self.is_live(key) for key in changed)

    def _tell(self, subscriber: Subscriber) -> None:
        try:
            subscriber.apply(self._config)
        except Exception:
            log.failure("a change of {keys} could not be applied", keys=sorted(subscriber.keys))
