"""Expected payments over the real services on a simulated node: recording, matching, telling, and who sees them."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.address import labelled_address
from sdkrelay.crypto.silent import public_key
from sdkrelay.domain.access import Principal, Role
from sdkrelay.domain.notification import Kind
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.io.storage import DatabaseStore, InlineExecutor, open_store
from sdkrelay.messages.native.payments import CreatePayment, GetPayment, ListPayments, PaymentCreated
from sdkrelay.messages.native.subscription import Subscribe
from sdkrelay.messages.rest.payments import GetPayments
from sdkrelay.services import payments as service
from tests.support.simulated import Listener, Owner, SimulatedNode, SimulatedRelay, payment
from tests.support.stores import CountedEntropy, now
from tests.support.tasks import DrivenTime


class PaymentCase(SynchronousTestCase):
    """A relay at the tip of a short chain, and a session that hears of payments."""

    def setUp(self) -> None:
        self.time, self.source = DrivenTime(), random.Random(11)
        self.node = SimulatedNode(self.time, self.source)
        for _ in range(5):
            self.node.mine()
        self.store: DatabaseStore = now(open_store("sqlite://", InlineExecutor, self.time, CountedEntropy()))
        self.relay = SimulatedRelay(self.node, self.store, self.time)
        self.relay.start()
        self.wait()
        self.owner, self.merchant = Owner.make(self.source), self.hearing("merchant")
        self.addCleanup(self.end)

    def end(self) -> None:
        self.relay.kill()
        self.wait()

    def wait(self, turns: int = 100) -> None:
        for _ in range(turns):
            self.time.advance(0.05)

    def hearing(self, name: str, since: str | None = None, **fields: Any) -> Listener:
        listener = Listener(self.time, name, **fields)
        self.relay.run(self.relay.hub.subscribe(Subscribe(subscriptions=("payments",), since=since), listener))
        return listener

    def request(self, name: str = "pay_1", **fields: Any) -> CreatePayment:
        recipient = str(self.owner.address)
        return CreatePayment(**{"payment_id": name, "amount_sats": 500, "recipient": recipient, **fields})

    def create(self, request: CreatePayment, by: Listener | None = None) -> PaymentCreated:
        created: PaymentCreated = self.relay.run(self.relay.payments.create(request, by or self.merchant))
        return created

    def pay(self, sats: int = 500) -> bytes:
        paid = payment(self.source, self.owner, sats)
        self.node.add(paid)
        self.wait()
        return paid.txid

    def mine(self) -> None:
        self.node.mine(tuple(self.node.pool.values()))
        self.wait()

    def told(self, listener: Listener) -> list[str]:
        entries = [news.entry for news in listener.heard if news.entry.kind is Kind.PAYMENT_UPDATE]
        return [msgspec.json.decode(entry.body)["status"] for entry in entries]

    def refused(self, request: CreatePayment) -> Problem:
        answer = Deferred.fromCoroutine(self.relay.payments.create(request, self.merchant))
        return self.failureResultOf(answer, Problem).value

    def status(self, name: str = "pay_1", by: Listener | None = None) -> str:
        found = self.relay.run(self.relay.payments.get(GetPayment(payment_id=name), by or self.merchant))
        text: str = found.status
        return text


class LifeTests(PaymentCase):
    """From pending to confirmed, and other ways."""

    def test_detected_and_confirmed(self) -> None:
        """Its creator hears of both, though it does not hold the wallet."""
        self.relay.register(self.owner, Listener(self.time, "owner"))
        self.assertEqual(self.create(self.request(confirmations_required=2)).status, "pending")
        self.pay()
        self.mine()
        self.mine()
        self.assertEqual(self.told(self.merchant), ["detected", "detected", "confirmed"])

    def test_who_tells_other_relays_hears_of_a_new_payment(self) -> None:
        """Once, however often it is asked for."""
        told: list[str] = []
        self.relay.payments.on_create = told.append
        self.create(self.request())
        self.create(self.request())
        self.assertEqual(told, ["pay_1"])

    def test_another_amount_is_another_payment(self) -> None:
        """It stays pending."""
        self.relay.register(self.owner, Listener(self.time, "owner"))
        self.create(self.request())
        self.pay(501)
        self.assertEqual((self.status(), self.told(self.merchant)), ("pending", []))

    def test_by_txid_whatever_came_before(self) -> None:
        """A transaction found earlier is told right after the answer."""
        self.relay.register(self.owner, Listener(self.time, "owner"))
        txid = self.pay(777)
        self.create(self.request(txid=txid[::-1].hex()))
        self.wait(1)
        self.assertEqual(self.told(self.merchant), ["detected"])

    def test_labels_are_told_apart(self) -> None:
        """What is paid to the plain address does not fulfil a payment to a label."""
        registration = self.owner.registration(0, (3,))
        self.relay.run(self.relay.wallets.register(registration, Listener(self.time, "owner")))
        spend = public_key(self.owner.spend_secret)
        self.create(self.request(recipient=labelled_address(self.owner.scan_secret, spend, 3, "tsp")))
        self.pay()
        self.assertEqual(self.status(), "pending")

    def test_a_wallet_registered_later(self) -> None:
        """Nothing is found until then; then also what was paid meanwhile, and nothing paid before."""
        self.pay(400)
        self.mine()
        self.create(self.request("old", amount_sats=400))
        self.create(self.request())
        self.pay()
        self.mine()
        self.assertEqual(self.status(), "pending")
        self.relay.register(self.owner, Listener(self.time, "owner"))
        self.wait(200)
        self.assertEqual((self.status(), self.status("old")), ("confirmed", "pending"))

    def test_orphaned_by_a_reorganisation(self) -> None:
        """And confirmed again by the next block."""
        self.relay.register(self.owner, Listener(self.time, "owner"))
        self.create(self.request())
        self.pay()
        self.mine()
        [back] = self.node.undo()
        self.node.remove(back.txid)
        self.node.mine()
        self.node.mine()
        self.wait(200)
        self.assertEqual(self.status(), "orphaned")
        self.node.add(back)
        self.mine()
        self.assertEqual(self.told(self.merchant), ["detected", "confirmed", "orphaned", "confirmed"])

    def test_expires(self) -> None:
        """When its time has come, and what comes later is not for it."""
        self.relay.register(self.owner, Listener(self.time, "owner"))
        self.create(self.request(expires_at=int(self.time.now()) + 60))
        self.wait(61 * 20 + int(service.REVIEW * 20))
        self.pay()
        self.assertEqual(self.told(self.merchant), ["expired"])


class NamingTests(PaymentCase):
    """``payment_id``."""

    def test_the_same_again_has_the_first_answer(self) -> None:
        """Even when it stands otherwise by now, and whoever asks."""
        self.relay.register(self.owner, Listener(self.time, "owner"))
        first = self.create(self.request(metadata={"b": 1, "a": 2}))
        self.pay()
        again = self.create(self.request(metadata={"a": 2, "b": 1}), Listener(self.time, "other"))
        self.assertEqual(again, first)

    def test_another_body_is_a_conflict(self) -> None:
        """Whatever differs."""
        self.create(self.request())
        changes: list[dict[str, Any]] = [{"amount_sats": 1}, {"metadata": {"x": 1}}, {"confirmations_required": 2}]
        for change in changes:
            self.assertEqual(self.refused(self.request(**change)).code, Code.CONFLICT)

    def test_hostile_fields(self) -> None:
        """Addresses that are none or of another network, metadata too large, times gone by."""
        mainnet = str(self.owner.address).replace("tsp1", "sp1")
        wrong: list[dict[str, Any]] = [
            {"recipient": "sp1qxy2kgdygjrsqtzq2n0yrf2493p83kkfjhx0wlh"},
            {"recipient": mainnet},
            {"metadata": {"a": "x" * service.METADATA}},
            {"expires_at": 1},
        ]
        for change in wrong:
            problem = self.refused(self.request(**change))
            self.assertEqual((problem.code, problem.details["field"]), (Code.VALIDATION_ERROR, next(iter(change))))


class SightTests(PaymentCase):
    """Who sees what."""

    def test_strangers_neither_see_nor_hear(self) -> None:
        """Sessions that did not record it and do not hold the wallet."""
        owner, stranger = self.hearing("owner"), self.hearing("stranger")
        self.relay.register(self.owner, owner)
        self.create(self.request())
        self.pay()
        self.assertEqual((self.told(owner), self.told(stranger)), (["detected"], []))
        self.assertEqual(self.status(by=owner), "detected")
        error = Deferred.fromCoroutine(self.relay.payments.get(GetPayment(payment_id="pay_1"), stranger))
        self.assertEqual(self.failureResultOf(error, Problem).value.code, Code.NOT_FOUND)

    def test_a_users_sessions_are_one(self) -> None:
        """They hear of what another of them recorded, and later of what they missed."""
        alice = Principal("alice", frozenset({Role.READER}))
        since = self.relay.hub.position
        self.relay.register(self.owner, Listener(self.time, "owner"))
        self.create(self.request(), Listener(self.time, "first", principal=alice))
        self.pay()
        second = self.hearing("second", since, principal=alice)
        self.wait()
        self.assertEqual((self.told(second), self.status(by=second)), (["detected"], "detected"))

    def test_nothing_is_told_twice_to_a_creator_who_holds_the_wallet(self) -> None:
        """Live and from the past."""
        alice, since = Principal("alice", frozenset()), self.relay.hub.position
        first = self.hearing("first", principal=alice)
        self.relay.register(self.owner, first)
        self.create(self.request(), first)
        self.pay()
        again = self.hearing("again", since, principal=alice, wallet_ids=first.wallet_ids)
        self.wait()
        self.assertEqual((self.told(first), self.told(again)), (["detected"], ["detected"]))

    def test_pages(self) -> None:
        """As recorded, without one missing or twice; a cursor that is none is refused."""
        for number in range(7):
            self.create(self.request(f"pay_{number}"))
        names, cursor = [], None
        while cursor is not None or not names:
            page = self.relay.run(
                self.relay.payments.list_payments(ListPayments(limit=3, cursor=cursor), self.merchant)
            )
            names += [item.payment_id for item in page.payments]
            cursor = page.cursor
        self.assertEqual(names, [f"pay_{number}" for number in range(7)])
        bad = Deferred.fromCoroutine(self.relay.payments.list_payments(ListPayments(cursor="x"), self.merchant))
        self.assertEqual(self.failureResultOf(bad, Problem).value.details["field"], "cursor")

    def test_over_http(self) -> None:
        """The wallet's for its holder, all for an operator, none for anybody else."""
        self.relay.register(self.owner, self.merchant)
        self.create(self.request())
        self.create(self.request("elsewhere", recipient=str(Owner.make(self.source).address)))
        operator = Principal("root", frozenset({Role.OPERATOR}))
        seen = [
            len(self.relay.run(self.relay.payments.get_payments(GetPayments(), caller)).payments)
            for caller in (self.merchant, Listener(self.time, principal=operator))
        ]
        self.assertEqual(seen, [1, 2])
        nobody = Deferred.fromCoroutine(self.relay.payments.get_payments(GetPayments(), Listener(self.time)))
        self.assertEqual(self.failureResultOf(nobody, Problem).value.code, Code.AUTH_REQUIRED)

    def test_a_forgotten_wallet(self) -> None:
        """Its payments stay with their creator as they were, and go on when it is registered again."""
        wallet_id = self.relay.register(self.owner, self.merchant).wallet_id
        self.create(self.request())
        self.pay()
        now(self.store.wallets.unregister(wallet_id))
        self.assertEqual(self.status(), "detected")
        self.assertEqual(now(self.store.payments.unlinked()), [str(self.owner.address)])
