"""Nostr events for tests: random ones, the real ones of others, and a plain list that keeps and finds events by the rules."""

from __future__ import annotations

import json
import os
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest import SkipTest

from attrs import define, field
from hypothesis import strategies as st

from sdkrelay.domain.nostr.event import Event, Tag, canonical
from sdkrelay.domain.nostr.filter import Filter, make_filter
from sdkrelay.ports.nostr import Outcome, Submission

from .source import ROOT

#: Authors of unsigned events; the second half of each stands for nothing.
AUTHORS = [bytes([number] * 32).hex() for number in (1, 2, 171)]
KINDS = (0, 1, 1, 1, 5, 7, 62, 1059, 10002, 30023)
WORDS = ("alpha", "Beta", "gamma ray", "été", "x_y", "")
TIMES = st.integers(0, 12)


def unsigned(
    kind: int = 1,
    created_at: int = 10,
    tags: tuple[Tag, ...] = (),
    content: str = "",
    author: str = AUTHORS[0],
) -> Event:
    """An event with a right id and no real signature, which stores do not look at."""
    event_id = sha256(canonical(author, created_at, kind, tags, content)).hexdigest()
    return Event(event_id, author, created_at, kind, tags, content, "0" * 128)


@cache
def real_events() -> tuple[dict[str, Any], ...]:
    """The real events among the vectors of others; SkipTest where they are absent."""
    folder = Path(os.environ.get("SDKRELAY_TEST_VECTORS", ROOT.parent / "shared" / "vectors")) / "nostr"
    if not folder.is_dir():
        raise SkipTest(f"no vectors at {folder}")
    return tuple(event for path in sorted(folder.glob("*.json")) for event in json.loads(path.read_bytes()))


