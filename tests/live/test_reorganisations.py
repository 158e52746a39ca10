"""Reorganisations as they really come: two bitcoinds mine apart and meet again, with payments in both branches.

After each plan the index is, row by row, that of a relay that never saw the lost branch; and a client that only folds what
it was told believes what a fresh scan finds, and what is true.
"""

from __future__ import annotations

from typing import ClassVar

from sdkrelay.demo.payer import Payer
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.domain.chain import IndexedBlock
from sdkrelay.io.bitcoind.process import RegtestNode
from tests.support.bitcoind import pause, until
from tests.support.live import LiveTestCase, Place, Stage, aside, confirmed, height, indexed, mine, rich_payer
from tests.support.stores import now, opened

from .listener import Listener, Owner, folded, folded_chain, scanned

SATS = 300_000


class ForkTestCase(LiveTestCase):
    """Two nodes with one chain, each with somebody who pays; a new relay on the near one for each test."""

    timeout = 300
    far: ClassVar[RegtestNode]
    far_payer: ClassVar[Payer]

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """Two nodes with coins on both sides."""
        super().furnish(stage)
        cls.far = stage.node("far")
        meet(cls.node, cls.far)
        wait_for_height(cls.far, height(cls.node))
        cls.far_payer = rich_payer(cls.far, b"\x22" * 32)
        wait_for_height(cls.node, height(cls.far))

    async def setUp(self) -> None:  # type: ignore[override]
        """One chain, then apart; a wallet that has a confirmed payment, and its client."""
        super().setUp()
        await self.join()
        self.relay = self.stage.relay(self.node, self.id())
        self.addCleanup(self.relay.kill)
        self.relay.start()
        await indexed(self.relay)
        self.base = height(self.node)
        self.owner, self.listener, self.paid = Owner.make(), Listener(self.relay), set[Place]()
        self.addCleanup(self.listener.go)
        await self.listener.come()
        await self.listener.register(self.owner)
        self.first = await self.give(SATS)
        await self.mine()
        await self.join()
        await self.listener.hear("payment_confirmed", txid=self.first)
        await self.part()

    async def part(self) -> None:
        """From here on each node has a chain of its own."""
        nodes = (self.node, self.far)
        for node in nodes:
            node.call("setnetworkactive", False)
        await until(lambda: not any(node.call("getconnectioncount") for node in nodes), "the nodes are apart")

    async def join(self) -> None:
        """Let the nodes agree on the longer chain."""
        meet(self.node, self.far)
        await until(lambda: best(self.node) == best(self.far), "the nodes agree", 60)

    async def give(self, sats: int) -> str:
        """Pay the wallet on the near side; the txid."""
        txid = await self.pay((self.owner.address, sats))
        self.paid.add((txid, 0))
        return txid

    async def give_far(self, sats: int) -> str:
        """Pay the wallet on the far side."""
        txid = await aside(self.far_payer.pay, [(self.owner.address, sats)])
        self.paid.add((txid, 0))
        return txid

    async def give_on_both(self, sats: int) -> str:
        """Pay the wallet by one transaction on both sides."""
        raw = await aside(self.payer.pay, [(self.owner.address, sats)], broadcast=False)
        txids = [await aside(node.call, "sendrawtransaction", raw) for node in (self.node, self.far)]
        self.paid.add((txids[0], 0))
        return str(txids[0])

    async def spend(self, txid: str) -> str:
        """Spend, on the near side, what a payment gave."""
        paid = await self.listener.hear("payment_confirmed", txid=txid)
        return await aside(self.payer.spend, self.owner.coin(paid))

    async def branch(self, depth: int, more: int = 1) -> None:
        """Mine apart: so many blocks near, and more far; payments near, far and on both sides, and a spend near."""
        both = await self.give_on_both(SATS + 1)
        near, spender = await self.give(SATS + 2), await self.spend(self.first)
        await self.mine(depth)
        await self.give_far(SATS + 3)
        await aside(mine, self.far, self.far_payer.address, depth + more)
        for txid in (both, near):
            await self.listener.hear("payment_confirmed", txid=txid)
        await self.listener.hear(
            "payment_spent", txid=self.first, spent_by=spender, block_height=height(self.node) - depth + 1
        )
        await indexed(self.relay)

    async def check(self) -> None:
        """Told, scanned, true: all the same; and nothing was told twice or out of order."""
        await indexed(self.relay)
        await self.listener.hear("block_mined", block_hash=best(self.node))
        truth = await aside(confirmed, self.node, self.paid, self.base)
        # Wallets come after the index, and what a block gave back to the mempool is found there when it is looked at.
        await until(lambda: folded(self.listener.told) == truth, f"told, as it is true: {truth}", 30)
        self.assertTrue(self.listener.is_ascending())
        self.assertEqual(self.listener.repeated(), [])
        chain = folded_chain(self.listener.told)
        first = height(self.node) - len(chain) + 1
        self.assertEqual(chain, [self.node.call("getblockhash", first + number) for number in range(len(chain))])
        await self.check_against_fresh(truth)

    async def check_against_fresh(self, truth: dict[Place, tuple[str, bool]]) -> None:
        """A relay that never saw the other branch has the same rows and finds the same."""
        fresh = self.stage.relay(self.node, f"{self.id()}-fresh")
        fresh.start()
        await indexed(fresh)
        for relay in (self.relay, fresh):
            scanner = Listener(relay)
            await scanner.come()
            self.assertEqual(await self.found_by(scanner, truth), truth)
            await scanner.go()
            await aside(relay.stop)
        self.assertEqual(rows_of(self.relay), rows_of(fresh))

    async def found_by(self, scanner: Listener, truth: dict[Place, tuple[str, bool]]) -> dict[Place, tuple[str, bool]]:
        """What a scan finds in the end: a relay that has just started looks at the mempool after the index."""
        for _ in range(50):
            found = scanned(await scanner.scan(0, height(self.node), scan_keys=[self.owner.keys]))
            if found == truth:
                break
            await pause(0.2)
        return found


