"""From stored events to live ones: whenever a store answers and a client reads, each event comes once and none is missed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.nostr.event import Event
from sdkrelay.domain.nostr.filter import make_filter
from tests.support.nostr_relay import ALICE, BOB, CAROL, NostrRelay

NOW = 1_700_000_000
EVENTS = [
    person.event(kind, str(number), (("d", str(number)),), at=NOW - number % 7)
    for number in range(60)
    for person, kind in [((ALICE, BOB, CAROL)[number % 3], (1, 7, 30_023, 20_001)[number % 4])]
]
FILTERS: list[dict[str, Any]] = [
    {},
    {"kinds": [1, 7]},
    {"authors": [ALICE.pubkey, BOB.pubkey]},
    {"kinds": [20_001]},
    {"limit": 0},
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 4)),
        st.tuples(st.just("ask"), st.sampled_from("ab"), st.sampled_from(FILTERS)),
        st.tuples(st.just("close"), st.sampled_from("ab")),
        st.tuples(st.just("wait"), st.sampled_from((0.1, 0.3, 2.0))),
    ),
    min_size=6,
    max_size=24,
)
DELAYS = st.lists(st.sampled_from((0.0, 0.0, 0.1, 0.3, 1.0)), min_size=30, max_size=60)


class HandoverTests(SynchronousTestCase):
    """Random moments on driven time; the store is a file, whose readers see what is committed before it is told."""

    @settings(max_examples=40, deadline=None)
    @given(STEPS, DELAYS)
    @example([("publish", 2), ("ask", "a", {}), ("wait", 2.0)], [0.0] * 5 + [1.0])  # committed, not yet told
    @example([("publish", 2), ("ask", "a", {}), ("wait", 2.0)], [0.0] * 4 + [0.5, 0.0, 0.0, 1.0])  # told before found
    def test_each_event_once_and_none_missed(self, steps: list[tuple[Any, ...]], delays: list[float]) -> None:
        """For every subscription that stands at the end: what was accepted since it was opened, and all that was before."""
        with TemporaryDirectory() as folder:
            play = Play(Path(folder), chain(delays, repeat(0.0)))
            for step in steps:
                play.do(*step)
            play.finish()
            for name, (members, since) in play.asked.items():
                told = play.told(name)
                self.assertEqual(len(told), len(set(told)), "nothing twice")
                self.assertLessEqual(play.due(members, since), set(told))
                self.assertLessEqual(set(told), play.due(members, 0))


class Play:
    """A publisher and a listener."""

    def __init__(self, folder: Path, delays: Iterator[float]) -> None:
        database = f"sqlite:///{folder}/events.sqlite"
        rates = {"events_per_minute": 10_000, "key_events_per_minute": 10_000}
        self.relay = NostrRelay(delays=delays, database=database, **rates)
        self.author, self.listener = self.relay.visitor("203.0.113.9"), self.relay.visitor()
        self.left = list(EVENTS)
        self.sent: list[Event] = []
        self.asked: dict[str, tuple[dict[str, Any], int]] = {}
        self.frames: list[Any] = []
        self.marks: dict[str, int] = {}

    def do(self, what: str, *rest: Any) -> None:
        """One step."""
        {"publish": self.publish, "ask": self.ask, "close": self.close, "wait": self.relay.time.advance}[what](*rest)
        self.frames += self.listener.heard()

    def publish(self, count: int) -> None:
        """The next events."""
        for _ in range(min(count, len(self.left))):
            self.sent.append(event := self.left.pop())
            self.author.send("EVENT", event)

    def ask(self, name: str, members: dict[str, Any]) -> None:
        """A REQ; whatever came before it for this name does not count."""
        self.frames += self.listener.heard()
        self.asked[name], self.marks[name] = (members, len(self.sent)), len(self.frames)
        self.frames += self.listener.send("REQ", name, members)

    def close(self, name: str) -> None:
        """A CLOSE."""
        self.asked.pop(name, None)
        self.frames += self.listener.send("CLOSE", name)

    def finish(self) -> None:
        """Let everything come to its end."""
        for _ in range(60):
            self.relay.time.advance(1)
        self.frames += self.listener.heard()
        self.relay.close()
        for _ in range(10):
            self.relay.time.advance(1)

    def told(self, name: str) -> list[str]:
        """Ids told for a subscription since it was asked for."""
        return [frame[2]["id"] for frame in self.frames[self.marks[name] :] if frame[:2] == ["EVENT", name]]

    def due(self, members: dict[str, Any], since: int) -> set[str]:
        """What must have been told: all that matches; ephemeral ones, or with limit 0, only if sent afterwards."""
        wanted = make_filter({key: value for key, value in members.items() if key != "limit"})
        stored = [event for event in self.sent[:since] if event.kind != 20_001 and "limit" not in members]
        return {event.id for event in [*stored, *self.sent[since:]] if wanted.matches(event)}
