"""Random plans of blocks, reorganisations, evictions, lost hints, failures and kills; afterwards nothing is missing."""

from __future__ import annotations

import random
from typing import Any

import msgspec
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import IndexedBlock, display
from sdkrelay.domain.notification import Entry, Kind, Topic
from sdkrelay.messages.native.subscription import Subscribe
from sdkrelay.ports import Unavailable
from tests.support.blocks import Written, random_transaction
from tests.support.simulated import Listener, Owner, SimulatedNode, SimulatedRelay, payment, spending
from tests.support.stores import now, opened
from tests.support.tasks import DrivenTime

SEEDS = 60
STEPS = 40


class Plan:
    """One random life of a chain, a relay, and a client that comes and goes."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.time = DrivenTime()
        self.node = SimulatedNode(self.time, self.source)
        self.owners = [Owner.make(self.source) for _ in range(3)]
        self.payments: dict[bytes, Owner] = {}
        self.wallets: dict[str, Owner] = {}
        self.store = now(opened())
        for _ in range(3):
            self.node.mine()
        self.relay = SimulatedRelay(self.node, self.store, self.time)
        self.relay.start()
        self.entries: list[Entry] = []
        self.listener = Listener(self.time)
        self.position = f"{now(self.store.log.log_id())}-0"
        self.subscribe()
        self.join()

    def subscribe(self) -> None:
        """The client asks for all that came after its position."""
        since = Subscribe(subscriptions=("notifications",), since=self.position)
        self.relay.run(self.relay.hub.subscribe(since, self.listener))

    def join(self) -> None:
        """A wallet is registered, to be caught up from the first block."""
        if len(self.wallets) < len(self.owners):
            owner = self.owners[len(self.wallets)]
            self.wallets[self._patiently(owner)] = owner

    def _patiently(self, owner: Owner) -> str:
        while True:
            try:
                return self.relay.register(owner, self.listener).wallet_id
            except Unavailable:
                self.wait(1)

    def run(self, steps: int) -> None:
        """Do random things at random times, then let all heal."""
        self.node.failing, self.node.deaf = self.source.choice([(0, 0), (0.05, 0.3), (0.1, 0.05)])
        actions = [*[self.mine] * 3, *[self.pay] * 3, self.spend, self.evict, self.fork, self.kill, self.join]
        for _ in range(steps):
            self.source.choice(actions)()
            self.wait(self.source.choice([0, 1, 5, 20, 60]))
        self.node.failing = self.node.deaf = 0.0
        self.node.mine()
        self.wait(400)

    def wait(self, turns: int) -> None:
        """Let some time pass, in turns of a twentieth of a second in which the relay can do a few steps each."""
        for _ in range(turns):
            self.time.advance(0.05)

    def mine(self) -> None:
        """A block with some of the mempool."""
        chosen = [one for one in self.node.pool.values() if self.source.random() < 0.6 and self._is_ready(one)]
        self.node.mine(tuple(chosen))

    def _is_ready(self, transaction: Written) -> bool:
        return all(spent.outpoint[:32] not in self.node.pool for spent in transaction.inputs)

    def pay(self) -> None:
        """A payment, or something that is none."""
        if self.source.random() < 0.7:
            owner = self.source.choice(self.owners)
            paid = payment(self.source, owner)
            self.payments[paid.txid] = owner
        else:
            paid = random_transaction(self.source, taproot=True)
        self.node.add(paid)

    def spend(self) -> None:
        """One of the payments that are in the chain or the mempool is spent."""
        spent = {put.outpoint for one in self._everything() for put in one.inputs}
        free = [one for one in self._everything() if one.txid in self.payments and one.outpoint(0) not in spent]
        if free:
            self.node.add(spending(self.source, self.source.choice(free)))

    def _everything(self) -> list[Written]:
        return [one for block in self.node.chain for one in block.transactions] + list(self.node.pool.values())

    def evict(self) -> None:
        """A transaction leaves the mempool."""
        if self.node.pool:
            self.node.remove(self.source.choice(list(self.node.pool)))

    def fork(self) -> None:
        """Some blocks are replaced by as many, or more; now and then the old ones come back on top."""
        depth = self.source.randint(1, min(6, len(self.node.chain) - 1))
        old = self.node.chain[-depth:]
        for _ in range(depth):
            self.node.undo()
        for _ in range(depth + self.source.randint(0, 1)):
            self.mine()
        if self.source.random() < 0.3:
            self._back_to(old)

    def _back_to(self, old: list[Any]) -> None:
        self.wait(self.source.choice([0, 5, 60]))
        while self.node.chain[-1].hash != old[0].prev_hash:
            self.node.undo()
        for block in old:
            self.node.chain.append(block)
            for one in block.transactions:
                self.node.pool.pop(one.txid, None)
        self.mine()

    def kill(self) -> None:
        """The relay dies and comes back; the client asks for what it missed."""
        if self.source.random() < 0.7:
            return
        self.relay.kill()
        self._note()
        self.relay = SimulatedRelay(self.node, self.store, self.time)
        self.relay.start()
        self.listener = Listener(self.time, wallet_ids=frozenset(self.wallets))
        self.subscribe()

    def _note(self) -> None:
        """Remember what the client heard, and up to where."""
        self.listener.end()
        self.entries += [news.entry for news in self.listener.heard]
        if self.listener.heard:
            self.position = str(self.listener.heard[-1].position)

    def finish(self) -> list[Entry]:
        """All that the client was told, over all its connections."""
        self._note()
        return self.entries

    def truth(self) -> dict[str, tuple[str, bool]]:
        """What is really confirmed, and whether it is spent."""
        spent = {put.outpoint for one in self._everything() for put in one.inputs}
        owners = list(self.wallets.values())
        return {
            display(one.txid): (display(block.hash), one.outpoint(0) in spent)
            for block in self.node.chain
            for one in block.transactions
            if self.payments.get(one.txid) in owners
        }


def folded(entries: list[Entry]) -> dict[str, tuple[str, bool]]:
    """What a client believes that only reads what it is told."""
    confirmed: dict[str, str] = {}
    spent: set[str] = set()
    for entry in entries:
        if entry.topic is not Topic.PAYMENTS:
            continue
        data = msgspec.json.decode(entry.body)
        if entry.kind is Kind.PAYMENT_CONFIRMED:
            confirmed[data["txid"]] = data["block_hash"]
        elif entry.kind is Kind.PAYMENT_ORPHANED:
            confirmed.pop(data["txid"], None)
        elif entry.kind is Kind.PAYMENT_SPENT:
            spent.add(data["txid"])
        elif entry.kind is Kind.PAYMENT_UNSPENT:
            spent.discard(data["txid"])
    return {txid: (block, txid in spent) for txid, block in confirmed.items()}


def folded_blocks(entries: list[Entry]) -> list[str]:
    """The chain as a client believes it to be."""
    chain: list[str] = []
    for entry in entries:
        if entry.kind is Kind.BLOCK_MINED:
            chain.append(msgspec.json.decode(entry.body)["block_hash"])
        elif entry.kind is Kind.BLOCK_DISCONNECTED:
            assert chain.pop() == msgspec.json.decode(entry.body)["block_hash"]
    return chain


class PlanTests(SynchronousTestCase):
    """After any plan, index, wallets and what clients were told are what a fresh relay would find."""

    def test_plans(self) -> None:
        """Index row by row, folded notifications against a fresh scan and the truth, nothing told twice."""
        for seed in range(SEEDS):
            plan = Plan(seed)
            plan.run(STEPS)
            self._check(seed, plan)
            plan.relay.kill()
            plan.wait(20)

    def _check(self, seed: int, plan: Plan) -> None:
        told = plan.finish()
        label = f"seed {seed}"
        self.assertEqual(_fresh_index(plan), _index(plan.relay), label)
        self.assertEqual(plan.truth(), folded(told), label)
        self.assertEqual(plan.truth(), _scanned(plan), label)
        self.assertEqual([display(block.hash) for block in plan.node.chain], folded_blocks(told), label)
        numbers = [entry.number for entry in told]
        self.assertEqual(sorted(set(numbers)), numbers, label)
        detected = [msgspec.json.decode(entry.body)["txid"] for entry in told if entry.kind is Kind.PAYMENT_DETECTED]
        self.assertEqual(len(set(detected)), len(detected), label)


def _index(relay: SimulatedRelay) -> list[IndexedBlock]:
    return [evolve(row) for row in now(relay.store.index.rows(0, 10_000))]


def _fresh_index(plan: Plan) -> list[IndexedBlock]:
    relay = SimulatedRelay(plan.node, now(opened()), plan.time)
    relay.start()
    plan.wait(2_000)
    relay.kill()
    return _index(relay)


def _scanned(plan: Plan) -> dict[str, tuple[str, bool]]:
    responses = [
        response for owner in plan.wallets.values() for response in plan.relay.scan(owner, 0, len(plan.node.chain) - 1)
    ]
    found = [one for response in responses for result in response.results for one in result.transactions]
    return {one.txid: (one.block_hash, one.spent) for one in found}
