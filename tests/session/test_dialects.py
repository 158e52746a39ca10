"""Version "1.0" and all others: the same facts, each in its own words."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.notification import BlockData, Kind, Notice, Topic
from sdkrelay.session.dialects import iso
from tests.support.conversation import Relay, say
from tests.support.stores import ROOT, block_notice, now
from tests.support.tasks import EPOCH

MINED = BlockData(
    block_height=7, block_hash="ab" * 32, transactions=1, size=200, timestamp=1_704_110_400, difficulty=1.0,
    merkle_root="cd" * 32, previous_block_hash="ef" * 32, tweaks=0, tweaks_digest="00" * 32,
)  # fmt: skip


class VersionTests(SynchronousTestCase):
    """What ``handshake.version`` changes."""

    def setUp(self) -> None:
        """A relay with one session of version 1.0 and one of another."""
        self.relay = Relay()
        self.old, self.old_wire = self.relay.greeted("notifications", version="1.0")
        self.new, self.new_wire = self.relay.greeted("notifications", version="1.0.0")

    def tell(self, notice: Notice) -> tuple[dict[str, Any], dict[str, Any]]:
        """Publish it; what both sessions hear."""
        now(self.relay.hub.publish(now(self.relay.store.wallets.settle([], [notice]))))
        return self.old_wire.said()[0], self.new_wire.said()[0]

    def test_handshakes_end_in_success_or_accepted(self) -> None:
        """And the times are dates or numbers; a refusal is ``rejected`` in both."""
        for version, status, time in (("1.0", "success", iso(EPOCH)), ("1.0.0", "accepted", int(EPOCH))):
            session, wire = self.relay.session()
            say(session, "handshake", version=version)
            say(session, "handshake", version=version, network="main")
            accepted, rejected = wire.said()
            self.assertEqual((accepted["status"], rejected["status"]), (status, "rejected"))
            self.assertEqual((accepted["timestamp"], rejected["timestamp"]), (time, time))

    def test_before_a_handshake_times_are_numbers(self) -> None:
        """Also after one that failed."""
        session, wire = self.relay.session()
        say(session, "handshake", version="1.0", since="nowhere-1")
        say(session, "ping")
        self.assertEqual(wire.said()[1]["timestamp"], int(EPOCH))

    def test_a_later_handshake_changes_it(self) -> None:
        """The version is that of the last one."""
        say(self.old, "handshake", version="2")
        say(self.old, "ping")
        self.assertEqual([each["timestamp"] for each in self.old_wire.said()], [int(EPOCH)] * 2)

    def test_a_new_block_is_told_in_both_ways(self) -> None:
        """The same block, the same position."""
        old, new = self.tell(Notice(Kind.BLOCK_MINED, Topic.BLOCKS, MINED))
        self.assertEqual(
            old,
            {
                "type": "block_notification",
                "block_height": 7,
                "block_hash": "ab" * 32,
                "timestamp": "2024-01-01T12:00:00Z",
                "position": new["position"],
            },
        )
        self.assertEqual((new["type"], new["notification_type"]), ("notification", "block_mined"))
        self.assertEqual(new["data"]["timestamp"], 1_704_110_400)

    def test_other_news_have_dates_outside_and_inside(self) -> None:
        """All else of a notification is the same in both."""
        old, new = self.tell(block_notice(ROOT))
        self.assertEqual(old["timestamp"], iso(new["timestamp"]))
        self.assertEqual(old["data"]["timestamp"], iso(new["data"]["timestamp"]))
        for told in (old, new):
            del told["timestamp"], told["data"]["timestamp"]
        self.assertEqual(old, new)

    def test_news_are_written_once_a_version(self) -> None:
        """All receivers of a version get the very same bytes."""
        _, second = self.relay.greeted("notifications", version="1.0")
        now(self.relay.hub.publish(now(self.relay.store.wallets.settle([], [block_notice(ROOT)]))))
        self.assertIs(self.old_wire.sent[0], second.sent[0])

    def test_what_a_client_wrote_is_repeated_as_it_was(self) -> None:
        """The ping's own time comes back unchanged, in both versions."""
        for session, wire in ((self.old, self.old_wire), (self.new, self.new_wire)):
            say(session, "ping", timestamp=5, id="p")
            pong = json.loads(wire.sent[0])
            self.assertEqual((pong["ping_timestamp"], pong["id"]), (5, "p"))

    def test_dates(self) -> None:
        """UTC, whole seconds, a Z."""
        self.assertEqual((iso(0), iso(1_704_110_400.9)), ("1970-01-01T00:00:00Z", "2024-01-01T12:00:00Z"))
