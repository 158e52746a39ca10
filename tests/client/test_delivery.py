"""Each notification is given once: over reconnections, replays, a backup, and the way back."""

from __future__ import annotations

from sdkrelay.domain.notification import Kind

from .stage import FIRST, SECOND, ClientTestCase, block


class OneRelayTests(ClientTestCase):
    """A client of one relay."""

    def test_what_is_told_is_given(self) -> None:
        """Notifications come in order, with their data and positions."""
        reader = self.reading(self.connected())
        self.first.tell(block(1), block(2))
        self.told(reader, 1, 2)
        self.assertEqual(self.first.hub.position, reader.told[-1]["position"])

    def test_what_was_missed_is_given_after_a_cut(self) -> None:
        """What is logged while the connection is away comes from the log, and nothing twice."""
        reader = self.reading(self.connected())
        self.first.tell(block(1))
        self.network.run()
        self.first.kill()
        self.first.tell(block(2), block(3))
        self.network.advance(40)
        self.first.listen()
        self.told(reader, 1, 2, 3)

    def test_what_comes_before_the_first_notification_is_not_missed(self) -> None:
        """A client that was told nothing yet goes on from where it first subscribed."""
        reader = self.reading(self.connected())
        self.first.kill()
        self.first.tell(block(1))
        self.first.listen()
        self.told(reader, 1)

    def test_an_event_that_came_undone_is_given_again(self) -> None:
        """Within one log positions decide: a block that leaves and comes back is told each time."""
        reader = self.reading(self.connected())
        self.first.tell(block(1), block(1, kind=Kind.BLOCK_DISCONNECTED), block(1))
        self.told(reader, 1, 1, 1)

    def test_a_position_that_expired_is_survived(self) -> None:
        """Where the log has forgotten the position, all that it still holds is given, once."""
        reader = self.reading(self.connected())
        self.first.tell(block(1))
        self.network.run()
        self.first.kill()
        self.first.tell(block(2), block(3), block(4))
        self.first.forget(but=2)
        self.first.listen()
        self.told(reader, 1, 3, 4)

    def test_another_log_is_survived(self) -> None:
        """A relay whose database was made anew tells what it holds; what was given before is not given again."""
        reader = self.reading(self.connected())
        self.first.tell(block(1), block(2))
        self.network.run()
        self.first.kill()
        other = self.relay_at(FIRST, 3)
        other.tell(block(1), block(2), block(3))
        self.told(reader, 1, 2, 3)


class BackupTests(ClientTestCase):
    """A client of two relays that see the same chain."""

    def test_a_backup_goes_on_where_the_primary_ended(self) -> None:
        """The backup is asked from before the last notification, and only what is new is given."""
        reader = self.reading(self.connected("ws://127.0.0.1:8190"))
        self.both(block(1), block(2))
        self.first.kill()
        self.second.tell(block(3))
        self.told(reader, 1, 2, 3)
        self.assertIn(SECOND, self.network.tried)

    def test_a_backup_that_lags_repeats_nothing(self) -> None:
        """What the backup notices only after it was turned to was given before."""
        reader = self.reading(self.connected("ws://127.0.0.1:8190"))
        self.first.tell(block(1), block(2))
        self.network.run()
        self.first.kill()
        self.network.until(lambda: reader.client.relay and reader.client.relay.ws_url.endswith("8190"))
        self.second.tell(block(1), block(2), block(3))
        self.told(reader, 1, 2, 3)

    def test_the_primary_is_used_again(self) -> None:
        """When it is back the client returns to it, and hears nothing twice and nothing late."""
        reader = self.reading(self.connected("ws://127.0.0.1:8190"))
        self.both(block(1))
        self.first.kill()
        self.both(block(2))
        self.told(reader, 1, 2)
        self.first.listen()
        self.network.until(lambda: reader.client.relay and reader.client.relay.ws_url.endswith("8090"))
        self.both(block(3))
        self.told(reader, 1, 2, 3)

    def test_a_reorganisation_is_given_over_the_change(self) -> None:
        """What comes undone on the backup and comes again is new each time; back at the primary it is not."""
        reader = self.reading(self.connected("ws://127.0.0.1:8190"))
        self.both(block(1))
        self.first.kill()
        self.both(block(1, kind=Kind.BLOCK_DISCONNECTED), block(1))
        self.told(reader, 1, 1, 1)
        self.first.listen()
        self.network.until(lambda: reader.client.relay and reader.client.relay.ws_url.endswith("8090"))
        self.both(block(2))
        self.told(reader, 1, 1, 1, 2)

    def test_what_waits_at_the_change_is_given_before_what_follows(self) -> None:
        """A slow reader takes what the lost relay told first; the backup repeats none of it."""
        client = self.connected("ws://127.0.0.1:8190")
        self.both(block(1), block(2))
        self.first.kill()
        self.network.until(lambda: client.relay and client.relay.ws_url.endswith("8190"))
        self.second.tell(block(3))
        self.told(self.reading(client), 1, 2, 3)