def compact(value: Any) -> bytes:
    """JSON as most clients send it: no spaces, other characters than ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@st.composite
def event_lists(draw: st.DrawFn) -> list[Submission]:
    """Events that refer to each other, by id, key and address, some of them to others that come later."""
    events: list[Event] = []
    for _ in range(draw(st.integers(1, 25))):
        events.append(_event(draw, events))
    order = draw(st.permutations(events)) if draw(st.booleans()) else events
    return [Submission(event, event.kind == 62 and draw(st.booleans())) for event in order]


def _event(draw: st.DrawFn, earlier: list[Event]) -> Event:
    tags = draw(st.lists(_tags(earlier), max_size=3))
    if draw(st.integers(0, 9)) == 0:
        tags.append(("expiration", str(draw(TIMES))))
    return unsigned(
        draw(st.sampled_from(KINDS)),
        draw(TIMES),
        tuple(tags),
        draw(st.sampled_from(WORDS)),
        draw(st.sampled_from(AUTHORS)),
    )


def _tags(earlier: list[Event]) -> st.SearchStrategy[Tag]:
    ids = [event.id for event in earlier] or ["0" * 64]
    addresses = [f"{kind}:{author}:{name}" for kind in (0, 10002, 30023) for author in AUTHORS for name in ("", "x")]
    return st.one_of(
        st.tuples(st.just("e"), st.sampled_from(ids)),
        st.tuples(st.just("p"), st.sampled_from(AUTHORS)),
        st.tuples(st.just("a"), st.sampled_from(addresses)),
        st.tuples(st.sampled_from("dtT"), st.sampled_from(("", "x", "y" * 100))),
        st.tuples(st.sampled_from("dt")),
        st.just(()),
    )


@st.composite
def filter_members_of(draw: st.DrawFn, events: list[Event]) -> dict[str, Any]:
    """The members of a filter that is likely to match some of these events."""
    one_of = lambda values: st.lists(st.sampled_from(sorted(set(values))), max_size=3)  # noqa: E731
    members: dict[str, st.SearchStrategy[Any]] = {
        "ids": one_of(event.id for event in events),
        "authors": one_of(AUTHORS),
        "kinds": one_of(KINDS),
        "#e": one_of(event.id for event in events),
        "#p": one_of(AUTHORS),
        "#t": one_of(("", "x", "y" * 100)),
        "#d": one_of(("", "x", "z")),
        "since": TIMES,
        "until": TIMES,
        "limit": st.integers(0, 8),
        "search": st.sampled_from((*WORDS, "language:en alpha", "GAMMA", "ray ete")),
    }
    names = draw(st.lists(st.sampled_from(sorted(members)), unique=True, max_size=3))
    return {name: draw(members[name]) for name in names}


def made(members: list[dict[str, Any]]) -> tuple[Filter, ...]:
    """The filters of such members."""
    return tuple(make_filter(each) for each in members)


def matches_plainly(members: dict[str, Any], event: Event) -> bool:
    """NIP-01 said once more, as plainly as can be; ``search`` by whole words without case and accents."""
    for name, wanted in members.items():
        if name.startswith("#"):
            values = {tag[1] for tag in event.tags if len(tag) >= 2 and tag[0] == name[1:]}
            if not values & set(wanted):
                return False
    own = {"ids": event.id, "authors": event.pubkey, "kinds": event.kind}
    return (
        all(own[name] in members[name] for name in own if name in members)
        and members.get("since", 0) <= event.created_at <= members.get("until", 10**9)
        and _has_words(members.get("search", ""), event)
    )


def _has_words(search: str, event: Event) -> bool:
    fold = str.maketrans({"é": "e", "_": " "})
    asked = [word for word in search.lower().split() if ":" not in word]
    text = " ".join([event.content, *(tag[1] for tag in event.tags if len(tag) > 1 and tag[0] == "t")])
    return set(" ".join(asked).translate(fold).split()) <= set(text.lower().translate(fold).split())


@define
class PlainEvents:
    """A list of events under the rules of replacement, deletion and vanishing, looked through whole at every step."""

    kept: list[Event] = field(factory=list)
    deletions: list[Event] = field(factory=list)
    requests: list[Event] = field(factory=list)

    def insert(self, submission: Submission) -> Outcome:
        """What becomes of an event."""
        event = submission.event
        outcome = self._verdict(event)
        if outcome is not Outcome.STORED:
            return outcome
        self.kept = [
            *(other for other in self.kept if address(other) is None or address(other) != address(event)),
            event,
        ]
        if event.kind == 5:
            self.deletions.append(event)
        if submission.vanishes:
            self.requests.append(event)
        self.kept = [other for other in self.kept if not (self._deleted(other) or self._vanished(other))]
        return outcome

    def _verdict(self, event: Event) -> Outcome:
        if event in self.kept:
            return Outcome.DUPLICATE
        if self._deleted(event):
            return Outcome.DELETED
        if self._vanished(event):
            return Outcome.VANISHED
        rivals = [other for other in self.kept if address(event) is not None and address(other) == address(event)]
        order = lambda one: (-one.created_at, one.id)  # noqa: E731
        return Outcome.SUPERSEDED if any(order(other) < order(event) for other in rivals) else Outcome.STORED

    def _deleted(self, event: Event) -> bool:
        return event.kind not in (5, 62) and any(
            (("e", event.id) in pairs(one) and one.pubkey in owners(event))
            or (
                ("a", address(event)) in pairs(one)
                and one.pubkey == event.pubkey
                and event.created_at <= one.created_at
            )
            for one in self.deletions
        )

    def _vanished(self, event: Event) -> bool:
        return event.kind != 62 and any(
            one.pubkey in owners(event) and event.created_at <= one.created_at for one in self.requests
        )

    def found(self, members: dict[str, Any], readers: set[str], now: int) -> list[Event]:
        """What a filter finds for these readers, in the order of serving, its limit aside."""
        events = [
            event
            for event in self.kept
            if matches_plainly(members, event)
            and (event.kind != 1059 or any(("p", reader) in pairs(event) for reader in readers))
            and not any(tag[0] == "expiration" and int(tag[1]) <= now for tag in event.tags if tag)
        ]
        return sorted(events, key=lambda event: (-event.created_at, event.id))


def pairs(event: Event) -> list[tuple[str, str]]:
    """Names and first values of all tags."""
    return [(tag[0], tag[1]) for tag in event.tags if len(tag) > 1]


def owners(event: Event) -> set[str]:
    """Who may take it away: its author, and of a gift wrap those it is for."""
    wrapped = {value for name, value in pairs(event) if name == "p"} if event.kind == 1059 else set()
    return {event.pubkey} | wrapped


def address(event: Event) -> str | None:
    """The address of an event, as an ``a`` tag writes it; replaceable ones end in a colon."""
    if event.kind in (0, 3) or 10000 <= event.kind < 20000:
        return f"{event.kind}:{event.pubkey}:"
    if 30000 <= event.kind < 40000:
        first = next((tag[1:2] for tag in event.tags if tag and tag[0] == "d"), ())
        return f"{event.kind}:{event.pubkey}:{''.join(first)}"
    return None
