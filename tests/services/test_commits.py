"""Writing what other relays give: together where it can be, to the end whatever happens to those who wait."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.record import Outcome, Record, Sort
from sdkrelay.ports import Stored, Unavailable
from sdkrelay.services.commits import TOGETHER, Commits
from tests.support.tasks import DrivenTime


def made(name: str) -> Record:
    """A record, not signed."""
    return Record(Sort.MESSAGE, "relay-1", bytes(32), "user:a", name, b"{}", 1, 60)


class CommitsTests(SynchronousTestCase):
    """One disk, which writes when the test says so."""

    def setUp(self) -> None:
        """Nothing is written."""
        self.time = DrivenTime()
        self.commits = Commits(self.write, self.tell, self.time.tasks)
        self.written: list[list[str]] = []
        self.told: list[tuple[list[str], str]] = []
        self.disk: list[Deferred[None]] = []

    async def write(self, records: Sequence[Record]) -> list[Stored]:
        """Wait for the disk."""
        self.disk.append(Deferred())
        await self.disk[-1]
        self.written.append([record.message_id for record in records])
        return [Stored(record, Outcome.KEPT) for record in records]

    async def tell(self, stored: Sequence[Stored], source: str) -> None:
        """Note what is told."""
        self.told.append(([each.record.message_id for each in stored], source))

    def put(self, source: str, *names: str) -> Deferred[list[Stored]]:
        """Put records of a relay."""
        return Deferred.fromCoroutine(self.commits.put([made(name) for name in names], source))

    def test_what_comes_meanwhile_is_written_together(self) -> None:
        """Each is told with its own relay, and answered with its own records."""
        first = self.put("relay-1", "a")
        others = [self.put("relay-2", "b", "c"), self.put("relay-3", "d")]
        self.disk[0].callback(None)
        self.assertEqual(["a"], [each.record.message_id for each in self.successResultOf(first)])
        self.disk[1].callback(None)
        self.time.settle()
        self.assertEqual([["a"], ["b", "c", "d"]], self.written)
        self.assertEqual([(["a"], "relay-1"), (["b", "c"], "relay-2"), (["d"], "relay-3")], self.told)
        self.assertEqual([2, 1], [len(self.successResultOf(each)) for each in others])

    def test_not_everything_at_once(self) -> None:
        """A transaction has so many batches at most."""
        for number in range(TOGETHER + 2):
            self.put("relay-1", str(number))
        for place in range(3):
            self.disk[place].callback(None)
            self.time.settle()
        self.assertEqual([1, TOGETHER, 1], [len(names) for names in self.written])

    def test_who_waits_may_go(self) -> None:
        """What is being written is told all the same."""
        waiting = self.put("relay-1", "a")
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.disk[0].callback(None)
        self.assertEqual([(["a"], "relay-1")], self.told)

    def test_a_disk_that_fails(self) -> None:
        """All whose records were to be written are told so; the next are written."""
        waiting = self.put("relay-1", "a")
        self.disk[0].errback(Unavailable("the disk is full"))
        self.failureResultOf(waiting, Unavailable)
        again = self.put("relay-1", "a")
        self.disk[1].callback(None)
        self.assertEqual(1, len(self.successResultOf(again)))
