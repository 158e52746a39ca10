"""Registering, listing and forgetting wallets, over the real services on a simulated node."""

from __future__ import annotations

import random
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.silent import decode_address, label_tweak, public_key
from sdkrelay.domain.chain import BlockHash, BlockId
from sdkrelay.domain.notification import Topic
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.io.storage import DatabaseStore
from sdkrelay.messages.native.scan import ScanProgress
from sdkrelay.messages.native.wallets import ListWallets, RegisterWallet, UnregisterWallet, WalletRegistered
from sdkrelay.messages.values import PrivateKey
from sdkrelay.ports import IndexStore, Unavailable
from sdkrelay.services.catching import CatchingUp
from sdkrelay.services.keys import Vault
from sdkrelay.services.matching import Turns
from sdkrelay.services.wallets import MARGIN
from sdkrelay.services.watching import Progress
from tests.support.simulated import Listener, Owner, SeededEntropy, SimulatedNode, SimulatedRelay, payment
from tests.support.stores import now, opened
from tests.support.tasks import DrivenTime

ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
ORDER_NUMBER = int(ORDER, 16)


class NextBlockShown:
    """An index that shows its tip once, and from then on a block more: committed, and not yet taken over by the wallets."""

    def __init__(self, index: IndexStore) -> None:
        self._index, self._asked = index, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    async def tip(self) -> BlockId | None:
        tip = await self._index.tip()
        assert tip is not None
        tip, self._asked = (BlockId(tip.height + 1, BlockHash(bytes(32))) if self._asked else tip), True
        return tip


class WalletCase(SynchronousTestCase):
    """A relay at the tip of a short chain."""

    START = 0

    def setUp(self) -> None:
        self.time, self.source = DrivenTime(), random.Random(7)
        self.node = SimulatedNode(self.time, self.source)
        for _ in range(5):
            self.node.mine()
        self.store: DatabaseStore = now(opened())
        self.relay = self.given_relay()
        self.owner, self.listener = Owner.make(self.source), Listener(self.time)
        self.addCleanup(self.end)

    def end(self) -> None:
        self.relay.kill()
        self.wait()

    def given_relay(self) -> SimulatedRelay:
        relay = SimulatedRelay(self.node, self.store, self.time, self.START)
        relay.start()
        self.wait()
        return relay

    def wait(self, turns: int = 100) -> None:
        for _ in range(turns):
            self.time.advance(0.05)

    def refused(self, request: RegisterWallet) -> Problem:
        return self.failureResultOf(self.answered(request), Problem).value

    def answered(self, request: RegisterWallet) -> Deferred[WalletRegistered]:
        answer = Deferred.fromCoroutine(self.relay.wallets.register(request, self.listener))
        self.wait()
        return answer


