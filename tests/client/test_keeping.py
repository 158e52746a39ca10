"""Wallets on all relays, and a state that holds over restarts; secrets are shown nowhere."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.client import Client, FileState, Relay, identity_of
from sdkrelay.client.ledger import Ledger, Subject
from sdkrelay.client.wallets import Keys
from sdkrelay.domain.position import Position

from .hostile import news
from .stage import KEYS, ClientTestCase, Reader, block, payment

WALLET = Keys(**KEYS).wallet_id


class WalletTests(ClientTestCase):
    """One wallet and two relays."""

    def test_backups_know_the_wallet_beforehand(self) -> None:
        """It is registered with the backup at once, from the same height, and what that tells is told after the change."""
        reader = self.reading(self.connected("ws://127.0.0.1:8190"))
        self.network.result(reader.client.register_wallet(**KEYS))
        self.network.until(lambda: self.second.desk.asked)
        self.network.run()
        self.assertEqual([100], [one.birthday for one in self.second.desk.asked])
        self.first.tell(payment(1_000, WALLET))
        self.network.run()
        self.first.kill()
        self.second.tell(payment(2_000, WALLET), payment(1_000, WALLET))
        self.told(reader, 1_000, 2_000)

    def test_payments_are_heard_after_a_cut(self) -> None:
        """The wallet's token is shown in the next handshake; it is not registered again."""
        reader = self.reading(self.connected())
        self.network.result(reader.client.register_wallet(**KEYS))
        self.first.kill()
        self.first.tell(payment(5, WALLET))
        self.first.listen()
        self.told(reader, 5)
        self.assertEqual(1, len(self.first.desk.asked))

    def test_a_token_that_holds_no_longer_is_replaced(self) -> None:
        """A relay that has lost the wallet gets it again."""
        client = self.connected()
        self.network.result(client.register_wallet(**KEYS))
        self.first.kill()
        other = self.relay_at(self.first.address, 3)
        self.network.until(lambda: other.desk.asked)

    def test_forgotten_everywhere(self) -> None:
        """Unregistering reaches the backup too, when it is back."""
        client = self.connected("ws://127.0.0.1:8190")
        self.network.result(client.register_wallet(**KEYS))
        self.network.until(lambda: len(self.second.desk.asked) == 1)
        self.second.kill()
        self.network.result(client.unregister_wallet(WALLET))
        self.network.advance(30)
        self.second.listen()
        self.network.until(lambda: len(self.second.desk.asked) == 2)
        self.assertEqual(WALLET, self.second.desk.asked[1].wallet_id)

    def test_whom_to_tell_over_nostr(self) -> None:
        """Is sent to every relay; another one is sent again, the same or none is not."""
        client = self.connected("ws://127.0.0.1:8190")
        first, second = {"pubkey": "ab" * 32}, {"pubkey": "cd" * 32, "relays": ("wss://relay.example",)}
        for contact in (first, first, None, second):
            self.network.result(client.register_wallet(**KEYS, nostr=contact))
            self.network.run()
        for relay in (self.first, self.second):
            told = [asked.nostr.pubkey for asked in relay.desk.asked]
            self.assertEqual(told, [first["pubkey"], second["pubkey"]])

    def test_no_secret_is_shown(self) -> None:
        """Neither keys nor tokens are in what objects say of themselves, nor in an answer."""
        client = self.connected(state=FileState(self.mktemp()))
        answer = self.network.result(client.register_wallet(**KEYS))
        token = client.wallet_token(WALLET)
        shown = repr((client, vars(client), vars(client._wallets)["_wanted"], Relay("ws://a:1", token="hush"), answer))
        assert token is not None
        for secret in (KEYS["scan_private_key"], token, "hush"):
            self.assertNotIn(secret, shown)


