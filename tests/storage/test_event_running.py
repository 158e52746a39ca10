"""How the event store works under hand: groups, cancelled and slow questions, full disks, kill -9, files of others."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.storage import DatabaseInUse, InlineExecutor, StoreError
from sdkrelay.io.storage.nostr import SqliteEventStore
from sdkrelay.ports import Unavailable
from sdkrelay.ports.nostr import Outcome, Query, Submission, TooLong
from tests.support.nostr import made, unsigned
from tests.support.stores import SetClock, now

T = TypeVar("T")
ALL = Query(made([{}]))


@define
class HeldExecutor:
    """A thread that works when it is told to."""

    held: list[tuple[Deferred[Any], Callable[[], Any]]] = field(factory=list)
    holding: bool = False

    def start(self) -> None:
        """Ready."""

    async def run(self, function: Callable[[], T]) -> T:
        """At once, or when released."""
        if not self.holding:
            return function()
        waiting: Deferred[T] = Deferred()
        self.held.append((waiting, function))
        return await waiting

    def release(self) -> None:
        """Do the first that is held; nobody hears of it who has gone away."""
        waiting, function = self.held.pop(0)
        try:
            result = function()
        except Exception as error:
            if not waiting.called:
                waiting.errback(error)
        else:
            waiting.callback(result)

    def stop(self) -> None:
        """Done."""


def started(coroutine: Any) -> Deferred[Any]:
    """A method of the store under way."""
    return Deferred.fromCoroutine(coroutine)


def submissions(*contents: str) -> list[Submission]:
    """Notes to be stored."""
    return [Submission(unsigned(content=content)) for content in contents]


class HeldTests(SynchronousTestCase):
    """A store in a file whose threads are held."""

    def setUp(self) -> None:
        self.threads: dict[str, HeldExecutor] = {}
        self.clock = SetClock()
        path = Path(self.mktemp()).absolute()
        self.store = SqliteEventStore(path, self.thread, self.clock, seconds=5, readers=1)
        now(self.store.open())
        self.addCleanup(lambda: now(self.store.close()))

    def thread(self, name: str) -> HeldExecutor:
        """A thread of that name."""
        return self.threads.setdefault(name, HeldExecutor())

    def held(self, name: str) -> HeldExecutor:
        """That thread, holding what it gets until the end of the test."""
        thread = self.threads[name]
        thread.holding = True
        self.addCleanup(setattr, thread, "holding", False)
        return thread

    def test_what_waits_is_committed_together(self) -> None:
        """One transaction for all that came while another ran, each caller hearing of its own."""
        writer = self.held("events-writer")
        given = [started(self.store.insert(submissions(*text))) for text in ("a", "bc", "a", "d")]
        self.assertEqual(len(writer.held), 1)
        writer.release()
        self.assertEqual(self.successResultOf(given[0]), [Outcome.STORED])
        self.assertEqual(len(writer.held), 1)
        writer.release()
        self.assertEqual([len(self.successResultOf(each)) for each in given[1:]], [2, 1, 1])
        self.assertEqual(writer.held, [])

    def test_a_group_has_a_bound(self) -> None:
        """More than a thousand events wait for the next transaction."""
        writer = self.held("events-writer")
        many = [started(self.store.insert(submissions(*map(str, range(600))))) for _ in range(3)]
        writer.release()
        writer.release()
        self.assertNoResult(many[2])
        writer.release()
        self.assertEqual(set(self.successResultOf(many[2])), {Outcome.DUPLICATE})

    def test_who_went_away_changes_nothing_for_others(self) -> None:
        """A cancelled insertion is done or not done; others of its group hear what became of theirs."""
        writer = self.held("events-writer")
        given = [started(self.store.insert(submissions(text))) for text in "abc"]
        given[1].cancel()
        self.failureResultOf(given[1], CancelledError)
        writer.release()
        writer.release()
        self.assertEqual(self.successResultOf(given[2]), [Outcome.STORED])

    def test_a_cancelled_question_is_not_asked(self) -> None:
        """The thread drops it, and answers the next."""
        reader = self.held("events-reader-0")
        first, second = started(self.store.query(ALL)), started(self.store.query(ALL))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        reader.release()
        reader.release()
        self.assertTrue(self.successResultOf(second).complete)

    def test_a_question_that_waited_too_long_is_not_asked(self) -> None:
        """Nobody is there any more for whom the answer would be in time."""
        reader = self.held("events-reader-0")
        question = started(self.store.query(ALL))
        self.clock.time += 6
        reader.release()
        self.failureResultOf(question, TooLong)

    def test_too_many_questions_are_refused(self) -> None:
        """A thousand wait, the next one hears so at once."""
        self.held("events-reader-0")
        questions = [started(self.store.query(ALL)) for _ in range(1002)]
        self.failureResultOf(questions[-1], Unavailable)
        for question in questions[:-1]:
            question.cancel()
            self.failureResultOf(question, CancelledError)


class HurriedClock(SetClock):
    """Each time it is asked a second has passed."""

    def monotonic(self) -> float:
        """A second later."""
        self.time += 1
        return self.time


class SlowTests(SynchronousTestCase):
    """Questions that take their time."""

    def test_a_slow_question_ends_by_itself(self) -> None:
        """TooLong, after which the same thread answers others."""
        store = SqliteEventStore(None, InlineExecutor, HurriedClock(), seconds=2)
        now(store.open())
        self.addCleanup(lambda: now(store.close()))
        now(store.insert([Submission(unsigned(1059, number)) for number in range(8000)]))
        now(store.insert(submissions("a", "b")))
        self.assertRaises(TooLong, now, store.query(ALL))
        self.assertEqual(len(now(store.query(Query(made([{"kinds": [1]}])))).events), 2)


class TroubleTests(SynchronousTestCase):
    """What a disk and other programs can do."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def opened(self) -> SqliteEventStore:
        """The store of that path."""
        store = SqliteEventStore(self.path, InlineExecutor, SetClock())
        now(store.open())
        self.addCleanup(lambda: now(store.close()))
        return store

    def test_a_full_disk_is_said_and_nothing_is_half_stored(self) -> None:
        """Unavailable, the condition says the same, reading goes on, and writing again by itself."""
        store = self.opened()
        writer = store._places[-1].connection
        writer.execute("PRAGMA max_page_count=60")
        large = [Submission(unsigned(content=str(number) * 5000)) for number in range(100)]
        self.assertIn("the disk is full", str(self.assertRaises(Unavailable, now, store.insert(large))))
        self.assertIn("the disk is full", store.condition() or "")
        self.assertEqual(now(store.figures()).events, 0)
        writer.execute("PRAGMA max_page_count=100000")
        self.assertEqual(set(now(store.insert(large))), {Outcome.STORED})
        self.assertIsNone(store.condition())

    def test_a_fault_of_ours_is_no_trouble_of_the_disk(self) -> None:
        """It is raised as it is, to all of its group, and the next transaction begins afresh."""
        store = self.opened()
        impossible = Submission(unsigned(created_at=2**63))
        self.assertRaises(OverflowError, now, store.insert([*submissions("a"), impossible]))
        self.assertEqual(now(store.insert(submissions("a"))), [Outcome.STORED])

    def test_one_relay_alone_has_the_file(self) -> None:
        """Until it closes it."""
        first = self.opened()
        self.assertRaises(DatabaseInUse, self.opened)
        now(first.close())
        self.opened()

    def test_files_of_others_are_left_alone(self) -> None:
        """Another program's database, one of a newer release, and what is no database."""
        for number, prepare in enumerate(("CREATE TABLE x (y)", "PRAGMA user_version=99", None)):
            self.path = Path(self.mktemp() + str(number)).absolute()
            if prepare is None:
                self.path.write_bytes(b"not a database, but long enough to look like one" * 100)
            else:
                with closing(sqlite3.connect(self.path)) as connection:
                    connection.execute(prepare)
            before = self.path.read_bytes()
            self.assertRaises(StoreError, self.opened)
            if prepare is None:
                self.assertEqual(self.path.read_bytes(), before)

    def test_all_is_there_when_it_is_opened_again(self) -> None:
        """Events, deletions and lists."""
        store = self.opened()
        gone = unsigned(content="gone")
        now(store.insert([*submissions("a"), Submission(unsigned(5, 20, (("e", gone.id),)))]))
        now(store.close())
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        again = self.opened()
        self.assertEqual(now(again.screen([gone])), [Outcome.DELETED])
        self.assertEqual(now(again.figures()).events, 2)


