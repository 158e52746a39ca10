"""How this Nostr relay compares with two of PyPI, nostr-sdk's LocalRelay (Rust, in memory) and nostr-relay (SQLite).

Run ``python -m bench.nostr`` (``--quick`` for fewer events and rounds). Each relay is a process of its own with an empty store;
they take turns in each round, and medians of the rounds are printed. One client of raw sockets speaks to all of them, its
frames made beforehand: 4 connections with 64 events on their way each for ingest, 100 connections for the fan-out. The corpus
is signed with keys made from a seed, its fingerprint is printed. Client and relay share the processors: run it on a quiet
machine. What 500 results and a million stored events cost is measured by ``bench.events``.
"""

from __future__ import annotations

import json
import random
import selectors
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median

from attrs import frozen

from sdkrelay.domain.nostr.event import Event
from sdkrelay.domain.nostr.signing import sign_event

from .common import Report, is_quick, say
from .nostr_kit import Ours, Peer, Wire, all_read, local_relay, nostr_relay, processors, worked

CONNECTIONS, WINDOW, LISTENERS, AUTHORS = 4, 64, 100, 50
INGEST, WORK, REQUESTS, BURST, SINGLE, QUERYABLE, RESULTS = (
    "ingest", "CPU time of that", "REQ", "burst fan-out", "one event to all", "receipt to queryable", "500 results"
)  # fmt: skip


@frozen
class Size:
    """How much of everything."""

    events: int
    requests: int
    burst: int
    single: int
    rounds: int


FULL, QUICK = Size(5_000, 40, 200, 10, 5), Size(2_000, 20, 50, 5, 3)


class Corpus:
    """Signed notes, the same for the same seed but for the second in which they are made: old ones are refused by some."""

    def __init__(self) -> None:
        self._chance = random.Random(45)
        self._secrets = [self._chance.randbytes(32) for _ in range(AUTHORS)]
        self._number, self.began = 0, int(time.time()) - 600
        self.fingerprint = sha256()

    def next(self, count: int, mark: str = "all") -> list[Event]:
        """So many events that have not been before; the mark is the value of their tag."""
        return [self._event(mark) for _ in range(count)]

    def _event(self, mark: str) -> Event:
        chance, self._number = self._chance, self._number + 1
        content = " ".join(chance.choices(("wallets", "sleep", "while", "relays", "listen"), k=chance.randint(5, 40)))
        self.fingerprint.update(content.encode())
        tags = (("t", mark), ("p", chance.randbytes(32).hex()), ("e", chance.randbytes(32).hex()))
        at = self.began + self._number // 100
        return sign_event(
            chance.choice(self._secrets),
            bytes(32),
            kind=1,
            created_at=at,
            content=f"{self._number} {content}",
            tags=tags,
        )


def offered(event: Event) -> bytes:
    """The message that publishes it."""
    return b'["EVENT",' + event.encoded() + b"]"


def asked(name: str, **wanted: object) -> bytes:
    """The message that asks for stored events, and then for new ones."""
    return json.dumps(["REQ", name, {key.replace("tag_", "#"): value for key, value in wanted.items()}]).encode()


def ingest(peer: Peer, events: Sequence[Event]) -> float:
    """Events a second, from the first that is sent to the last OK."""
    messages = deque(offered(event) for event in events)
    wires = [Wire(peer.port) for _ in range(CONNECTIONS)]
    start, left = time.perf_counter(), len(messages)
    with selectors.DefaultSelector() as selector:
        for wire in wires:
            selector.register(wire.socket, selectors.EVENT_READ, wire)
            wire.say(*(messages.popleft() for _ in range(WINDOW)))
        while left:
            for key, _ in selector.select():
                done = sum(accepted(message) for message in key.data.read())
                left -= done
                key.data.say(*(messages.popleft() for _ in range(min(done, len(messages)))))
    return len(events) / (time.perf_counter() - start)


def accepted(message: bytes) -> bool:
    """Whether it is an OK; one that is no yes ends the bench."""
    if not message.startswith(b'["OK"'):
        return False
    assert json.loads(message)[2] is True, message
    return True


def requests(peer: Peer, events: Sequence[Event], count: int) -> float:
    """REQs a second, one after the other, of ten events of an author each."""
    with_close = Wire(peer.port)
    authors = sorted({event.pubkey for event in events})
    start = time.perf_counter()
    for number in range(count):
        with_close.say(asked("r", authors=[authors[number % len(authors)]], limit=10))
        with_close.until(b'["EOSE"')
        with_close.say(b'["CLOSE","r"]')
    return count / (time.perf_counter() - start)


def results(peer: Peer, count: int) -> float:
    """Milliseconds from a REQ to the EOSE after 500 events."""
    wire, spent = Wire(peer.port), []
    for _ in range(count):
        start = time.perf_counter()
        wire.say(asked("r", kinds=[1], limit=500))
        found = wire.until(b'["EOSE"')
        spent.append(1000 * (time.perf_counter() - start))
        assert sum(message.startswith(b'["EVENT"') for message in found) == 500, "500 events are stored"
        wire.say(b'["CLOSE","r"]')
    return median(spent)


