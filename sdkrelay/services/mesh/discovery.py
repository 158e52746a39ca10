"""Finds relays through relays: whoever is linked is asked whom it knows, and nobody is believed before he was dialled.

What is taken is bounded three times: by a bucket of tokens, by how many may be known through others, and by the links there are
left. An address that was never reached in so many attempts goes, and makes room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from ...domain.peer import Peer, normalised, peer_id
from ...domain.problem import Problem
from ...messages.mesh.answers import DiscoveryAnswer
from ...messages.native.relays import Discovery as Question
from ...ports import Clock, Task, Tasks, Unavailable
from .link import Link, Links

#: Seconds between two questions to one relay, and to its answer.
ASK_SECONDS, ANSWER_SECONDS = 300.0, 30.0
#: Addresses a second that are taken, and how many at once.
RATE, BURST = 0.1, 1_000.0
#: An address is dropped after so many attempts in vain.
ATTEMPTS = 8


@frozen
class Known:
    """``at`` says whether an address is known already, ``most`` how many may be known through others (0: nobody is asked)."""

    relay_id: str
    at: Callable[[str], bool]
    most: Callable[[], int]
    changed: Callable[[], None]


class Discovery:
    """The relays that are known through others, by the id of their address."""

    def __init__(self, known: Known, links: Links, tasks: Tasks, clock: Clock) -> None:
        self._known = known
        self._tasks = tasks
        self._clock = clock
        self._found: dict[str, Peer] = {}
        self._running: dict[Link, Task] = {}
        self._left, self._seen = BURST, clock.monotonic()
        links.subscribe(self._up, self._down)

    @property
    def found(self) -> tuple[Peer, ...]:
        """All of them, in the order of finding."""
        return tuple(self._found.values())

    def missed(self, name: str, attempts: int) -> None:
        """A relay was dialled in vain so often."""
        if attempts >= ATTEMPTS and self._found.pop(name, None) is not None:
            self._known.changed()

    def forget(self, name: str) -> None:
        """The operator has removed it, or named it."""
        self._found.pop(name, None)

    def take(self, addresses: Iterable[str]) -> int:
        """Know these from now on, as far as there is room; how many of them were no addresses."""
        wrong, before = 0, len(self._found)
        for text in addresses:
            try:
                self._take(normalised(text))
            except ValueError:
                wrong += 1
        if len(self._found) != before:
            self._known.changed()
        return wrong

    def _take(self, address: str) -> None:
        name = peer_id(address)
        full = len(self._found) >= self._known.most()
        if not (full or name in self._found or self._known.at(address)) and self._spend():
            self._found[name] = Peer(id=name, address=address, description="", added_at=int(self._clock.now()))

    def _spend(self) -> bool:
        now = self._clock.monotonic()
        self._left, self._seen = min(BURST, self._left + (now - self._seen) * RATE), now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _up(self, link: Link) -> None:
        if self._known.most():
            self._running[link] = self._tasks.start(f"discovery through {link.relay_id}", self._ask(link))

    def _down(self, link: Link) -> None:
        task = self._running.pop(link, None)
        if task is not None:
            task.cancel()

    async def _ask(self, link: Link) -> None:
        if link.address is not None:
            self.take([link.address])
        while not link.ended:
            try:
                answer = await link.ask(Question(relay_id=self._known.relay_id), ANSWER_SECONDS)
            except (Problem, Unavailable):
                answer = None
            described = answer.relays if isinstance(answer, DiscoveryAnswer) else ()
            others = [relay.address for relay in described if relay.id != self._known.relay_id]
            if self.take(others):
                link.blame("names addresses that are none")
            await self._tasks.sleep(ASK_SECONDS)
