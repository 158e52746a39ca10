"""Whatever is sent, only messages of the protocol come back, and the conversation goes on."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.messages.nostr.relay import Notice, parse_relay
from tests.support.nostr_relay import ALICE, BOB, NostrRelay, Visitor

VERBS = ("EVENT", "REQ", "CLOSE", "COUNT", "AUTH", "NEG-OPEN", "NEG-MSG", "NEG-CLOSE", "NOTICE", "")
EVENT = json.loads(ALICE.event(content="fuzz", tags=(("t", "x"), ("e", "ab" * 32))).encoded())
FILTER: dict[str, Any] = {
    "kinds": [1],
    "authors": [ALICE.pubkey],
    "#t": ["x"],
    "since": 1,
    "limit": 5,
    "search": "fuzz",
}
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(),
    st.text(max_size=70),
    st.sampled_from(["a", ALICE.pubkey, "6100000200", "61", "é" * 65, "\x00", "\u2028", "0" * 64]),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner))


@st.composite
def changed(draw: st.DrawFn, members: dict[str, Any]) -> dict[str, Any]:
    """An object like this one, with some members replaced, added, or left out."""
    result = dict(members)
    for name in draw(st.lists(st.sampled_from([*members, "#p", "ids", "until", "colour"]), max_size=3)):
        result[name] = draw(VALUES)
    for name in draw(st.lists(st.sampled_from(sorted(members)), max_size=2)):
        result.pop(name, None)
    return result


PARTS = st.one_of(VALUES, changed(EVENT), changed(FILTER), st.just(EVENT), st.just(FILTER))
MESSAGES = st.tuples(st.sampled_from(VERBS), st.lists(PARTS, max_size=4)).map(
    lambda message: json.dumps([message[0], *message[1]], ensure_ascii=False).encode("utf-8", "surrogatepass")
)


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """A message with bytes cut out and others put in."""
    frame = draw(MESSAGES)
    start = draw(st.integers(0, len(frame)))
    end = draw(st.integers(start, len(frame)))
    return frame[:start] + draw(st.binary(max_size=8)) + frame[end:]


class FuzzTests(SynchronousTestCase):
    """A relay that holds something, and one client."""

    def setUp(self) -> None:
        """The relay, with something to find."""
        self.relay = NostrRelay(events_per_minute=10**6, key_events_per_minute=10**6, requests_per_minute=10**6)
        self.addCleanup(self.relay.close)
        self.relay.visitor().send("EVENT", BOB.event(content="something"))
        self.client = self.relay.visitor()

    def exchange(self, client: Visitor, frame: bytes) -> None:
        """Send it, check all that comes, and ask whether anybody is there."""
        client.send_raw(frame)
        for answer in client.raw:
            parse_relay(answer)
        client.raw.clear()
        self.assertEqual(client.send("REQ", "alive", {"kinds": [40_000], "limit": 0})[-1], ["EOSE", "alive"])
        self.assertEqual(client.send("CLOSE", "alive"), [])

    @settings(max_examples=250, deadline=None)
    @given(st.one_of(MESSAGES, torn(), st.binary(max_size=64).map(lambda rest: b"[" + rest)))
    @example(b'["REQ","a",{"search":"\\u0000 \\"x\\" AND NEAR( *"}]')
    @example(b'["REQ","a",{"#t":["' + b'","'.join(str(number).encode() for number in range(4_999)) + b'"]}]')
    @example(b"[" * 100_000)
    @example(b'["EVENT",' + b'{"a":' * 20_000)
    @example(b'["NEG-OPEN","n",{},"61' + b"00" * 30_000 + b'"]')
    def test_nothing_but_the_protocol_comes_back(self, frame: bytes) -> None:
        """And the conversation lives."""
        self.exchange(self.client, frame)

    @settings(max_examples=40, deadline=None)
    @given(st.lists(MESSAGES, min_size=2, max_size=12))
    def test_nothing_is_left_behind(self, frames: list[bytes]) -> None:
        """Whatever was said: once the client is gone, nothing listens and nothing is compared any more."""
        client = self.relay.visitor()
        for frame in frames:
            client.send_raw(frame)
        client.leave()
        self.assertEqual(len(self.relay.parts.live.index), 0)
        self.assertEqual(len(self.relay.parts.means.held), 0)

    def test_an_unreadable_frame_is_a_notice(self) -> None:
        """In words, and short whatever was sent."""
        self.client.send_raw(b'["' + b"x" * 50_000 + b'"]')
        self.assertIsInstance(notice := parse_relay(self.client.raw[-1]), Notice)
        assert isinstance(notice, Notice)
        self.assertLess(len(notice.text), 200)