class RegisterTests(WalletCase):
    """``register_wallet``."""

    def test_answer(self) -> None:
        """The answer has the wallet's own address and a token; the session holds the wallet."""
        answer = self.relay.register(self.owner, self.listener, birthday=2)

        self.assertEqual(self.owner.address, decode_address(answer.address))
        self.assertEqual((2, 1, None), (answer.birthday, answer.cursor.height, answer.cursor.hash))
        self.assertEqual(frozenset([answer.wallet_id]), self.listener.wallet_ids)
        self.assertGreaterEqual(len(answer.wallet_token), 43)

    def test_history_is_caught_up(self) -> None:
        """What was paid since the birthday is told, and the progress ends at one."""
        self.node.mine((payment(self.source, self.owner, 12_345),))
        self.wait()

        answer = self.relay.register(self.owner, self.listener)
        self.wait()

        told = now(self.store.log.read(0, frozenset([Topic.PAYMENTS]), frozenset([answer.wallet_id]), 10))
        self.assertEqual(["payment_detected", "payment_confirmed"], [entry.kind.value for entry in told])
        progress = [message for message in self.listener.told if isinstance(message, ScanProgress)]
        self.assertEqual(
            (1.0, 5, answer.wallet_id), (progress[-1].progress, progress[-1].block, progress[-1].wallet_id)
        )

    def test_progress_ends_at_one_beside_a_new_block(self) -> None:
        """A block that the index shows just after the arrival does not leave the progress unfinished."""
        self.relay.register(self.owner, self.listener)
        self.wait()
        [watched] = self.relay.watch.all()
        index, tasks = NextBlockShown(self.store.index), self.time.tasks
        catching = CatchingUp(
            cast(IndexStore, index), self.relay.watch, self.relay.stepper, Turns(tasks), tasks, self.time
        )
        shown: list[Progress] = []
        watched.progress = shown.append
        catching.start(watched)
        self.wait()
        self.assertEqual([(4, 4, 0.0)], [(one.to_block, one.block, one.remaining) for one in shown])

    def test_a_payment_before_the_birthday_is_not_looked_for(self) -> None:
        """Blocks before the birthday are left out."""
        self.node.mine((payment(self.source, self.owner),))
        self.wait()

        answer = self.relay.register(self.owner, self.listener, birthday=6)
        self.wait()

        self.assertEqual([], now(self.store.wallets.outputs(answer.wallet_id)))

    def test_earlier_birthday_looks_back(self) -> None:
        """The same keys with an earlier birthday are the same wallet, another token, and a longer look back."""
        self.node.mine((payment(self.source, self.owner),))
        self.wait()
        first = self.relay.register(self.owner, self.listener, birthday=6)
        self.wait()

        second = self.relay.register(self.owner, self.listener, birthday=1)
        self.wait()

        self.assertEqual((first.wallet_id, 1), (second.wallet_id, second.birthday))
        self.assertNotEqual(first.wallet_token, second.wallet_token)
        self.assertEqual(1, len(now(self.store.wallets.outputs(first.wallet_id))))

    def test_labels_are_united(self) -> None:
        """Labels of both registrations are watched, each once."""
        self.relay.run(self.relay.wallets.register(self.owner.registration(labels=(3, 1, 3)), self.listener))
        answer = self.relay.run(self.relay.wallets.register(self.owner.registration(labels=(2,)), self.listener))

        self.assertEqual((1, 2, 3), answer.labels)

    def test_no_birthday_means_new(self) -> None:
        """A wallet without a birthday is watched from a few blocks before the tip on, which may yet be reorganised."""
        for _ in range(2 * MARGIN):
            self.node.mine()
        self.wait()
        request = self.owner.registration()
        fresh = RegisterWallet(scan_private_key=request.scan_private_key, spend_public_key=request.spend_public_key)

        answer = self.relay.run(self.relay.wallets.register(fresh, self.listener))

        self.assertEqual(5 + MARGIN, answer.birthday)

    def test_birthday_as_a_time(self) -> None:
        """A time stands for the first block of two hours before."""
        answer = self.relay.register(self.owner, self.listener, birthday=self.node.chain[3].time + 7200)

        self.assertEqual(3, answer.birthday)

    def test_birthday_beyond_the_tip(self) -> None:
        """A height that no next block will have is refused, with the highest one that is taken."""
        problem = self.refused(self.owner.registration(birthday=7))

        self.assertEqual((Code.VALIDATION_ERROR, "birthday"), (problem.code, problem.details["field"]))
        self.assertIn("5", problem.message)

    def test_birthday_that_only_the_node_can_judge(self) -> None:
        """Beyond the index while the node is away it is UNAVAILABLE, not wrong: it may well be there."""
        self.node.failing = 1.0

        self.failureResultOf(self.answered(self.owner.registration(birthday=6)), Unavailable)

    def test_secret_out_of_range(self) -> None:
        """Zero and the group's order are refused, and not repeated."""
        for secret in ("00" * 32, ORDER):
            problem = self.refused(
                RegisterWallet(scan_private_key=PrivateKey(secret), spend_public_key="02" + "11" * 32)
            )
            self.assertEqual("scan_private_key", problem.details["field"])
            self.assertNotIn(secret, f"{problem.message} {problem.details}")

    def test_spend_key_off_the_curve(self) -> None:
        """A spend key that is no point is refused by name."""
        key = "02" + "00" * 31 + "05"
        problem = self.refused(
            RegisterWallet(scan_private_key=self.owner.registration().scan_private_key, spend_public_key=key)
        )
        self.assertEqual(("spend_public_key", key), (problem.details["field"], problem.details["value"]))

    def test_spend_key_that_a_label_cancels(self) -> None:
        """A spend key that is the negative of a label's point leaves no key to pay to, and is refused."""
        secret = self.owner.scan_secret
        tweak = ORDER_NUMBER - int.from_bytes(label_tweak(secret, 1), "big")
        key = public_key(tweak.to_bytes(32, "big")).hex()
        request = RegisterWallet(scan_private_key=PrivateKey(secret.hex()), spend_public_key=key, labels=(1,))

        self.assertEqual("spend_public_key", self.refused(request).details["field"])

    def test_too_many_labels_together(self) -> None:
        """A hundred labels are taken; one more, in a second registration, is refused and changes nothing."""
        many = self.owner.registration(labels=tuple(range(1, 101)))
        answer = self.relay.run(self.relay.wallets.register(many, self.listener))

        self.assertEqual("labels", self.refused(self.owner.registration(labels=(101,))).details["field"])
        self.assertEqual(100, len(answer.labels))

    def test_restart_keeps_the_wallet(self) -> None:
        """After a restart the wallet is watched as before."""
        answer = self.relay.register(self.owner, self.listener)
        self.wait()
        self.relay.kill()
        self.relay = self.given_relay()

        self.node.mine((payment(self.source, self.owner),))
        self.wait()

        self.assertEqual(1, len(now(self.store.wallets.outputs(answer.wallet_id))))

    def test_another_master_key(self) -> None:
        """Wallets sealed under another master key are counted and left alone; registering again makes them readable."""
        self.relay.register(self.owner, self.listener)
        self.wait()
        self.relay.kill()
        self.relay = SimulatedRelay(self.node, self.store, self.time)
        self.relay.wallets._vault = Vault(b"\1" * 32, SeededEntropy(self.source))
        self.relay.start()

        self.assertEqual((1, 0), (self.relay.wallets.unreadable, len(self.relay.watch)))
        self.relay.register(self.owner, self.listener)
        self.assertEqual(1, len(self.relay.watch))