class DepthTests(ForkTestCase):
    """The far branch is one longer when the nodes meet."""

    async def reorganise(self, depth: int) -> None:
        """Part, meet, and mine what came back into the mempool."""
        await self.branch(depth)
        await self.join()
        await self.listener.hear("block_disconnected", block_height=height(self.node) - depth)
        await indexed(self.relay)
        self.assertEqual(len(self.listener.heard("block_disconnected")), depth)
        await self.mine()
        await self.check()

    async def test_one_block(self) -> None:
        """The smallest."""
        await self.reorganise(1)

    async def test_two_blocks(self) -> None:
        """The usual."""
        await self.reorganise(2)

    async def test_ten_blocks(self) -> None:
        """Rare."""
        await self.reorganise(10)

    async def test_a_hundred_blocks(self) -> None:
        """As deep as coins need to mature; the relay is killed while it undoes them, and goes on where it was."""
        await self.branch(100)
        await self.join()
        await until(lambda: len(self.listener.heard("block_disconnected")) >= 10, "ten blocks were undone")
        self.relay.kill()
        await self.listener.gone()
        self.relay.start()
        await self.listener.come()
        await indexed(self.relay)
        self.assertEqual(len(self.listener.heard("block_disconnected")), 100)
        await self.mine()
        await self.check()

    async def test_while_the_relay_is_away(self) -> None:
        """It finds its tip on a lost branch when it starts."""
        await self.branch(3)
        self.relay.kill()
        await self.listener.gone()
        await self.join()
        self.relay.start()
        await self.listener.come()
        await self.check()


class EqualHeightTests(ForkTestCase):
    """The node changes its mind without a higher block."""

    async def to_other_branch(self) -> str:
        """Give the near node the far branch, of equal height, and let it prefer that; the lost tip."""
        lost = best(self.node)
        await self.branch(2, more=0)
        lost = best(self.node)
        for at in (height(self.far) - 1, height(self.far)):
            block = self.far.call("getblock", self.far.call("getblockhash", at), 0)
            self.node.call("submitblock", block)
        self.node.call("preciousblock", best(self.far))
        await self.listener.hear("block_mined", block_hash=best(self.far))
        return lost

    async def test_another_block_of_equal_height(self) -> None:
        """Is followed."""
        await self.to_other_branch()
        await self.check()

    async def test_there_and_back(self) -> None:
        """A, B, and A again: its blocks are told again, and all stands as before."""
        lost = await self.to_other_branch()
        self.node.call("preciousblock", lost)
        await until(lambda: len(self.listener.heard("block_mined", block_hash=lost)) == 2, "the first branch again")
        await self.check()

    async def test_a_tip_that_is_only_taken_away(self) -> None:
        """Nothing replaces it at first; later it comes back."""
        lost = best(self.node)
        self.node.call("invalidateblock", lost)
        await self.listener.hear("payment_orphaned", txid=self.first, block_hash=lost)
        await indexed(self.relay)
        self.node.call("reconsiderblock", lost)
        await until(lambda: len(self.listener.heard("block_mined", block_hash=lost)) == 2, "the block again")
        await self.check()


def meet(one: RegtestNode, other: RegtestNode) -> None:
    """Connect two nodes."""
    for node in (one, other):
        node.call("setnetworkactive", True)
    one.call("addnode", f"127.0.0.1:{other.p2p_port}", "onetry")


def best(node: RegtestNode) -> str:
    """The hash of the node's tip."""
    found: str = node.call("getbestblockhash")
    return found


def wait_for_height(node: RegtestNode, wanted: int) -> None:
    """Until the node has so many blocks; bitcoind itself waits."""
    reached = node.call("waitforblockheight", wanted, 50_000)["height"]
    if reached < wanted:
        raise AssertionError(f"block {wanted} never came: the node is at {reached}")


def rows_of(relay: RelayProcess) -> list[IndexedBlock]:
    """The index of a relay that has ended."""
    store = now(opened(f"sqlite:///{relay.folder}/sdkrelay.sqlite"))
    rows = now(store.index.rows(0, 1_000_000))
    now(store.close())
    return rows