class StateTests(ClientTestCase):
    """A program that ends and starts again with its state."""

    def start(self, path: str, pace: int | None = None, *backups: str) -> Any:
        """The program: a client that reads so much (all, without a number)."""
        client = self.connected(*backups, state=FileState(path))
        reader = Reader(client, pace=pace).start()
        self.network.run()
        return reader

    def test_it_goes_on_where_it_was(self) -> None:
        """What was done is not given again, what was in hand is, what was missed follows; the wallet is held by its token."""
        path = self.mktemp()
        before = self.start(path, 2)
        self.network.result(before.client.register_wallet(**KEYS))
        self.first.tell(block(1), block(2))
        self.network.run()
        self.network.result(before.client.close())
        self.first.tell(payment(3, WALLET), block(4))
        self.told(self.start(path), 2, 3, 4)
        self.assertEqual(1, len(self.first.desk.asked))

    def test_a_backup_repeats_nothing_after_a_restart(self) -> None:
        """What was given before the restart is recognised when the backup tells it."""
        path = self.mktemp()
        before = self.start(path, 3)
        self.both(block(1), block(2), block(3))
        self.network.result(before.client.close())
        self.first.kill()
        self.second.tell(block(4))
        self.told(self.start(path, None, "ws://127.0.0.1:8190"), 3, 4)

    def test_the_file(self) -> None:
        """Only its owner reads it; a line that was cut off is dropped; of anything else it says so; it is written anew at times."""
        path = Path(self.mktemp())
        state = FileState(path, most=3)
        self.assertEqual([False, False, True], [state.append({"kind": "n", "n": n}) for n in range(3)])
        self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))
        state.replace([{"kind": "n", "n": 9}])
        state.append({"kind": "n", "n": 10})
        state.close()
        path.write_bytes(path.read_bytes() + b'{"kind": "n", "n"')
        self.assertEqual([9, 10], [one["n"] for one in FileState(path).load()])
        self.assertEqual([9, 10], [one["n"] for one in FileState(path).load()])
        path.write_bytes(b"hello\n")
        self.assertRaises(ValueError, FileState(path).load)

    def test_a_state_of_something_else_is_refused(self) -> None:
        """The client does not start on what is no state of a client."""
        path = Path(self.mktemp())
        path.write_text('{"kind": "told"}\n')
        client = Client("ws://127.0.0.1:8090", state=FileState(path), world=self.client()._world)
        self.assertRaises(ValueError, self.network.result, client.connect())


class LedgerTests(SynchronousTestCase):
    """The rules by which something is new."""

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("xy")), max_size=30))
    def test_no_event_is_given_more_often_than_a_log_told_it(self, told: list[tuple[str, str]]) -> None:
        """Over any two logs: at least as often as the busier one, and never more often than both together."""
        subject, given_ = Subject(), []
        for log, event in told:
            if subject.take(log, event):
                given_.append(event)
        for event in "xy":
            counts = [told.count((log, event)) for log in "AB"]
            self.assertTrue(max(counts) <= given_.count(event) <= sum(counts))

    def test_it_is_rebuilt_from_its_changes(self) -> None:
        """A ledger made of another's changes knows the same; the oldest subjects are forgotten."""
        ledger, other = Ledger(most=2), Ledger()
        for number in range(1, 5):
            ledger.told("ws://a:1", Position("abc", number), news("", number), 1_000 + number)
        for change in ledger.changes():
            other.apply(change)
        self.assertEqual((Position("abc", 4), 1_004), (other.place("ws://a:1"), other.moment))
        told = [other.told("ws://b:1", Position("def", number), news("", number), 9)[0] for number in range(1, 5)]
        self.assertEqual([True, True, False, False], told)

    def test_identities(self) -> None:
        """The same from any relay; none for what is about the relay itself."""
        one, other = news("abc-1"), {**news("def-9"), "timestamp": 5}
        self.assertEqual(identity_of(one), identity_of(other))
        self.assertNotEqual(identity_of(one), identity_of(news("abc-1", 2)))
        self.assertIsNone(identity_of({**one, "notification_type": "relay_connected"}))
        update = {"type": "payment_update", "payment_id": "p", "status": "detected"}
        self.assertNotEqual(identity_of(update), identity_of({**update, "status": "confirmed"}))
