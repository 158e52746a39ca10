"""Owners of wallets are told of payments as gift wraps: each its own, at least once to each relay, whatever is away."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from attrs import define, field
from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.build.streaming import writer
from sdkrelay.domain.nostr.event import Event, parse_event
from sdkrelay.domain.nostr.wrapping import Rumor, unwrap
from sdkrelay.domain.problem import Problem
from sdkrelay.messages.native.wallets import NostrContact, UnregisterWallet
from sdkrelay.ports.remotes import RemoteWatch
from sdkrelay.services.nostr.telling import Means, Telling
from tests.support.nostr_joined import Wire, to_relay, tools_of
from tests.support.nostr_relay import ALICE, BOB, CAROL, URL, NostrRelay, Person
from tests.support.simulated import Listener, Owner, SimulatedNode, SimulatedRelay, payment
from tests.support.stores import now, opened
from tests.support.tasks import DrivenTime

AWAY = "wss://away.example"
OTHER = "wss://other.example"


@define(eq=False)
class Network:
    """Relays by URL; whoever is not in it is away."""

    time: DrivenTime
    reached: dict[str, Callable[[], Wire]] = field(factory=dict)
    dialled: list[str] = field(factory=list)

    def line(self, url: str, watch: RemoteWatch) -> Network:
        """Dial once."""
        self.dialled.append(url)
        connect = self.reached.get(url)
        if connect is None:
            self.time.reactor.callLater(0, watch.failed, "nobody is there")
        else:
            watch.opened(connect())
        return self

    def greeted(self) -> None:
        """Nothing waits here."""

    again = stop = greeted


class TellingCase(SynchronousTestCase):
    """A node, a relay that watches wallets and serves Nostr, and two wallets' owners with Nostr keys."""

    def setUp(self) -> None:
        """Begin with a chain of a few blocks."""
        self.time = DrivenTime()
        self.chance = random.Random(7)
        self.node = SimulatedNode(self.time, self.chance)
        for _ in range(3):
            self.node.mine()
        self.store = now(opened())
        self.relay = SimulatedRelay(self.node, self.store, self.time)
        self.nostr, self.other = NostrRelay(time=self.time), NostrRelay(time=self.time, url=OTHER)
        self.network = Network(self.time, {OTHER: to_relay(self.other)})
        self.relay.start()
        self.telling = self.begin()
        self.addCleanup(self.end)

    def begin(self) -> Telling:
        """Tell, as the relay does after a start."""
        nostr, store = self.nostr.parts, self.store
        means = Means(
            store.log, store.contacts, nostr.store, nostr.publisher, self.network, tools_of(self.nostr),
            lambda: nostr.urls, writer(self.relay.hub),
        )  # fmt: skip
        telling = Telling(means)
        self.relay.hub.on_entry = [telling.entered]
        self.relay.wallets.contacts = telling
        self.relay.run(telling.load())
        telling.start()
        return telling

    def end(self) -> None:
        """Stop all of it."""
        self.relay.run(self.telling.stop())
        self.relay.kill()
        self.nostr.close()
        self.other.close()
        self.wait(5)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(int(seconds * 10)):
            self.time.advance(0.1)

    def register(self, person: Person, *relays: str) -> Owner:
        """A wallet whose owner is told under a person's key; its session goes away at once."""
        owner = Owner.make(self.chance)
        contact = NostrContact(pubkey=person.pubkey, relays=relays)
        request = replace(owner.registration(3), nostr=contact)
        self.relay.run(self.relay.wallets.register(request, Listener(self.time, "passing")))
        return owner

    def pay(self, owner: Owner, sats: int) -> str:
        """A payment in the mempool; its txid."""
        paid = payment(self.chance, owner, sats)
        self.node.add(paid)
        self.wait(20)
        return paid.txid[::-1].hex()

    def heard(self, person: Person, nostr: NostrRelay | None = None, url: str = URL) -> list[Rumor]:
        """What a client that proves this key finds in its wraps."""
        visitor = (nostr or self.nostr).visitor()
        visitor.send("CLOSE", "nothing")
        tags = (("relay", url), ("challenge", visitor.challenges[0]))
        visitor.send("AUTH", person.event(22242, tags=tags, at=int(self.time.now())))
        frames = visitor.send("REQ", "mine", {"kinds": [1059], "#p": [person.pubkey]})
        events = [parse_event(json.dumps(frame[2])) for frame in frames if frame[0] == "EVENT"]
        return [unwrap(event, person.secret) for event in events]

    def amounts(self, rumors: list[Rumor]) -> list[tuple[str, int]]:
        """What each message is about: kind of notification and satoshi."""
        told = [json.loads(rumor.content.partition("\n\n")[2]) for rumor in rumors]
        return sorted((one["notification_type"], one["data"]["amount_sats"]) for one in told)


