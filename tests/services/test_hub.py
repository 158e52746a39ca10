"""Stored, then live, without a gap or a duplicate, whatever happens in between."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Principal, Role
from sdkrelay.domain.notification import Entry, Notice, Topic
from sdkrelay.ports import Tasks, Unavailable
from sdkrelay.services.hub import PAGE, Hub
from sdkrelay.session.outbox import Patience
from tests.support.conversation import ListWire, Relay, say
from tests.support.simulated import Listener
from tests.support.stores import ROOT, block_notice, now, opened, payment_notice
from tests.support.tasks import DrivenTime

BLOCK = block_notice(ROOT)


def settled(relay: Relay, *notices: Notice) -> list[Entry]:
    """Commit these notices; nobody is told yet."""
    return now(relay.store.wallets.settle([], list(notices)))


def told(relay: Relay, *notices: Notice) -> None:
    """Commit these notices and tell them."""
    now(relay.hub.publish(settled(relay, *notices)))


def positions(wire: ListWire) -> list[int]:
    """The numbers of the notifications that came, in order."""
    return [int(said["position"].split("-")[1]) for said in wire.said() if said["type"] == "notification"]


class SubscriptionTests(SynchronousTestCase):
    """What one hears, and what the answers list."""

    def setUp(self) -> None:
        """A relay with an empty log and two wallets."""
        self.relay = Relay()
        self.relay.register("mine", "another")

    def answer(self, wire: ListWire) -> Any:
        """The subscriptions of the last answer."""
        return wire.said()[-1]["subscriptions"]

    def test_capabilities_are_the_first_subscriptions(self) -> None:
        """``silent_payments`` means payments and blocks, ``relay_sync`` sync; unknown words mean nothing."""
        session, wire = self.relay.session()
        say(session, "handshake", capabilities=["silent_payments", "relay_sync", "health", "weather"])
        self.assertEqual(self.answer(wire), ["payments", "blocks", "health", "sync"])

    def test_answers_list_what_is_subscribed(self) -> None:
        """A group is listed as asked for, and falls apart when a part of it is taken away."""
        session, wire = self.relay.greeted()
        say(session, "subscribe", subscriptions=["notifications", "weather"])
        self.assertEqual(self.answer(wire), ["notifications"])
        say(session, "unsubscribe", subscriptions=["relays"])
        self.assertEqual(self.answer(wire), ["payments", "blocks"])

    def test_news_has_its_position_and_its_data(self) -> None:
        """A push is the stored entry with the position that ``since`` takes."""
        _, wire = self.relay.greeted("notifications")
        told(self.relay, BLOCK)
        (said,) = wire.said()
        self.assertEqual((said["type"], said["notification_type"]), ("notification", "block_disconnected"))
        self.assertEqual((said["data"]["block_height"], said["position"]), (99, self.relay.hub.position))

    def test_payments_go_to_those_who_hold_the_wallet(self) -> None:
        """Blocks are public, payments are not."""
        session, wire = self.relay.greeted("silent_payments")
        _, other = self.relay.greeted("silent_payments")
        session.hold("mine")
        told(self.relay, payment_notice("mine"), payment_notice("another"), BLOCK)
        self.assertEqual((positions(wire), positions(other)), ([1, 3], [3]))

    def test_news_is_written_once_for_all(self) -> None:
        """Every receiver is given the very same bytes."""
        wires = [self.relay.greeted("notifications")[1] for _ in range(3)]
        told(self.relay, BLOCK)
        self.assertEqual(len({id(wire.sent[0]) for wire in wires}), 1)

    def test_positions_that_are_not_held_are_refused(self) -> None:
        """Foreign, future and nonsensical positions are errors that name the oldest one held."""
        session, wire = self.relay.greeted()
        log_id = self.relay.hub.position.rpartition("-")[0]
        for since in ("another-0", f"{log_id}-5", "nonsense", f"{log_id}-{'9' * 30}"):
            say(session, "subscribe", subscriptions=["blocks"], since=since)
        errors = wire.said()
        self.assertEqual([error["error_code"] for error in errors], ["VALIDATION_ERROR"] * 4)
        self.assertEqual({error["details"]["oldest"] for error in errors}, {f"{log_id}-0"})

    def test_a_time_stands_for_the_position_before_it(self) -> None:
        """Who comes from another relay asks by time: what was logged earlier is not told."""
        told(self.relay, BLOCK, BLOCK)
        session, wire = self.relay.greeted()
        for time in (1_700_000_000, 1_700_000_001):
            say(session, "subscribe", subscriptions=["blocks"], since=f"@{time}")
            self.relay.time.settle()
        self.assertEqual(positions(wire), [1, 2])

    def test_expired_positions_are_refused(self) -> None:
        """Once entries were forgotten, a position before them is an error."""
        start = self.relay.hub.position
        told(self.relay, BLOCK, BLOCK, BLOCK)
        now(self.relay.store.log.prune(0, 1))
        session, wire = self.relay.session()
        say(session, "handshake", capabilities=["notifications"], since=start)
        (error,) = wire.said()
        self.assertEqual(error["error_code"], "VALIDATION_ERROR")
        self.assertFalse(session.greeted)


class ReplayTests(SynchronousTestCase):
    """Going on from a position."""

    def setUp(self) -> None:
        """A relay with an empty log and a wallet, and the position at which it began."""
        self.relay = Relay()
        self.relay.register("mine")
        self.start = self.relay.hub.position

    def test_a_handshake_replays_what_was_missed(self) -> None:
        """The answer comes first, then the past, then what happens."""
        told(self.relay, BLOCK, payment_notice("mine"), BLOCK)
        session, wire = self.relay.session()
        say(session, "handshake", capabilities=["notifications"], since=self.start)
        told(self.relay, BLOCK)
        kinds = [said["type"] for said in wire.said()]
        self.assertEqual(kinds, ["handshake_response", "notification", "notification", "notification"])

    def test_long_pasts_come_in_pages(self) -> None:
        """More than a page arrives whole and in order."""
        told(self.relay, *[BLOCK] * (2 * PAGE + 3))
        _, wire = self.relay.greeted()
        session, wire = self.relay.greeted("notifications", since=self.start)
        self.assertEqual(positions(wire), [])
        say(session, "subscribe", subscriptions=["blocks"], since=self.start)
        self.assertEqual(positions(wire), list(range(1, 2 * PAGE + 4)))

    def test_a_slow_reader_holds_up_only_its_own_replay(self) -> None:
        """No further page is read while the last one waits to be sent."""
        told(self.relay, *[BLOCK] * (3 * PAGE))
        session, wire = self.relay.greeted()
        wire.full = True
        say(session, "subscribe", subscriptions=["blocks"], since=self.start)
        self.assertEqual(len(wire.sent) + len(session._outbox._waiting or ()), PAGE + 1)

    def test_an_unpublished_entry_sends_feeds_back_to_the_log(self) -> None:
        """Where a publisher died between commit and telling, the next entry brings the missing one along, once."""
        _, wire = self.relay.greeted("notifications")
        lost = settled(self.relay, BLOCK)
        told(self.relay, BLOCK)
        now(self.relay.hub.publish(lost))
        told(self.relay, BLOCK)
        self.assertEqual(positions(wire), [1, 2, 3])

    def test_a_store_that_is_away_delays_a_replay(self) -> None:
        """The log is asked again, and nothing is missed."""
        told(self.relay, BLOCK)
        session, wire = self.relay.greeted()
        log = FlakyLog(self.relay.hub._log)
        self.relay.hub._log = log
        say(session, "subscribe", subscriptions=["blocks"], since=self.start)
        told(self.relay, BLOCK)
        self.assertEqual(positions(wire), [])
        log.away = False
        self.relay.time.advance(1)
        self.assertEqual(positions(wire), [1, 2])


class FlakyLog:
    """A log that cannot be read while ``away``."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.away = True

    async def read(self, *arguments: Any) -> list[Entry]:
        """The log's answer, or Unavailable."""
        if self.away:
            raise Unavailable("the database is locked")
        entries: list[Entry] = await self._log.read(*arguments)
        return entries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


