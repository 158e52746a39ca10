"""How fast Nostr events are stored and found, beside sqlite3 alone, and in a large store beside a small one.

Run ``python -m bench.events`` (``--quick`` for 20,000 events instead of 200,000, ``--events 1000000`` for a million, which takes
minutes). The corpus is made from a seed: notes, reactions, reposts, profiles, lists, articles and wraps of as many authors as
there are hundreds of events, some of them far busier than others; its fingerprint is printed. Each group of 500 is one
transaction that waits for the disk (``synchronous=FULL``). Signatures are not looked at here: that is the relay's bench.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from sdkrelay.domain.nostr.event import Event, Tag, canonical
from sdkrelay.domain.nostr.filter import make_filter
from sdkrelay.io.storage import InlineExecutor
from sdkrelay.io.storage.nostr import SqliteEventStore
from sdkrelay.io.world import SystemClock
from sdkrelay.ports.nostr import Query, Submission
from tests.support.stores import now

from .common import Report, say
from .timing import side_by_side

GROUP = 500
BEGIN = 1_700_000_000
#: Kinds and how many of a hundred events are of each.
KINDS = {1: 40, 7: 35, 6: 8, 0: 4, 3: 3, 30023: 2, 1059: 3, 9735: 5}
WORDS = (
    "quick",
    "brown",
    "fox",
    "over",
    "lazy",
    "dog",
    "relays",
    "carry",
    "notes",
    "of",
    "payments",
    "while",
    "wallets",
    "sleep",
)


class Corpus:
    """The same events for the same seed and size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._chance = random.Random(77)
        self.authors = [self._chance.randbytes(32).hex() for _ in range(max(size // 100, 10))]
        self.fingerprint = sha256()

    def groups(self) -> Iterator[list[Submission]]:
        """The events, 500 at a time."""
        notes = ["0" * 64]
        for start in range(0, self.size, GROUP):
            events = [self._event(start + number, notes) for number in range(GROUP)]
            notes += [event.id for event in events if event.kind == 1]
            self.fingerprint.update("".join(event.id for event in events).encode())
            yield [Submission(event) for event in events]

    def _event(self, number: int, notes: list[str]) -> Event:
        chance = self._chance
        (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
        author = self.authors[int(len(self.authors) * chance.random() ** 3)]
        content = " ".join(chance.choices(WORDS, k=chance.randint(3, 30))) if kind in (1, 30023) else "+"
        created_at, tags = BEGIN + 3 * number + chance.randrange(100), self._tags(kind, notes)
        digest = sha256(canonical(author, created_at, kind, tags, content)).hexdigest()
        return Event(digest, author, created_at, kind, tags, content, "0" * 128)

    def _tags(self, kind: int, notes: list[str]) -> tuple[Tag, ...]:
        chance = self._chance
        named: list[Tag] = []
        if kind in (1, 7, 6, 9735) and chance.random() < 0.7:
            named.append(("e", notes[int(len(notes) * chance.random() ** 0.3)]))
        if kind != 0:
            named.append(("p", chance.choice(self.authors)))
        if kind == 30023:
            named.append(("d", str(chance.random())))
        return (*named, ("t", chance.choice(WORDS)))


def filled(path: Path, corpus: Corpus) -> tuple[SqliteEventStore, float]:
    """A store with these events, and how many went in a second, making them not counted."""
    store, seconds = SqliteEventStore(path, InlineExecutor, SystemClock(), seconds=60), 0.0
    now(store.open())
    for group in corpus.groups():
        start = time.perf_counter()
        now(store.insert(group))
        seconds += time.perf_counter() - start
    return store, corpus.size / seconds


def questions(authors: list[str]) -> dict[str, dict[str, Any]]:
    """What clients usually ask."""
    return {
        "500 notes": {"kinds": [1], "limit": 500},
        "500 of one author": {"authors": authors[:1], "limit": 500},
        "a feed of 100 authors": {"authors": authors[:100], "kinds": [1, 6], "limit": 500},
        "mentions of a key": {"#p": authors[:1], "kinds": [1, 7, 9735], "limit": 500},
        "20 profiles": {"authors": authors[:20], "kinds": [0]},
    }


def asked(store: SqliteEventStore, members: dict[str, Any]) -> Callable[[], object]:
    """One question, to be asked again and again."""
    query = Query((make_filter(members),))
    return lambda: now(store.query(query))


def alone(path: Path) -> Callable[[], object]:
    """The newest 500 notes from SQLite, by the best index there is, with the same columns and nothing around it."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA mmap_size=1073741824")
    text = """SELECT id, created_at, expires_at, json FROM events
        WHERE kind = 1 ORDER BY created_at DESC, tie LIMIT 501"""
    return lambda: connection.execute(text).fetchall()


def compare(report: Report, folder: Path, size: int, rounds: int) -> None:
    """Print all figures of a store of that size."""
    little, large = Corpus(10_000), Corpus(size)
    small_store, _ = filled(folder / "small.db", little)
    large_store, rate = filled(folder / "large.db", large)
    say(f"corpus of {size} events, SHA-256 of their ids {large.fingerprint.hexdigest()[:16]}, synchronous=FULL")
    say(f"stored, of the whole corpus: {rate:.0f} events/s; {now(large_store.figures())}")
    plain = alone(folder / "large.db")
    for name, members in questions(large.authors).items():
        small = asked(small_store, {**members, **({"authors": little.authors[:100]} if "feed" in name else {})})
        variants = {"large": asked(large_store, members), "small": small, "alone": plain}
        spent = side_by_side(variants, rounds, time.perf_counter)
        say(f"{name}: {spent['large'] * 1000:.2f} ms")
        if name == "500 notes":
            report.goal(
                "against sqlite3 alone", f"{spent['large'] * 1000:.2f} ms", spent["large"] / spent["alone"], 1.5
            )
            report.goal(
                "against 10,000 events", f"{spent['large'] * 1000:.2f} ms", spent["large"] / spent["small"], 1.5
            )
    now(large_store.close())
    now(small_store.close())


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--events", type=int, default=200_000)
    options = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        compare(report, Path(folder), 20_000 if options.quick else options.events, 50 if options.quick else 200)
    report.end()


if __name__ == "__main__":
    main()
