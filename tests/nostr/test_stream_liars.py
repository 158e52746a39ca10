"""A relay at the other end of a stream that does not behave: it is contained, and counted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.measure import NOSTR_OFFENCES
from tests.support.nostr_joined import Line, Wire, ids, stream
from tests.support.nostr_relay import ALICE, NostrRelay

Say = Callable[..., None]
#: A reconciliation's answer that all of it differs, and the beginning of one that lists ids.
DIFFERS, LISTS = "61000001" + "ab" * 16, "61000002"


class LiarCase(SynchronousTestCase):
    """A relay with a stream to something that answers by a function of the test."""

    def dial(self, answer: Callable[[list[Any], Say], None], direction: str = "both") -> Wire:
        """Dial something that answers each frame like this."""
        relay = self.relay = NostrRelay()
        self.addCleanup(relay.close)

        def heard(frame: bytes, hear: Callable[[bytes], None]) -> None:
            def say(*parts: Any) -> None:
                relay.time.reactor.callLater(0, hear, json.dumps(parts).encode())

            answer(json.loads(frame), say)

        self.line = Line(lambda: Wire(heard))
        made = stream(relay, direction)
        made.start(self.line)
        self.addCleanup(lambda: relay.time.tasks.start("stopping", made.stop()))
        self.settle()
        return self.line.wire

    def settle(self, seconds: float = 0) -> None:
        """Let time pass."""
        self.relay.time.advance(seconds)
        self.relay.time.settle(300)

    @property
    def offences(self) -> int:
        """How often the other side did what no relay does."""
        return self.relay.world.meter.total(NOSTR_OFFENCES)


def silent(frame: list[Any], say: Say) -> None:
    """Say nothing at all."""


class SilenceTests(LiarCase):
    """Time-outs."""

    def test_who_says_nothing_is_left(self) -> None:
        """No answer to a reconciliation leads to a plain question, and no answer to that to the end; nothing counts as answered."""
        wire = self.dial(silent)
        self.settle(16)
        self.assertEqual(wire.verbs().count("REQ"), 2)
        self.settle(31)
        self.assertEqual((wire.closed, self.line.greetings), ("it did not answer", 0))

    def test_an_event_without_an_ok_ends_it(self) -> None:
        """Who takes an event and never says what became of it is left."""

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] == "NEG-OPEN":
                say("NEG-MSG", frame[1], LISTS + "00")

        wire = self.dial(answer)
        event = ALICE.event()
        self.relay.visitor().send("EVENT", event)
        self.settle(31)
        self.assertEqual((wire.sent[-1][0], wire.closed), ("EVENT", "it did not answer"))

    def test_refusals_and_notices_are_no_greeting(self) -> None:
        """A relay that accepts connections and refuses all it is asked is dialled less and less often."""

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] == "REQ":
                say("CLOSED", frame[1], "restricted: no")
            if frame[0] == "NEG-OPEN":
                say("NOTICE", "unknown message")

        wire = self.dial(answer)
        self.assertEqual((wire.closed, self.line.greetings), ("restricted: no", 0))

    def test_a_trickle_ends_too(self) -> None:
        """Events for ever and no EOSE: after ten minutes in all it is enough."""
        numbers = itertools.count()

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] == "NEG-OPEN":
                say("NEG-ERR", frame[1], "unsupported: no")
            if frame[0] == "REQ" and "limit" not in frame[2]:
                self.name, self.say = frame[1], say

        wire = self.dial(answer, "down")
        for _ in range(25):
            self.say("EVENT", self.name, json.loads(ALICE.event(content=f"{next(numbers)}").encoded()))
            self.settle(25)
        self.assertEqual(wire.closed, "it did not answer")


class LieTests(LiarCase):
    """What nobody says."""

    def test_garbage_ends_it(self) -> None:
        """Too much of it, and the conversation is over."""
        wire = self.dial(silent)
        for _ in range(60):
            wire.hear(b"\xff[")
        self.assertEqual((wire.closed, self.offences), ("too often what no relay says", 50))

    def test_events_that_nobody_asked_for_are_not_taken(self) -> None:
        """Neither under a name that was never used, nor beside the filter."""

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] == "NEG-OPEN":
                say("NEG-MSG", frame[1], LISTS + "01" + "cd" * 32)
                say("EVENT", "99", json.loads(ALICE.event().encoded()))
            if frame[0] == "REQ" and "ids" in frame[2]:
                say("EVENT", frame[1], json.loads(ALICE.event(content="another").encoded()))
                say("EOSE", frame[1])

        self.dial(answer)
        self.assertEqual((ids(self.relay), self.offences), (set(), 3))

    def test_forged_events_are_not_stored(self) -> None:
        """A signature that does not verify is an offence, and the id is not asked for again."""
        forged = replace(ALICE.event(content="forged"), sig="ab" * 64)

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] == "NEG-OPEN":
                say("NEG-MSG", frame[1], LISTS + "01" + forged.id)
            if frame[0] == "REQ" and "ids" in frame[2]:
                say("EVENT", frame[1], json.loads(forged.encoded()))
                say("EOSE", frame[1])

        wire = self.dial(answer)
        asked = wire.verbs().count("REQ")
        self.settle(301)
        self.assertEqual((ids(self.relay), self.offences, wire.verbs().count("REQ")), (set(), 1, asked))

    def test_rounds_that_lead_nowhere_end_it(self) -> None:
        """Who always differs and never says in what is left."""

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] in ("NEG-OPEN", "NEG-MSG"):
                say("NEG-MSG", frame[1], DIFFERS)

        wire = self.dial(answer)
        self.assertEqual(wire.closed, "frames that lead nowhere")

    def test_ids_without_end_end_it(self) -> None:
        """New ids of events it does not have at each comparison: that stops, too."""
        numbers = itertools.count()

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] in ("NEG-OPEN", "NEG-MSG"):
                made = "".join(sha256(bytes([number % 256, number >> 8 & 255, number >> 16])).hexdigest()
                               for number in itertools.islice(numbers, 2_000))  # fmt: skip
                say("NEG-MSG", frame[1], LISTS + "8f50" + made)
            if frame[0] == "REQ" and "ids" in frame[2]:
                say("EOSE", frame[1])

        wire = self.dial(answer, "down")
        for _ in range(5):
            self.settle(301)
        self.assertEqual(wire.closed, "too often ids of events it does not have")

    def test_more_events_than_asked_for_end_it(self) -> None:
        """A page has a bound."""

        def answer(frame: list[Any], say: Say) -> None:
            if frame[0] == "NEG-OPEN":
                say("NEG-MSG", frame[1], LISTS + "01" + ALICE.event().id)
            if frame[0] == "REQ" and "ids" in frame[2]:
                say("EVENT", frame[1], json.loads(ALICE.event().encoded()))
                say("EVENT", frame[1], json.loads(ALICE.event().encoded()))

        self.assertEqual(self.dial(answer).closed, "more events than were asked for")

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.binary(max_size=60) | st.sampled_from((
        b'["OK","x",true,""]', b'["EOSE","1"]', b'["EOSE","2"]', b'["NEG-MSG","2","61"]', b'["NEG-MSG","2","zz"]',
        b'["NEG-ERR","2",7]', b'["AUTH",""]', b'["AUTH","again"]', b'["CLOSED","1",""]', b'["COUNT","1",{"count":1}]',
        b'["EVENT","1",{}]', b'["NOTICE",1]', b'["NOTICE","x"]', b"[" * 5_000,
    )), max_size=20))  # fmt: skip
    def test_nothing_breaks_it(self, frames: list[bytes]) -> None:
        """Whatever is said in whatever order, nothing fails and nothing is stored."""
        wire = self.dial(silent)
        for frame in frames:
            wire.hear(frame)
            self.relay.time.settle(3)
        self.settle(700)
        self.assertEqual((ids(self.relay), self.flushLoggedErrors()), (set(), []))