class SlowLog(FlakyLog):
    """A log whose answers take their time before and after they are looked up."""

    def __init__(self, log: Any, tasks: Tasks, delays: list[int]) -> None:
        super().__init__(log)
        self._tasks = tasks
        self._delays = delays

    async def read(self, after: int, topics: Any, wallets: Any, limit: int) -> list[Entry]:
        """Wait, look up, wait again."""
        await self._tasks.sleep(self._delays.pop() if self._delays else 0)
        entries: list[Entry] = await self._log.read(after, topics, wallets, limit)
        await self._tasks.sleep(self._delays.pop() if self._delays else 0)
        return entries


NEWS = ["block", "mine", "other", "commit", "publish", "drop", "late"]
STEP = st.sampled_from([*NEWS, "time", "time", "long", "more", "hold", "drain"])


class InterleavingTests(SynchronousTestCase):
    """The hand-over under random interleavings of commits, publications, reads, time and subscriptions."""

    @settings(deadline=None, max_examples=120)
    @given(
        st.lists(st.sampled_from(NEWS), max_size=8),
        st.lists(STEP, min_size=5, max_size=40),
        st.lists(st.integers(0, 2), min_size=5, max_size=40),
    )
    def test_no_gap_and_no_duplicate(self, before: list[str], after: list[str], delays: list[int]) -> None:
        """Every entry after the position that is public or ours is heard exactly once, in the order of the log."""
        drive = Drive(delays[:])
        for step in [*before, "since", *after]:
            getattr(drive, step)()
        drive.finish()
        self.assertEqual(drive.heard, drive.expected())