class TellingTests(TellingCase):
    """Who hears what, where."""

    def test_each_owner_hears_of_its_own(self) -> None:
        """Two wallets: neither gets what is the other's, and the message says it in words and as the notification."""
        alice, bob = self.register(ALICE), self.register(BOB)
        txid = self.pay(alice, 50_000)
        self.pay(bob, 70_000)
        [rumor] = self.heard(ALICE)
        words, _, notification = rumor.content.partition("\n\n")
        self.assertEqual((rumor.pubkey, words), (CAROL.pubkey, "You were paid 0.0005 BTC (not in a block yet)."))
        self.assertEqual(json.loads(notification)["data"]["txid"], txid)
        self.assertEqual(self.amounts(self.heard(BOB)), [("payment_detected", 70_000)])

    def test_nobody_else_is_shown_a_wrap(self) -> None:
        """Not even that there is one."""
        self.pay(self.register(ALICE), 50_000)
        visitor = self.nostr.visitor()
        frames = visitor.send("REQ", "all", {})
        self.assertEqual([frame[0] for frame in frames], ["EOSE"])

    def test_relays_that_are_named_get_it(self) -> None:
        """Another relay, over a conversation that ends afterwards, and this one by its URL in another spelling."""
        self.pay(self.register(ALICE, OTHER, URL + ":443/"), 50_000)
        self.assertEqual(len(self.heard(ALICE, self.other, OTHER)), 1)
        self.assertEqual(len(self.heard(ALICE)), 1)
        self.assertEqual(self.network.dialled, [OTHER])

    def test_the_keys_own_list_counts_where_none_is_named(self) -> None:
        """Kind 10050, as this relay has it."""
        listing = ALICE.event(10050, tags=(("relay", OTHER), ("relay", "http://no.example")))
        self.nostr.visitor().send("EVENT", listing)
        self.pay(self.register(ALICE), 50_000)
        self.assertEqual((len(self.heard(ALICE, self.other, OTHER)), self.heard(ALICE)), (1, []))

    def test_a_relay_that_is_away_keeps_nobody_waiting(self) -> None:
        """The others are told at once, and that one all of it once it is back."""
        alice, bob = self.register(ALICE, AWAY, OTHER), self.register(BOB, OTHER)
        self.pay(alice, 50_000)
        self.pay(alice, 60_000)
        self.pay(bob, 70_000)
        self.assertEqual(len(self.heard(ALICE, self.other, OTHER)), 2)
        self.assertEqual(len(self.heard(BOB, self.other, OTHER)), 1)
        away = NostrRelay(time=self.time, url=AWAY)
        self.addCleanup(away.close)
        self.network.reached[AWAY] = to_relay(away)
        self.wait(120)
        expected = [("payment_detected", 50_000), ("payment_detected", 60_000)]
        self.assertEqual(self.amounts(self.heard(ALICE, away, AWAY)), expected)

    def test_pauses_grow(self) -> None:
        """A relay that stays away is tried ever less often."""
        self.pay(self.register(ALICE, AWAY), 50_000)
        self.wait(600)
        self.assertIn(len(self.network.dialled), range(4, 14))

    def test_what_was_before_is_not_told(self) -> None:
        """A wallet that was known before is told from its registration with a key on."""
        alice = Owner.make(self.chance)
        self.relay.register(alice, Listener(self.time, "first"), 3)
        self.pay(alice, 50_000)
        request = replace(alice.registration(3), nostr=NostrContact(pubkey=ALICE.pubkey))
        self.relay.run(self.relay.wallets.register(request, Listener(self.time, "second")))
        self.pay(alice, 60_000)
        self.assertEqual(self.amounts(self.heard(ALICE)), [("payment_detected", 60_000)])


