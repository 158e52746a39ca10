"""Messages of the bus: topic and envelope, bytes in them, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.messages.bus import (
    Decoder,
    Entry,
    Envelope,
    Malformed,
    Message,
    Rejection,
    Route,
    content,
    decode,
    encode,
    read_registry,
    write_registry,
)  # fmt: skip
from sdkrelay.messages.bus.names import COMMANDS_REGISTRY, HEARTBEAT, REJECT
from tests.support.xcraft_vectors import Recorded, recorded

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=9,
)


def received(wire: bytes) -> Message:
    """The one message in these bytes."""
    (frame,) = Decoder().feed(wire)
    return decode(frame)


def named(name: str) -> Recorded:
    """The first recorded frame of this name."""
    return next(each for each in recorded() if each.name == name)


class RecordedTests(SynchronousTestCase):
    """What real programs said."""

    def test_all_are_read_and_written_again(self) -> None:
        """Each has its topic, and means the same after a turn through our own encoding."""
        for each in recorded():
            message = received(each.wire)
            self.assertEqual((message.topic, received(encode(message))), (each.topic, message), each.name)

    def test_a_command(self) -> None:
        """Name, sender, payload and the way to answer."""
        message = received(named("interop.echo").wire)
        envelope = message.envelope
        self.assertEqual(envelope.data, {"text": "bonjour", "n": 42, "u": "é"})
        self.assertTrue(envelope.is_xcraft and envelope.is_nested and not envelope.is_error)
        assert envelope.arp is not None and envelope.orc_name is not None
        self.assertEqual(envelope.arp[envelope.orc_name].port, 50896)

    def test_bytes(self) -> None:
        """They are back in their place in the payload."""
        self.assertEqual(received(named("interop.buf").wire).envelope.data, {"chunk": b"xyz"})
        answer = received(named("ORC::interop.buf.ID.finished").wire).envelope.data
        self.assertEqual(answer, {"isBuffer": True, "len": 3, "chunk": b"\x00\x01\x02\xff\xfe"})

    def test_collections(self) -> None:
        """A map that holds a list that holds a map, as plain values."""
        payload = content(received(named("ORC::interop.immutable.ID.finished").wire).envelope)
        self.assertEqual(payload, {"plain": 1, "imm": {"a": 1, "b": [1, 2, {"c": "d"}]}})

    def test_a_payload_marked_but_not_serialised(self) -> None:
        """The fault of the real software harms nobody here."""
        envelope = received(named("ORC::interop.serialized.evt").wire).envelope
        self.assertEqual((envelope.serialized, content(envelope)), (True, {"f": "x", "n": 1}))

    def test_registries(self) -> None:
        """At autoconnect and later; each is the same after a turn through ours."""
        answer = content(received(named("autoconnect.finished").wire).envelope)["cmdRegistry"]
        later = content(received(named(COMMANDS_REGISTRY).wire).envelope)["registry"]
        for registry in (answer, later):
            entries = read_registry(registry)
            self.assertGreater(len(entries), 40)
            self.assertEqual(read_registry(write_registry(entries.values())), entries)


class MessageTests(SynchronousTestCase):
    """Our own messages."""

    def test_the_heartbeat(self) -> None:
        """It alone has no envelope."""
        self.assertEqual(received(encode(Message(HEARTBEAT))), Message(HEARTBEAT))
        self.assertRaises(Malformed, encode, Message("relay::x"))
        self.assertRaises(Malformed, lambda: Message(HEARTBEAT).envelope)

    def test_a_rejection(self) -> None:
        """It has a code and a message instead of an envelope."""
        message = Message(REJECT, Rejection(code="NO", message="go away"))
        self.assertEqual(received(encode(message)), message)

    def test_undefined_is_not_null(self) -> None:
        """What has no payload comes without one."""
        nothing = received(encode(Message("a::b", Envelope()))).envelope
        null = received(encode(Message("a::b", Envelope(data=None)))).envelope
        self.assertEqual((nothing.data, nothing.payload, null.data), (msgspec.UNSET, None, None))

    def test_bytes_that_would_be_misread_are_refused(self) -> None:
        """As are none at all; others do not change the payload that was given."""
        for chunk in (b"", b"s:x", b"j:{", b"b:1"):
            self.assertRaises(Malformed, encode, Message("a::b", Envelope(is_xcraft=True, data={"chunk": chunk})))
        data = {"chunk": b"good"}
        self.assertEqual(received(encode(Message("a", Envelope(is_xcraft=True, data=data)))).envelope.data, data)
        self.assertEqual(data, {"chunk": b"good"})

    @given(VALUES, st.text("abc.:@<>*é", min_size=1), st.booleans())
    @settings(deadline=None, max_examples=100)
    def test_round_trip(self, data: Any, topic: str, flag: bool) -> None:
        """Any payload under any topic comes back."""
        route = Route(token="t", nice=0, no_forwarding=flag, node_name="zog", port=1, hordes=[])
        envelope = Envelope(
            is_xcraft=flag, token=topic, data=data, is_nested=flag, arp={topic: route}, context={"a": data}
        )
        self.assertEqual(received(encode(Message(topic, envelope))), Message(topic, envelope))


class HostileTests(SynchronousTestCase):
    """Nothing but the one refusal."""

    def test_broken_messages(self) -> None:
        """A topic that is no text, empty, too long or with control characters; an envelope that is missing, null or other."""
        for topic in (b"x", b"s:", b"s:" + b"a" * 1025, b"s:a\n", b"s:\xff", b'j:"a"'):
            self.assertRaises(Malformed, decode, (topic, b"j:{}"))
        for body in (b"j:null", b"j:1", b"j:[]", b"j:{", b"raw", b"s:{}", b'j:{"token":1}', b'j:{"arp":{"a":null}}'):
            self.assertRaises(Malformed, decode, (b"s:a::b", body))
        self.assertRaises(Malformed, decode, (b"s:a::b",))
        self.assertRaises(Malformed, decode, (b"s:xcraft::axon/reject", b"j:{}"))

    def test_functions(self) -> None:
        """Wherever they stand in a serialised payload; text that is marked but no JSON is refused too."""
        for text in ('"function () {}"', '{"a":[{"b":"function(a){return a}"}]}', "{", "[" * 300 + "]" * 300):
            self.assertRaises(Malformed, content, Envelope(serialized=True, data=text))
        self.assertEqual(content(Envelope(serialized=True, data='{"a":[1]}')), {"a": [1]})

    def test_endless_collections(self) -> None:
        """One that holds itself, one that doubles at each step, one that points outside, one whose keys are lists."""
        doubling = ",".join(f"[9,{step + 1},{step + 1}]" for step in range(60))
        for objects in ("[9,0]", doubling, "[9,7]", "[9,-9]", "[7,1,1],[9]", "[99]", "[]", '["x",true]', "[[]]"):
            envelope = Envelope(data=None, immutable={".": f'{{"index":0,"objects":[{objects}]}}'})
            self.assertRaises(Malformed, content, envelope)
        self.assertRaises(Malformed, content, Envelope(data=1, shredded={"a": '{"index":-1,"objects":[]}'}))

    def test_nested_payloads(self) -> None:
        """A payload in a payload has collections of its own, to a depth that ends."""
        inner = {"data": {"data": {"x": None}, "_xImmu": {"x": '{"index":0,"objects":[[8,1],7]}'}}}
        self.assertEqual(content(Envelope(data=inner)), {"data": {"data": {"x": [7]}}})
        deep: Any = 1
        for _ in range(100):
            deep = {"data": deep}
        self.assertRaises(Malformed, content, Envelope(data=deep))

    @given(st.binary(max_size=200), VALUES)
    @settings(deadline=None, max_examples=100)
    def test_random_messages(self, noise: bytes, value: Any) -> None:
        """Any topic and any envelope are a message or refused; so are its collections and its registry."""
        body = b"j:" + msgspec.json.encode({"data": value, "_xImmu": value, "serialized": True, "token": value})
        for frame in ((b"s:" + noise, body), (b"s:a", b"j:" + noise), (b"s:a", body, noise), (noise,)):
            self.refuses_or(lambda frame=frame: content(decode(frame).envelope))
        self.refuses_or(lambda: content(Envelope(data=value, serialized=True, immutable={"a": noise.hex()})))
        self.refuses_or(lambda: read_registry(value))

    def refuses_or(self, action: Any) -> None:
        """It ends well, or with the refusal."""
        try:
            action()
        except Malformed as error:
            self.assertTrue(str(error))


class RegistryTests(SynchronousTestCase):
    """Commands and what is told of them."""

    def test_ranking(self) -> None:
        """The predictions of a quest, or true."""
        self.assertEqual(Entry(quest_options={"rankingPredictions": [1]}).ranking, [1])
        self.assertIs(Entry(quest_options={}).ranking, True)

    def test_broken_registries(self) -> None:
        """Anything but an object of objects."""
        for registry in (None, [], {"a": 1}, {"a": None}, {str(count): {} for count in range(10_001)}):
            self.assertRaises(Malformed, read_registry, registry)