class Drive:
    """One session on a slow log, moved by steps; ``heard`` are the numbers it was told."""

    def __init__(self, delays: list[int]) -> None:
        self.relay = Relay(Patience(stalled_seconds=1e9))
        self.hub = self.relay.hub
        self.relay.register("mine", "other")
        self.start = self.hub.position
        self.session, self.wire = self.relay.greeted()
        self.session.hold("mine")
        self.hub._log = SlowLog(self.hub._log, self.relay.time.tasks, delays)  # type: ignore[assignment]
        self.hub._page, self.hub._slice = 3, 1
        self.unpublished: list[Entry] = []
        self.committed: list[Entry] = []
        self.heard: list[int] = []

    def _commit(self, notice: Notice) -> None:
        self.unpublished += (entries := settled(self.relay, notice))
        self.committed += entries

    def block(self) -> None:
        """A block is committed and told at once."""
        self._commit(BLOCK)
        self.publish()

    def mine(self) -> None:
        """A payment of our wallet is committed and told at once."""
        self._commit(payment_notice("mine"))
        self.publish()

    def other(self) -> None:
        """A payment of another wallet is committed and told at once."""
        self._commit(payment_notice("other"))
        self.publish()

    def commit(self) -> None:
        """A block is committed and not yet told."""
        self._commit(BLOCK)

    def drop(self) -> None:
        """A payment is committed by somebody who then fails to tell it."""
        self.committed += settled(self.relay, payment_notice("mine"))

    def publish(self) -> None:
        """What was committed is told."""
        entries, self.unpublished = self.unpublished, []
        self.relay.time.tasks.start("publish", self.hub.publish(entries))

    def time(self) -> None:
        """A second passes."""
        self.relay.time.advance(1)

    def since(self) -> None:
        """Subscribe from the beginning."""
        say(self.session, "subscribe", subscriptions=["notifications"], since=self.start)

    def more(self) -> None:
        """Subscribe to what is subscribed already, from now: this changes nothing."""
        say(self.session, "subscribe", subscriptions=["blocks"])

    def late(self) -> None:
        """Two payments are committed, and told in the wrong order."""
        first, second = settled(self.relay, payment_notice("mine")), settled(self.relay, payment_notice("mine"))
        self.committed += [*first, *second]
        for entries in (second, first):
            self.relay.time.tasks.start("publish", self.hub.publish(entries))

    def long(self) -> None:
        """Enough time for all that is under way."""
        for _ in range(30):
            self.relay.time.advance(1)

    def hold(self) -> None:
        """Hold one more wallet, which has no payments."""
        self.session.hold(f"empty-{len(self.session.wallet_ids)}")

    def drain(self) -> None:
        """The wire gets full, and takes more."""
        self.wire.full = not self.wire.full
        self.session.resume_sending()

    def finish(self) -> None:
        """Let all be told, and note what was heard."""
        self.wire.full = False
        self.session.resume_sending()
        self.block()
        for _ in range(200):
            self.relay.time.advance(1)
        self.heard = positions(self.wire)

    def expected(self) -> list[int]:
        """What should have been heard."""
        return [entry.number for entry in self.committed if entry.wallet_id in (None, "mine")]


class TopicTests(SynchronousTestCase):
    """More than one subscription with a position."""

    def test_a_second_topic_from_a_position_joins_without_repeating_the_first(self) -> None:
        """Blocks heard live are not told again when payments are asked for from the beginning."""
        relay = Relay()
        relay.register("mine")
        start = relay.hub.position
        session, wire = relay.greeted()
        session.hold("mine")
        say(session, "subscribe", subscriptions=[Topic.BLOCKS])
        told(relay, BLOCK, payment_notice("mine"), BLOCK)
        self.assertEqual(positions(wire), [1, 3])
        say(session, "subscribe", subscriptions=[Topic.PAYMENTS], since=start)
        told(relay, BLOCK)
        self.assertEqual(positions(wire), [2, 4])


class PrivateStateTests(SynchronousTestCase):
    """A relay that shows its state to those it knows."""

    def setUp(self) -> None:
        """Its hub, and somebody who listens."""
        self.time = DrivenTime()
        store = now(opened())
        self.hub = Hub(store.log, self.time.tasks, "relay", public_read=False)
        now(self.hub.start())
        self.listener = Listener(self.time)

    def listen(self) -> tuple[str, ...]:
        """What is subscribed when all is asked for."""
        return now(self.hub.listen(self.listener, frozenset(Topic), None))

    def test_strangers_hear_no_state(self) -> None:
        """Payments and blocks are as ever; health, metrics, alerts and sync are left out."""
        self.assertEqual(set(self.listen()) & {"health", "metrics", "alerts", "sync"}, set())
        self.assertIn("blocks", self.listen())

    def test_those_with_a_role_do(self) -> None:
        """A reader hears all."""
        self.listener.identify(Principal("eye", frozenset({Role.READER})))

        self.assertLessEqual({"health", "metrics", "alerts", "sync"}, set(self.listen()))
