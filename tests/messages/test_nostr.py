"""The wire of Nostr: what clients say is read or answered, what relays say is written and read back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.nostr.refusal import Refusal
from sdkrelay.messages.nostr.client import (
    Authenticate,
    ClientMessage,
    Count,
    Publish,
    ReconcileClose,
    ReconcileOpen,
    Refused,
    Subscribe,
    Unsubscribe,
    parse_client,
)
from sdkrelay.messages.nostr.information import Information, Limitation, ManagementCall, parse_management
from sdkrelay.messages.nostr.relay import (
    Challenge,
    Closed,
    Counted,
    EndOfStored,
    Found,
    Notice,
    Ok,
    Reconcile,
    ReconcileError,
    RelayMessage,
    parse_relay,
)
from tests.support.nostr import AUTHORS, compact, made, real_events, unsigned

EVENT = unsigned(tags=(("t", "x"),), content="é")
FILTERS = made([{"kinds": [1], "#t": ["x"], "limit": 0}, {"authors": AUTHORS, "since": 1, "search": "x"}])
SAID: tuple[ClientMessage, ...] = (
    Publish(EVENT),
    Authenticate(EVENT),
    Subscribe("é" * 64, FILTERS),
    Count("a", FILTERS),
    Unsubscribe("a"),
    ReconcileOpen("a", FILTERS[0], b"\x61\x00"),
    Reconcile("a", b"\x61"),
    ReconcileClose("a"),
)
TOLD: tuple[RelayMessage, ...] = (
    Ok("ab" * 32, False, "invalid: x"), Ok("ab" * 32, True), Closed("a", "error: x"), Notice("é"), EndOfStored("a"),
    EndOfStored("a", ("finish",)), EndOfStored("a", ()), Challenge("c"), Counted("a", 3), Counted("a", 3, bytes(256)),
    Reconcile("a", b"\x61"), ReconcileError("a", "closed: x"), ReconcileError("a", "blocked: x", 5), Found('a"', EVENT),
)  # fmt: skip
#: JSON of any kind, arrays that begin with a verb above all.
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("ids", "kinds", "x")), inner, max_size=3)
    ),
    max_leaves=8,
)
VERBS = (
    "EVENT",
    "REQ",
    "CLOSE",
    "AUTH",
    "COUNT",
    "NEG-OPEN",
    "NEG-MSG",
    "NEG-CLOSE",
    "OK",
    "EOSE",
    "NEG-ERR",
    "CLOSED",
)
FRAMES = st.tuples(st.sampled_from(VERBS), st.lists(ANY, max_size=4)).map(lambda said: compact([said[0], *said[1]]))


class ClientTests(SynchronousTestCase):
    """What a client says."""

    def answer(self, frame: bytes) -> Any:
        """What is told instead of an answer."""
        refused: Refused = self.assertRaises(Refused, parse_client, frame)
        return refused.answer

    def test_every_verb_comes_back(self) -> None:
        """What is written is read as the same."""
        self.assertEqual([parse_client(said.encoded()) for said in SAID], list(SAID))

    def test_real_events_are_read(self) -> None:
        """Each as it was sent."""
        for members in real_events():
            said = parse_client(b'["EVENT", ' + compact(members) + b"]")
            self.assertIsInstance(said, Publish)

    def test_a_broken_event_is_answered_by_its_id(self) -> None:
        """OK false where an id can be read, whatever else is wrong; a notice where none can."""
        event_id = EVENT.id
        for content in (5, None, [1]):
            frame = compact(["EVENT", {"id": event_id, "content": content}])
            self.assertEqual((self.answer(frame).event_id, self.answer(frame).accepted), (event_id, False))
        lone = compact(["EVENT", {"id": event_id}])[:-2] + b',"content":"\\ud800"}]'
        self.assertEqual(self.answer(lone).event_id, event_id)
        for frame in (b'["EVENT",{}]', b'["EVENT",5]', b'["EVENT"]', b'["EVENT",{"id":"x"}]'):
            self.assertIsInstance(self.answer(frame), Notice)

    def test_a_bad_subscription_is_closed_by_its_name(self) -> None:
        """Without filters, with bad or unknown ones, with a name that is empty or too long."""
        for verb in ("REQ", "COUNT"):
            for rest, prefix in (
                (["a"], "invalid:"), (["a", 5], "invalid:"), (["a", {"ids": ["x"]}], "invalid:"),
                (["a", {"x": []}], "unsupported:"), (["", {}], "invalid:"), (["é" * 65, {}], "invalid:"),
            ):  # fmt: skip
                answer = self.answer(compact([verb, *rest]))
                self.assertEqual((type(answer), answer.subscription), (Closed, rest[0]))
                self.assertTrue(answer.reason.startswith(prefix), answer.reason)

    def test_filters_without_end_are_not_read(self) -> None:
        """A hundred are, one more is refused before any is looked at."""
        self.assertEqual(len(parse_client(compact(["REQ", "a", *[{}] * 100])).filters), 100)  # type: ignore[union-attr]
        answer = self.answer(compact(["REQ", "a", *[{"x": 1}] * 101]))
        self.assertEqual(answer, Closed("a", "invalid: at most 100 filters are read"))

    def test_a_bad_reconciliation_is_an_error_of_its_own(self) -> None:
        """Never a notice, on which clients would wait for ever."""
        wrong: list[list[Any]] = [
            ["NEG-OPEN", "a"], ["NEG-OPEN", "a", {}], ["NEG-OPEN", "a", {"x": 1}, "61"], ["NEG-OPEN", "a", {}, "6 1 "],
            ["NEG-OPEN", "", {}, "61"], ["NEG-MSG", "a", "6"],
        ]  # fmt: skip
        for said in wrong:
            self.assertIsInstance(self.answer(compact(said)), ReconcileError)

    def test_anything_else_is_a_notice(self) -> None:
        """Other verbs, other JSON, no JSON, arrays without end."""
        for frame in (b"", b"[]", b"{}", b"5", b'["X"]', b'["OK",1]', b"[" * 2000, b'["REQ"]', b'["REQ",5,{}]', b'["CLOSE"]',
                      b"\xff", b'["REQ","a"', b'[["REQ"]]'):  # fmt: skip
            self.assertIsInstance(self.answer(frame), Notice)

    @settings(deadline=None, max_examples=150)
    @given(FRAMES | ANY.map(compact) | st.binary(max_size=40))
    def test_nothing_but_a_refusal_is_raised(self, frame: bytes) -> None:
        """Whatever comes; and each refusal is itself a message of a relay."""
        try:
            parse_client(frame)
        except Refused as refused:
            self.assertIsInstance(parse_relay(refused.answer.encoded()), type(refused.answer))


class RelayTests(SynchronousTestCase):
    """What a relay says."""

    def test_every_message_comes_back(self) -> None:
        """What is written is read as the same."""
        self.assertEqual([parse_relay(told.encoded()) for told in TOLD], list(TOLD))

    def test_an_event_is_sent_as_it_is_stored(self) -> None:
        """Its bytes stand in the frame untouched."""
        self.assertEqual(Found("a", EVENT).encoded(), b'["EVENT","a",' + EVENT.encoded() + b"]")

    @settings(deadline=None, max_examples=150)
    @given(FRAMES | ANY.map(compact) | st.binary(max_size=40))
    def test_nothing_but_a_refusal_is_raised(self, frame: bytes) -> None:
        """Whatever another relay says."""
        try:
            parse_relay(frame)
        except Refusal as refusal:
            self.assertTrue(refusal.reason.startswith("invalid: "))


class InformationTests(SynchronousTestCase):
    """The documents beside the wire."""

    def test_only_what_is_known_is_said(self) -> None:
        """The relay's own key is called self."""
        limits = Limitation(max_limit=5000, auth_required=False)
        document = Information(name="x", self_key="ab" * 32, supported_nips=(1, 11), limitation=limits)
        self.assertEqual(
            json.loads(document.encoded()),
            {"name": "x", "self": "ab" * 32, "supported_nips": [1, 11], "limitation": limits_said(limits)},
        )

    def test_a_management_call_is_read(self) -> None:
        """A method and its parameters; anything else is refused."""
        self.assertEqual(parse_management(b'{"method":"x","params":["a",1]}'), ManagementCall("x", ("a", 1)))
        for body in (b"", b"[]", b'{"method":5}', b'{"params":[]}', b"[" * 9999, b"\xff"):
            self.assertRaises(Refusal, parse_management, body)


def limits_said(limits: Limitation) -> dict[str, Any]:
    """Those that are stated."""
    return {"max_limit": limits.max_limit, "auth_required": limits.auth_required}
