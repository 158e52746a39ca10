"""What ``retry_config`` and ``pool_config`` change while the relay runs, as the node sees it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from sdkrelay.build.tuning import pool_limits, retry_limits
from sdkrelay.build.world import World
from sdkrelay.config.sources import Sources
from sdkrelay.io.bitcoind.node import BitcoinNode
from sdkrelay.io.bitcoind.retry import Retrying, RetryLimits
from sdkrelay.io.bitcoind.trouble import Trouble
from sdkrelay.io.world import ReactorTasks, SystemClock, SystemEntropy
from sdkrelay.ports import Unavailable
from tests.support import fake_bitcoind as faults
from tests.support.bitcoind import until
from tests.support.tuned import Tuned

from .test_node import NodeTestCase


class TunedNodeTestCase(NodeTestCase):
    """A followed fake node whose pool and attempts are tuned by messages."""

    async def tuned(self, text: str) -> BitcoinNode:
        """A connected node; ``self.settings`` changes it."""
        world: Any = World(reactor, ReactorTasks(reactor), SystemClock(), SystemEntropy(), None)  # type: ignore[arg-type]
        self.settings = Tuned(world, text)
        config = self.settings.live.config
        node = self.follow(pool=pool_limits(config), retry=retry_limits(config), timeout=60.0)
        self.settings.tuning.follow(node)
        await self.connected(node)
        return node

    def ask(self, node: BitcoinNode, times: int) -> list[Deferred[Any]]:
        """So many questions at once; those that never end are cancelled with the test."""
        asked = [Deferred.fromCoroutine(node.hash_at(0)) for _ in range(times)]
        for each in asked:
            each.addErrback(lambda failure: failure.value)
            self.addCleanup(each.cancel)
        return asked


class RetryTests(TunedNodeTestCase):
    """Attempts, and the pauses between them."""

    async def attempts(self, node: BitcoinNode) -> list[float]:
        """When the node was asked, until the question failed as unavailable."""
        times: list[float] = []

        def refuse(request: Request) -> bytes:
            times.append(reactor.seconds())  # type: ignore[attr-defined]
            return faults.status(503, b"Work queue depth exceeded")(request)

        self.fake.only("getblockhash", refuse)
        with self.assertRaises(Unavailable):
            await node.hash_at(0)
        self.fake.fault = None
        await self.connected(node)
        return times

    async def test_max_attempts(self) -> None:
        """So often it is asked before the question fails."""
        node = await self.tuned("[retry]\nmax_attempts = 3\nbackoff_ms = 1")
        self.assertEqual(len(await self.attempts(node)), 3)
        await self.settings.ask("retry_config", max_attempts=5)
        self.assertEqual(len(await self.attempts(node)), 5)
        await self.settings.ask("retry_config", max_attempts=1)
        self.assertEqual(len(await self.attempts(node)), 1)

    async def test_backoff_ms(self) -> None:
        """Not sooner than half of it, and of twice as much the next time."""
        node = await self.tuned("[retry]\nmax_attempts = 3\nbackoff_ms = 1")
        await self.settings.ask("retry_config", backoff_ms=80)
        first, second, third = await self.attempts(node)
        self.assertGreaterEqual(second - first, 0.039)
        self.assertGreaterEqual(third - second, 0.079)

    async def test_a_later_attempt_succeeds(self) -> None:
        """Whoever asked does not notice that the node was busy."""
        node = await self.tuned("[retry]\nmax_attempts = 3\nbackoff_ms = 20")
        asked: list[Request] = []

        def busy_once(request: Request) -> Any:
            asked.append(request)
            self.fake.fault = None
            return faults.status(503)(request)

        self.fake.only("getblockhash", busy_once)
        self.assertEqual(await node.hash_at(0), self.fake.chain[0].hash)
        self.assertEqual(len(asked), 1)


class PauseTests(SynchronousTestCase):
    """The exact pauses, on a clock that is driven."""

    def pauses(self, limits: RetryLimits) -> list[float]:
        """The pauses between the attempts at a node that never answers, chance at its most generous."""
        clock, times = Clock(), list[float]()

        class Away:
            """Nobody answers."""

            url = "http://away"

            async def exchange(self, *question: Any) -> tuple[int, bytes]:
                """Note when it was asked."""
                times.append(clock.seconds())
                raise Trouble("away")

        zero: Any = type("Zero", (), {"bytes": lambda self, count: bytes(count)})()
        retrying = Retrying(clock, zero, Away(), limits, lambda: None)
        asked = Deferred.fromCoroutine(retrying.exchange("GET", "/", Headers(), None, 1))
        clock.pump([0.125] * 400)
        self.failureResultOf(asked, Trouble)
        return [after - before for before, after in pairwise(times)]

    def test_they_double(self) -> None:
        """From the first one."""
        self.assertEqual(self.pauses(RetryLimits(4, 1.0, 30.0)), [1.0, 2.0, 4.0])

    def test_max_backoff_ms_ends_the_doubling(self) -> None:
        """None is longer."""
        self.assertEqual(self.pauses(RetryLimits(5, 1.0, 2.5)), [1.0, 2.0, 2.5, 2.5])

    def test_the_units_of_the_message(self) -> None:
        """Milliseconds there, seconds here."""
        config = Sources("[retry]\nbackoff_ms = 1500\nmax_backoff_ms = 2500").config()
        self.assertEqual(retry_limits(config), RetryLimits(3, 1.5, 2.5))


class PoolTests(TunedNodeTestCase):
    """Sockets, as the node counts them."""

    async def test_min_connections(self) -> None:
        """They are open before anybody asks, and are opened again when lost."""
        await self.tuned("[pool]\nmin_connections = 3")
        await until(lambda: self.fake.sockets == 3, "three sockets")
        await self.settings.ask("pool_config", min_connections=7)
        await until(lambda: self.fake.sockets == 7, "seven sockets")
        await until(self.fake.drop(), "all are lost")
        await until(lambda: self.fake.sockets == 7, "seven sockets again")

    async def test_max_connections(self) -> None:
        """Never more, however many questions there are; more when allowed, fewer when not."""
        node = await self.tuned("[pool]\nmin_connections = 0\nmax_connections = 3")
        seen: list[int] = []
        waiting: list[Request] = []

        def hold(request: Request) -> Deferred[None]:
            seen.append(self.fake.sockets)
            waiting.append(request)
            return Deferred()

        self.fake.only("getblockhash", hold)
        self.ask(node, 12)
        await until(lambda: len(waiting) == 3, "three at a time")
        await self.settings.ask("pool_config", max_connections=5)
        await until(lambda: len(waiting) == 5, "five at a time")
        self.assertEqual(max(seen), 5)

    async def test_fewer_connections(self) -> None:
        """Idle ones beyond the bound are closed at once."""
        await self.tuned("[pool]\nmin_connections = 6")
        await until(lambda: self.fake.sockets == 6, "six sockets")
        await self.settings.ask("pool_config", min_connections=1, max_connections=2)
        await until(lambda: self.fake.sockets == 2, "two sockets")

    async def test_connection_timeout_ms(self) -> None:
        """A question for which no connection becomes free fails, with the reason."""
        node = await self.tuned("[pool]\nmin_connections = 0\nmax_connections = 1")
        await self.settings.ask("pool_config", connection_timeout_ms=50)
        self.fake.only("getblockhash", faults.hang)
        _, second = self.ask(node, 2)
        problem = await second
        self.assertIn("busy: none became free within 0.05 seconds", str(problem))

    async def test_connections_are_used_again(self) -> None:
        """A hundred questions one after the other need one."""
        node = await self.tuned("[pool]\nmin_connections = 0")
        for _ in range(100):
            await node.hash_at(0)
        self.assertLessEqual(self.fake.sockets, 2)
