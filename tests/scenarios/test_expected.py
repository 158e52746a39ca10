"""Expected payments through random plans of blocks, reorganisations, evictions and kills: told once, and true at the end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.expected import Expected
from sdkrelay.domain.notification import Entry, Kind
from sdkrelay.messages.native.payments import CreatePayment
from tests.scenarios.test_plans import STEPS, Plan
from tests.support.simulated import payment
from tests.support.stores import now

SEEDS = 25
MOST = 10_000


class ExpectingPlan(Plan):
    """A plan in which every payment was expected, each of another amount; some of those expected never come."""

    def __init__(self, seed: int) -> None:
        self.expected: dict[int, CreatePayment] = {}
        self.transactions: dict[int, bytes] = {}
        super().__init__(seed)

    def pay(self) -> None:
        """Somebody expects a payment; most are paid."""
        owner, sats = self.source.choice(self.owners), 10_000 + len(self.expected)
        request = CreatePayment(
            payment_id=f"pay_{sats}",
            amount_sats=sats,
            recipient=str(owner.address),
            confirmations_required=self.source.randint(1, 3),
        )
        self.relay.run(self.relay.payments.create(request, self.listener))
        self.expected[sats] = request
        if self.source.random() < 0.8:
            paid = payment(self.source, owner, sats)
            self.payments[paid.txid] = owner
            self.transactions[sats] = paid.txid
            self.node.add(paid)

    def stored(self) -> dict[str, Expected]:
        """The payments as the store has them."""
        return {one.payment_id: one for one in now(self.store.payments.payments(0, MOST, None))}

    def really(self, sats: int, seen: bool) -> str:
        """How a payment stands as the node has it; ``seen`` says whether the relay had found it."""
        request, txid = self.expected[sats], self.transactions.get(sats)
        if str(self.owners_address(request)) not in {str(owner.address) for owner in self.wallets.values()}:
            return "pending"
        heights = [block.height for block in self.node.chain if txid in {one.txid for one in block.transactions}]
        if heights:
            deep = len(self.node.chain) - heights[0] >= request.confirmations_required
            return "confirmed" if deep else "detected"
        if txid in self.node.pool:
            return "detected"
        return "orphaned" if seen else "pending"

    @staticmethod
    def owners_address(request: CreatePayment) -> str:
        """Whom it pays."""
        return request.recipient


def updates(entries: list[Entry]) -> list[dict[str, Any]]:
    """What was told of expected payments."""
    return [msgspec.json.decode(entry.body) for entry in entries if entry.kind is Kind.PAYMENT_UPDATE]


class ExpectedPlanTests(SynchronousTestCase):
    """After any plan, what was told, what is stored and what is true are the same."""

    def test_plans(self) -> None:
        """Every payment's last update is its state, and each update said something new."""
        for seed in range(SEEDS):
            plan = ExpectingPlan(seed)
            plan.run(STEPS)
            self._check(f"seed {seed}", plan)
            plan.relay.kill()
            plan.wait(20)

    def _check(self, label: str, plan: ExpectingPlan) -> None:
        stored, told = plan.stored(), updates(plan.finish())
        for sats, request in plan.expected.items():
            payment = stored[request.payment_id]
            self.assertEqual(plan.really(sats, payment.outpoint is not None), payment.status, f"{label} {sats}")
            own = [one for one in told if one["payment_id"] == request.payment_id]
            last = own[-1] if own else {"status": "pending", "block_height": None}
            height = payment.block.height if payment.block else None
            self.assertEqual((last["status"], last["block_height"]), (payment.status, height), f"{label} {sats}")
            states = [(one["status"], one["txid"], one["block_hash"]) for one in own]
            self.assertTrue(all(one != two for one, two in pairwise(states)), f"{label} {states}")