class LateStartTests(WalletCase):
    """A relay whose index begins above the first block."""

    START = 3

    def test_birthday_before_the_index(self) -> None:
        """A birthday before the index is UNAVAILABLE, with the first block that is indexed."""
        problem = self.refused(self.owner.registration(birthday=2))

        self.assertEqual((Code.UNAVAILABLE, 3), (problem.code, problem.details["first_block"]))


class HeldWalletTests(WalletCase):
    """What a session may do with wallets it holds."""

    def test_list_is_paged(self) -> None:
        """Wallets come by id, a page at a time, and only those that are held."""
        ids = sorted(self.relay.register(Owner.make(self.source), self.listener).wallet_id for _ in range(3))
        self.relay.register(self.owner, Listener(self.time, "other"))

        first = self.relay.run(self.relay.wallets.list_wallets(ListWallets(limit=2), self.listener))
        rest = self.relay.run(self.relay.wallets.list_wallets(ListWallets(cursor=first.cursor), self.listener))

        self.assertEqual(ids, [item.wallet_id for item in (*first.wallets, *rest.wallets)])
        self.assertIsNone(rest.cursor)

    def test_balance_counts_the_mempool(self) -> None:
        """Unspent outputs are summed, confirmed or not."""
        self.relay.register(self.owner, self.listener)
        self.node.mine((payment(self.source, self.owner, 100_000),))
        self.node.add(payment(self.source, self.owner, 20_000))
        self.wait()

        item = self.relay.run(self.relay.wallets.list_wallets(ListWallets(), self.listener)).wallets[0]

        self.assertEqual((120_000, 2, 5), (item.balance_sats, item.unspent, item.cursor.height))

    def test_unregister_forgets(self) -> None:
        """A wallet that is forgotten leaves nothing behind and is told of nothing more."""
        answer = self.relay.register(self.owner, self.listener)
        self.node.mine((payment(self.source, self.owner),))
        self.wait()

        self.relay.run(self.relay.wallets.unregister(UnregisterWallet(wallet_id=answer.wallet_id), self.listener))
        self.node.mine((payment(self.source, self.owner),))
        self.wait()

        self.assertEqual([], now(self.store.wallets.wallets()))
        self.assertEqual([], now(self.store.wallets.outputs(answer.wallet_id)))
        self.assertEqual(
            [], now(self.store.log.read(0, frozenset([Topic.PAYMENTS]), frozenset([answer.wallet_id]), 10))
        )
        self.assertEqual(frozenset(), self.listener.wallet_ids)

    def test_foreign_wallet_is_not_found(self) -> None:
        """A session cannot forget a wallet it does not hold, nor learn whether it exists."""
        answer = self.relay.register(self.owner, Listener(self.time, "other"))
        for wallet_id in (answer.wallet_id, "no such wallet"):
            with self.assertRaises(Problem) as caught:
                self.relay.run(self.relay.wallets.unregister(UnregisterWallet(wallet_id=wallet_id), self.listener))
            self.assertEqual(Code.NOT_FOUND, caught.exception.code)