class LastingTests(TellingCase):
    """At least once."""

    def restart(self) -> None:
        """End at whatever await it stands, and begin over the same store."""
        self.relay.run(self.telling.stop())
        self.telling = self.begin()
        self.wait(5)

    def test_what_came_while_it_was_down_is_told(self) -> None:
        """Also what was in the log and on no relay yet."""
        alice = self.register(ALICE, AWAY, URL)
        self.relay.run(self.telling.stop())
        self.pay(alice, 50_000)
        self.restart()
        self.assertEqual(self.amounts(self.heard(ALICE)), [("payment_detected", 50_000)])

    def test_nothing_is_told_again_that_was_taken(self) -> None:
        """A restart tells nothing twice."""
        self.pay(self.register(ALICE), 50_000)
        self.restart()
        self.assertEqual(len(self.heard(ALICE)), 1)

    def test_what_is_told_twice_is_one_message(self) -> None:
        """A kill between a relay's OK and our note of it wraps the same message anew: clients see its id."""
        self.pay(self.register(ALICE), 50_000)
        [contact] = now(self.store.contacts.contacts())
        now(self.store.contacts.told(contact.wallet_id, dict.fromkeys(contact.told, contact.since)))
        self.restart()
        self.assertEqual(len({rumor.id for rumor in self.heard(ALICE)}), 1)
        self.assertEqual(len(self.heard(ALICE)), 2)

    def test_a_forgotten_wallet_is_not_told(self) -> None:
        """What was kept of its contact goes with it."""
        self.register(ALICE)
        [contact] = now(self.store.contacts.contacts())
        now(self.store.wallets.unregister(contact.wallet_id))
        now(self.store.contacts.told(contact.wallet_id, {URL: 9}))
        self.assertEqual(now(self.store.contacts.contacts()), [])
        self.assertIsNone(now(self.store.contacts.put(contact.wallet_id, ALICE.pubkey, ())))

    def test_who_registers_again_without_a_key_is_not_told(self) -> None:
        """What was unregistered is forgotten at once, not at the next start."""
        alice, holder = self.register(ALICE), Listener(self.time, "holder")
        wallet_id = self.relay.register(alice, holder, 3).wallet_id
        self.relay.run(self.relay.wallets.unregister(UnregisterWallet(wallet_id=wallet_id), holder))
        self.relay.register(alice, holder, 3)
        self.pay(alice, 50_000)
        self.assertEqual(self.heard(ALICE), [])

    def test_a_refusal_for_good_is_passed_over(self) -> None:
        """And one that passes is not: what is rate-limited comes later."""
        answers = ["blocked: not you", "rate-limited: slower", ""]
        taken: list[Event] = []

        def answer(frame: bytes, hear: Callable[[bytes], None]) -> None:
            _verb, event = json.loads(frame)
            reason = answers.pop(0) if answers else ""
            if not reason:
                taken.append(parse_event(json.dumps(event)))
            said: list[Any] = ["OK", event["id"], not reason, reason]
            self.time.reactor.callLater(0, hear, json.dumps(said).encode())

        self.network.reached[AWAY] = lambda: Wire(answer)
        alice = self.register(ALICE, AWAY)
        self.pay(alice, 50_000)
        self.pay(alice, 60_000)
        self.wait(60)
        rumors = [unwrap(event, ALICE.secret) for event in taken]
        self.assertEqual(self.amounts(rumors), [("payment_detected", 60_000)])


class CheckingTests(TellingCase):
    """What is no contact."""

    def refused(self, **contact: Any) -> str | None:
        """The field that is wrong; None for none."""
        request = replace(Owner.make(self.chance).registration(3), nostr=NostrContact(**contact))
        try:
            self.relay.run(self.relay.wallets.register(request, Listener(self.time, "passing")))
        except Problem as problem:
            return str(problem.details["field"])
        return None

    def test_keys_and_addresses_are_checked(self) -> None:
        """Before the wallet is kept."""
        self.assertEqual(self.refused(pubkey="ff" * 32), "nostr.pubkey")
        for url in ("https://a.example", "wss://user:word@a.example", "wss://", "wss://a.example:0", "ws://a b", "é"):
            self.assertEqual(self.refused(pubkey=ALICE.pubkey, relays=(url,)), "nostr.relays", url)
        self.assertEqual(now(self.store.wallets.wallets()), [])

    def test_a_relay_without_nostr_says_so(self) -> None:
        """Nobody would be told."""
        self.relay.wallets.contacts = None
        self.assertEqual(self.refused(pubkey=ALICE.pubkey), "nostr")