def listeners(peer: Peer, mark: str) -> list[Wire]:
    """Clients that have heard their EOSE and wait for events of this mark."""
    wires = [Wire(peer.port) for _ in range(LISTENERS)]
    for wire in wires:
        wire.say(asked("live", tag_t=[mark]))
    for wire in wires:
        wire.until(b'["EOSE"')
    return wires


def burst(peer: Peer, events: Sequence[Event], mark: str) -> float:
    """Events a second that reach the hundred, all published at once."""
    wires, publisher = listeners(peer, mark), Wire(peer.port)
    messages = [offered(event) for event in events]
    start = time.perf_counter()
    publisher.say(*messages)
    spent = all_read(wires, b'["EVENT"', len(events)) - start
    publisher.until(b'["OK"', len(events))
    close([*wires, publisher])
    return LISTENERS * len(events) / spent


def single(peer: Peer, events: Sequence[Event], mark: str) -> float:
    """Milliseconds from an event's being sent to the last of a hundred idle clients' having it."""
    wires, publisher, spent = listeners(peer, mark), Wire(peer.port), []
    for event in events:
        start = time.perf_counter()
        publisher.say(offered(event))
        spent.append(1000 * (all_read(wires, b'["EVENT"', 1) - start))
        publisher.until(b'["OK"')
        time.sleep(0.02)
    close([*wires, publisher])
    return median(spent)


def queryable(peer: Peer, events: Sequence[Event]) -> float:
    """Milliseconds from an event's being sent to its being found by another client that asks again and again."""
    publisher, reader, spent = Wire(peer.port), Wire(peer.port), []
    for event in events:
        question = asked("q", ids=[event.id], limit=1)
        start = time.perf_counter()
        publisher.say(offered(event))
        found: list[bytes] = []
        while not any(message.startswith(b'["EVENT"') for message in found):
            reader.say(question)
            found = reader.until(b'["EOSE"')
            reader.say(b'["CLOSE","q"]')
        spent.append(1000 * (time.perf_counter() - start))
        publisher.until(b'["OK"')
    return median(spent)


def close(wires: Sequence[Wire]) -> None:
    """End connections."""
    for wire in wires:
        wire.socket.close()


def turn(peer: Peer, corpus: Corpus, size: Size, number: int) -> dict[str, float]:
    """All figures of one relay in one round."""
    events, mark, before = corpus.next(size.events), f"{peer.name} {number}", worked(peer.pid)
    return {
        INGEST: ingest(peer, events),
        WORK: 1e6 * (worked(peer.pid) - before) / len(events),
        REQUESTS: requests(peer, events, size.requests),
        RESULTS: results(peer, 5),
        BURST: burst(peer, corpus.next(size.burst, mark), mark),
        SINGLE: single(peer, corpus.next(size.single, f"{mark} single"), f"{mark} single"),
        QUERYABLE: queryable(peer, corpus.next(size.single)),
    }


def tell(peers: Sequence[Peer], figures: dict[str, list[dict[str, float]]]) -> None:
    """Print all medians, and those with a goal beside it."""
    medians = {name: {key: median(each[key] for each in found) for key in found[0]} for name, found in figures.items()}
    for peer in peers:
        say(
            f"{peer.name} ({peer.durability}): "
            + ", ".join(f"{k} {v:.1f}{unit(k)}" for k, v in medians[peer.name].items())
        )
    mine, theirs, report = medians[Ours.name], medians["LocalRelay"], Report()
    for key, goal in ((INGEST, 0.9), (REQUESTS, 20.0), (BURST, 1.5)):
        report.goal(f"{key} against LocalRelay", f"{mine[key]:.0f}/s", mine[key] / theirs[key], goal, at_least=True)
    for key, most in ((SINGLE, 5.0), (QUERYABLE, 10.0)):
        report.goal(key, f"{mine[key]:.2f} ms of {most:g} ms", mine[key] / most, 1)
    report.end()


def unit(key: str) -> str:
    """What a figure counts."""
    return " µs an event" if key == WORK else " ms" if key in (SINGLE, QUERYABLE, RESULTS) else "/s"


def compare(makers: Sequence[Callable[[Path], Peer]], folder: Path, size: Size) -> None:
    """All relays in turn."""
    peers, corpus = [maker(folder) for maker in makers], Corpus()
    figures: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
    try:
        for number in range(size.rounds):
            for peer in peers:
                figures[peer.name].append(turn(peer, corpus, size, number))
        say(f"{size.events} events a round, {size.rounds} rounds, {processors()} processors; SHA-256 of all contents "
            f"{corpus.fingerprint.hexdigest()[:16]}")  # fmt: skip
        tell(peers, figures)
    finally:
        for peer in peers:
            peer.end()


def main() -> None:
    """Print all figures."""
    size = QUICK if is_quick(__doc__) else FULL
    with tempfile.TemporaryDirectory() as folder:
        compare((Ours, local_relay, nostr_relay), Path(folder), size)


if __name__ == "__main__":
    main()
