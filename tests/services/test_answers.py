"""What ``cache_config`` changes while the relay runs, as the node sees it: how often it is asked again."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.build.world import World
from sdkrelay.domain.status import NodeCondition, NodeState
from sdkrelay.io.cache import BoundedCache, CacheLimits
from sdkrelay.messages.message import Malformed
from sdkrelay.ports import MempoolUnknown, TipChanged
from sdkrelay.services.answers import Answers
from tests.support.conversation import InlineCompute
from tests.support.stores import CountedEntropy, now
from tests.support.tasks import DrivenTime
from tests.support.tuned import Tuned


class CountedNode:
    """A node whose blocks are all described at the same length; it writes down which it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.length = 299_990

    def condition(self) -> NodeCondition:
        """It is there."""
        return NodeCondition(NodeState.CONNECTED)

    async def block_details(self, block_hash: bytes) -> dict[str, Any] | None:
        """So many bytes of JSON; the block called none is unknown."""
        self.asked.append(block_hash.decode())
        return None if block_hash == b"none" else {"text": "x" * (self.length - 11)}

    async def info(self) -> dict[str, Any]:
        """A report."""
        self.asked.append("info")
        return {"blocks": len(self.asked)}


class CacheConfigTests(SynchronousTestCase):
    """Each field, changed by its message; three descriptions of 300 kB fill a megabyte."""

    def setUp(self) -> None:
        """A cache of one megabyte over a node that counts."""
        self.time = DrivenTime()
        world: Any = World(self.time.reactor, self.time.tasks, self.time, CountedEntropy(), InlineCompute())  # type: ignore[arg-type]
        self.settings = Tuned(world, "[cache]\nmax_size_mb = 1\nttl_seconds = 100")
        self.cache = self.settings.tuning.cache
        self.node: Any = CountedNode()
        self.answers = Answers(self.node, self.cache)

    def ask(self, *names: str) -> list[str]:
        """Ask for blocks; those of them for which the node was asked."""
        self.node.asked.clear()
        for name in names:
            now(self.answers.block_details(name.encode()))
        return list(self.node.asked)

    def configure(self, **fields: Any) -> None:
        """The operator's message."""
        now(self.settings.ask("cache_config", **fields))

    def test_a_block_is_asked_for_once(self) -> None:
        """Then it comes from the cache, and both are counted."""
        self.assertEqual(self.ask("a", "a", "a"), ["a"])
        figures = self.cache.figures()
        self.assertEqual((figures.hits, figures.misses, figures.entries, figures.bytes), (2, 1, 1, 299_990))

    def test_max_size_mb(self) -> None:
        """No more bytes are held than allowed, at once when it becomes less; none at zero."""
        self.ask("a", "b", "c", "d")
        self.assertEqual(self.cache.figures().bytes, 3 * 299_990)
        self.configure(max_size_mb=2)
        self.assertEqual(self.ask("e", "f", "g", "b", "c", "d"), ["e", "f", "g"])
        self.configure(max_size_mb=1)
        self.assertEqual(self.cache.figures().entries, 3)
        self.configure(max_size_mb=0)
        self.assertEqual((self.cache.figures().bytes, self.ask("d", "d")), (0, ["d", "d"]))

    def test_ttl_seconds(self) -> None:
        """What is older is asked for again, and its bytes are free."""
        self.ask("a")
        self.time.advance(99)
        self.assertEqual(self.ask("a"), [])
        self.configure(ttl_seconds=200)
        self.time.advance(99)
        self.assertEqual(self.ask("a"), [])
        self.configure(ttl_seconds=50)
        self.assertEqual((self.cache.figures().bytes, self.ask("a")), (0, ["a"]))

    def test_lru_lets_go_of_the_longest_unused(self) -> None:
        """Being asked for counts."""
        self.configure(eviction_policy="lru")
        self.ask("a", "b", "c", "a", "d")
        self.assertEqual(self.ask("a", "c", "d", "b"), ["b"])

    def test_lfu_lets_go_of_the_least_used(self) -> None:
        """However long ago that was."""
        self.configure(eviction_policy="lfu")
        self.ask("a", "a", "a", "b", "b", "c", "d")
        self.assertEqual(self.ask("a", "b", "d", "c"), ["c"])

    def test_fifo_lets_go_of_the_oldest(self) -> None:
        """Being asked for does not count."""
        self.configure(eviction_policy="fifo")
        self.ask("a", "b", "c", "a", "a", "d")
        self.assertEqual(self.ask("b", "c", "d", "a"), ["a"])

    def test_other_policies_are_refused(self) -> None:
        """By the message itself."""
        self.assertRaises(Malformed, self.configure, eviction_policy="mru")


class FreshnessTests(SynchronousTestCase):
    """What is kept is never older than it may be."""

    def setUp(self) -> None:
        """A cache over a node that counts."""
        self.time = DrivenTime()
        self.node: Any = CountedNode()
        self.answers = Answers(self.node, BoundedCache(self.time))

    def asked(self, name: str = "a") -> bool:
        """Whether the node is asked about a block now."""
        self.node.asked.clear()
        now(self.answers.block_details(name.encode()))
        return bool(self.node.asked)

    def test_a_new_tip_changes_every_description(self) -> None:
        """Confirmations and what follows; news of the mempool change none."""
        self.assertTrue(self.asked())
        self.answers.hint(MempoolUnknown())
        self.assertFalse(self.asked())
        self.answers.hint(TipChanged())
        self.assertTrue(self.asked())

    def test_what_nobody_knows_is_asked_again(self) -> None:
        """It may come."""
        self.assertEqual((self.asked("none"), self.asked("none")), (True, True))

    def test_the_report_is_good_for_a_second(self) -> None:
        """A stampede is one question."""
        reports = [now(self.answers.info()) for _ in range(50)]
        self.assertEqual(len(self.node.asked), 1)
        self.time.advance(1.1)
        self.assertNotEqual(now(self.answers.info()), reports[0])


class BoundTests(SynchronousTestCase):
    """The cache by itself."""

    def test_too_large_for_it(self) -> None:
        """Nothing is let go of for what cannot be held, but what it replaces."""
        cache = BoundedCache(DrivenTime(), CacheLimits(100))
        cache.put(("a",), 1, 60)
        cache.put(("b",), 2, 101)
        self.assertEqual((cache.get(("a",)), cache.get(("b",))), (1, None))
        cache.put(("a",), 3, 101)
        self.assertIsNone(cache.get(("a",)))

    def test_its_own_books_stay_small(self) -> None:
        """Putting one key again and again costs no memory."""
        cache = BoundedCache(DrivenTime(), CacheLimits(100))
        for number in range(5_000):
            cache.put(("a",), number, 10)
        self.assertEqual((cache.figures().bytes, cache.get(("a",))), (10, 4_999))
        self.assertLess(len(cache._ages), 1_100)
