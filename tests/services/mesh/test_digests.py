"""Digests of blocks between two relays: who is told which, and what is made of a difference."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import IndexedBlock, display
from sdkrelay.services.mesh.digests import TOLD
from tests.support.linked import LinkedRelay, cable
from tests.support.stores import block, chain, now
from tests.support.tasks import DrivenTime

OTHER = b"\x66" * 32


class DigestCase(SynchronousTestCase):
    """Two relays with the same twenty blocks."""

    def setUp(self) -> None:
        """They are not linked yet."""
        self.time = DrivenTime()
        self.one, self.other = LinkedRelay("relay-1", self.time), LinkedRelay("relay-2", self.time)
        self.blocks = chain(20)

    def index(self, relay: LinkedRelay, *blocks: IndexedBlock) -> None:
        """A relay indexes blocks."""
        now(relay.store.index.append_blocks(blocks))

    def differing(self, number: int) -> list[IndexedBlock]:
        """The blocks as a relay has them that is wrong about one."""
        return [evolve(each, digest=OTHER) if place == number else each for place, each in enumerate(self.blocks)]

    def link(self) -> None:
        """Link them, and let them say how they are."""
        self.ends = cable(self.one, self.other)
        self.wait(1)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(int(seconds * 2)):
            self.time.advance(0.5)
            self.time.settle(10)

    def disputes(self, relay: LinkedRelay, with_whom: str) -> list[tuple[int, str]]:
        """What a relay shows of another one: heights, and the other's digests."""
        return [(each.block_height, each.theirs) for each in relay.standings[with_whom].disputes]

    def correct(self, relay: LinkedRelay) -> None:
        """A relay indexes all blocks anew."""
        for each in reversed(now(relay.store.index.rows(0, 1_000))):
            now(relay.store.index.disconnect_tip(each.id, [], []))
        self.index(relay, *self.blocks)


class DisputeTests(DigestCase):
    """A difference in one block."""

    def test_equal_digests_are_no_news(self) -> None:
        """The last ten blocks are told, and nothing is in dispute."""
        for relay in (self.one, self.other):
            self.index(relay, *self.blocks)
        self.link()
        told = next(each for each in self.ends[0].sent if each.get("sync_type") == "StateSync")["payload"]["blocks"]
        self.assertEqual([each["height"] for each in told], [each.height for each in self.blocks[-TOLD:]])
        self.assertEqual((told[-1]["hash"], told[-1]["digest"]),
                         (display(self.blocks[-1].hash), self.blocks[-1].digest.hex()))  # fmt: skip
        self.assertEqual((self.one.sharing.digests.count, self.other.sharing.digests.count), (0, 0))

    def test_both_sides_see_a_difference(self) -> None:
        """It is counted, shown with the relay, and said in the log as an error."""
        self.index(self.one, *self.blocks)
        self.index(self.other, *self.differing(15))
        self.link()
        wrong = self.blocks[15]
        self.assertEqual(self.disputes(self.one, "relay-2"), [(wrong.height, OTHER.hex())])
        self.assertEqual(self.disputes(self.other, "relay-1"), [(wrong.height, wrong.digest.hex())])
        self.assertEqual((self.one.sharing.digests.count, self.other.sharing.digests.count), (1, 1))

    def test_it_ends_when_both_agree_again(self) -> None:
        """Also where the block is none of the last ten any more when one side has indexed it anew."""
        self.index(self.one, *self.blocks)
        self.index(self.other, *self.differing(15))
        self.link()
        self.blocks += chain(20, self.blocks[-1].id)
        self.index(self.one, *self.blocks[20:])
        self.correct(self.other)
        self.wait(65)
        self.assertEqual((self.one.sharing.digests.count, self.other.sharing.digests.count), (0, 0))
        self.assertEqual(self.disputes(self.one, "relay-2"), [])

    def test_it_lasts_while_they_differ(self) -> None:
        """However many blocks come."""
        self.index(self.one, *self.blocks)
        self.index(self.other, *self.differing(15))
        self.link()
        for relay in (self.one, self.other):
            self.index(relay, *chain(20, self.blocks[-1].id))
        self.wait(65)
        self.assertEqual((self.one.sharing.digests.count, self.other.sharing.digests.count), (1, 1))

    def test_a_relay_that_is_behind_is_compared_too(self) -> None:
        """By the blocks that it has; other blocks at a height are no difference."""
        self.index(self.one, *self.blocks)
        self.index(self.other, *self.differing(4)[:6])
        self.link()
        self.assertEqual([height for height, _ in self.disputes(self.one, "relay-2")], [self.blocks[4].height])
        third = LinkedRelay("relay-3", self.time)
        branch = block(self.blocks[17].id, branch="another")
        self.index(third, *self.blocks[:18], branch)
        cable(self.one, third)
        self.wait(1)
        self.assertEqual(self.disputes(self.one, "relay-3"), [])

    def test_a_block_that_left_the_chain_is_in_dispute_no_more(self) -> None:
        """Nobody looks for payments in it."""
        self.index(self.one, *self.blocks)
        self.index(self.other, *self.differing(19))
        self.link()
        now(self.one.store.index.disconnect_tip(self.blocks[19].id, [], []))
        self.index(self.one, block(self.blocks[18].id, branch="another"))
        self.wait(35)
        self.assertEqual(self.one.sharing.digests.count, 0)
