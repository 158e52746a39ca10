"""Gift wraps under attack: no way of asking, and no moment, shows one to anybody it is not for."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.nostr_relay import ALICE, BOB, CAROL, NostrRelay, Visitor

from .test_asking import NOW, AskingCase

WRAP = CAROL.event(1059, "the secret", (("p", ALICE.pubkey), ("t", "secret")), at=NOW - 5)
FILTERS: list[dict[str, Any]] = [
    {},
    {"ids": [WRAP.id]},
    {"authors": [CAROL.pubkey]},
    {"kinds": [1, 1059]},
    {"#p": [ALICE.pubkey]},
    {"#t": ["secret"]},
    {"#t": ["secret"], "#p": [ALICE.pubkey], "authors": [CAROL.pubkey]},
    {"search": "secret"},
    {"since": NOW - 5, "until": NOW - 5},
    {"kinds": [1059]},
    {"kinds": [1059], "#p": [BOB.pubkey]},
    {"kinds": [1059], "#p": [ALICE.pubkey, BOB.pubkey]},
    {"kinds": [1059, 21059], "#p": [ALICE.pubkey]},
]


class LeakTests(AskingCase):
    """A wrap for Alice; Bob asks, and somebody who has proved nothing."""

    def said(self, client: Visitor) -> str:
        """Everything that was ever said to a client."""
        return b"".join(client.raw).decode()

    def assertUnseen(self, client: Visitor) -> None:
        """Neither the wrap nor its id, nor a figure that counts it."""
        said = self.said(client)
        self.assertNotIn(WRAP.content, said)
        self.assertNotIn(WRAP.id, said)
        self.assertNotRegex(said, r'"count":[^0]')

    def test_every_question(self) -> None:
        """Every verb with every filter, alone and beside others, before and while it is published."""
        relay = self.relay().relay
        readers = [relay.visitor(), relay.visitor("198.51.100.7")]
        readers[1].prove(BOB)
        for reader in readers:
            for number, members in enumerate(FILTERS):
                reader.send("REQ", f"early{number}", members)
        self.publish(relay.visitor(), WRAP)
        for reader in readers:
            for number, members in enumerate(FILTERS):
                reader.send("REQ", f"late{number}", members, {"kinds": [7]})
                reader.send("COUNT", "c", members)
                reader.send("NEG-OPEN", "n", members, "6100000200")
            self.assertUnseen(reader)

    def test_its_reader(self) -> None:
        """Is told by each of them, so that the test above tests something."""
        relay = self.relay().relay
        reader = relay.visitor()
        reader.prove(ALICE)
        self.publish(relay.visitor(), WRAP)
        for number, members in enumerate(FILTERS):
            frames = reader.send("REQ", f"a{number}", members)
            seen = "search" not in members and members.get("#p") != [BOB.pubkey]
            self.assertEqual(WRAP.id in json.dumps(frames), seen, members)

    def test_registers_do_not_count_it(self) -> None:
        """Of COUNT (HyperLogLog)."""
        client = self.relay()
        before = client.send("COUNT", "c", {"#p": [ALICE.pubkey]})
        self.publish(client, WRAP)
        self.assertEqual(client.send("COUNT", "c", {"#p": [ALICE.pubkey]}), before)

    def test_ephemeral_wraps(self) -> None:
        """Are told live to their reader alone."""
        relay = self.relay().relay
        other, reader = relay.visitor(), relay.visitor()
        reader.prove(ALICE)
        event = CAROL.event(21_059, "passing", (("p", ALICE.pubkey),))
        for client in (other, reader):
            client.send("REQ", "a", {"authors": [CAROL.pubkey]})
        self.publish(relay.visitor(), event)
        self.assertEqual((other.heard(), self.ids(reader.heard(), "a")), ([], [event.id]))

    def test_a_proof_of_another_connection(self) -> None:
        """Proves nothing here: the challenge is another."""
        relay = self.relay().relay
        first, second = relay.visitor(), relay.visitor("198.51.100.7")
        for client in (first, second):
            client.send("CLOSE", "x")
        tags = (("relay", "wss://relay.example"), ("challenge", first.challenges[0]))
        proof = ALICE.event(22242, tags=tags)
        self.assertEqual(second.send("AUTH", proof)[0][2], False)
        self.publish(relay.visitor(), WRAP)
        self.assertEqual(second.send("REQ", "a", {"ids": [WRAP.id]}), [["EOSE", "a"]])

    def test_an_id_alone_tells_nothing(self) -> None:
        """An event of another's id gets the same answer, whether that one is here or not."""
        client = self.relay()
        forged = json.loads(BOB.event().encoded()) | {"id": WRAP.id}
        before = client.send("EVENT", forged)
        self.publish(client, WRAP)
        self.assertEqual(client.send("EVENT", forged), before)

    def test_a_deletion_tells_nothing(self) -> None:
        """Somebody else's deletion takes nothing away; the reader's own does."""
        relay = self.relay().relay
        self.publish(relay.visitor(), WRAP, BOB.event(5, tags=(("e", WRAP.id),)))
        reader = relay.visitor()
        reader.prove(ALICE)
        self.assertEqual(self.ids(reader.send("REQ", "a", {"kinds": [1059]}), "a"), [WRAP.id])
        self.publish(relay.visitor(), ALICE.event(5, tags=(("e", WRAP.id),)))
        self.assertEqual(self.ids(reader.send("REQ", "a", {"kinds": [1059]}), "a"), [])

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(st.sampled_from(["ask", "bob", "publish", "wait", "count", "compare"]), min_size=4, max_size=14),
        st.lists(st.sampled_from((0.0, 0.2, 1.0)), min_size=30, max_size=30),
    )
    def test_at_no_moment(self, steps: list[str], delays: list[float]) -> None:
        """Bob proves his key, asks again, and asks while others ask and publish, with a store that is slow."""
        relay = NostrRelay(delays=iter(delays + [0.0] * 10_000))
        reader, owner, author = relay.visitor(), relay.visitor("198.51.100.7"), relay.visitor("203.0.113.9")
        owner.prove(ALICE)
        for number, step in enumerate(steps):
            _step(step, reader, author, number)
            owner.send("REQ", "a", FILTERS[number % len(FILTERS)])
        for _ in range(40):
            relay.time.advance(1)
        self.assertUnseen(reader)


def _step(step: str, reader: Visitor, author: Visitor, number: int) -> None:
    members = FILTERS[number % len(FILTERS)]
    if step == "bob":
        reader.prove(BOB)
    elif step == "publish":
        author.send("EVENT", WRAP)
    elif step == "wait":
        reader.relay.time.advance(0.3)
    else:
        asked = {
            "ask": ("REQ", "a", members),
            "count": ("COUNT", "c", members),
            "compare": ("NEG-OPEN", "n", members, "6100000200"),
        }
        reader.send(*asked[step])