#: Stores events in growing groups and says how many are acknowledged.
WRITER = """
import sys
from pathlib import Path
from sdkrelay.io.storage import InlineExecutor
from sdkrelay.io.storage.nostr import SqliteEventStore
from sdkrelay.ports.nostr import Submission
from tests.support.nostr import unsigned
from tests.support.stores import SetClock, now
store = SqliteEventStore(Path(sys.argv[1]), InlineExecutor, SetClock())
now(store.open())
print("ready", flush=True)
count = now(store.figures()).events
while True:
    now(store.insert([Submission(unsigned(content=str(count + number), tags=(("t", "x"),))) for number in range(7)]))
    count += 7
    print(count, flush=True)
"""


class KillTests(SynchronousTestCase):
    """kill -9 while events are stored."""

    def acknowledged(self, path: Path, seconds: float) -> int:
        """Run the writer until it is killed; how many events it said were stored."""
        root = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-c", WRITER, str(path)]
        writer = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
        self.addCleanup(writer.kill)
        self.assertEqual(writer.stdout and writer.stdout.readline(), "ready\n")
        threading.Timer(seconds, writer.kill).start()
        said = writer.communicate()[0]
        whole = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
        return int(whole[-1]) if whole else 0

    def test_all_that_was_acknowledged_is_there(self) -> None:
        """What was said is stored, whole groups only, and its tags with it."""
        path, chance, total = Path(self.mktemp()).absolute(), random.Random(9), 0
        for _ in range(4):
            total = max(total, self.acknowledged(path, chance.uniform(0.01, 0.15)))
            store = SqliteEventStore(path, InlineExecutor, SetClock())
            now(store.open())
            stored, tagged = now(store.figures()).events, now(store.count(Query(made([{"#t": ["x"]}])))).count
            self.assertIn(stored - total, (0, 7))
            self.assertEqual(stored, tagged)
            total = stored
            now(store.close())
        self.assertGreater(total, 0)
