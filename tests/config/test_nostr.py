"""The settings of the Nostr relay: what is wrong with them is told before the start, with the key and what is expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.build.nostr import limits_of, own_urls
from sdkrelay.config.check import check
from sdkrelay.config.model import Config
from sdkrelay.config.nostr import Nostr
from sdkrelay.preflight import try_out

KEY = "ab" * 32


class NostrSettingsTests(SynchronousTestCase):
    """Each fault by itself."""

    def keys(self, **settings: Any) -> list[str]:
        """The keys that have faults."""
        return [fault.key for fault in check(Config(nostr=Nostr(**settings)))]

    def test_what_is_right(self) -> None:
        """The defaults, and everything set."""
        self.assertEqual(self.keys(), [])
        places = {"url": "wss://relay.example/", "database": "sqlite:////var/lib/x.sqlite"}
        lists = {"admins": (KEY,), "pubkey": KEY, "write_policy": ("/bin/true", "-x"), "retention_days": {"65535": 1}}
        self.assertEqual(self.keys(**places, **lists), [])

    def test_what_is_wrong(self) -> None:
        """Told by its key."""
        wrong: list[tuple[str, Any]] = [
            ("admins", ("npub1xyz",)), ("admins", (KEY.upper(),)), ("pubkey", "ab"), ("url", "https://relay.example"),
            ("url", "wss://"), ("url", "wss://u:p@relay.example"), ("url", "ws://relay:99999"), ("database", "nostr.db"),
            ("database", "sqlite:///"), ("write_policy", ("policy",)),
            ("default_limit", 6_000), ("kind_events_per_minute", {"65536": 1}),
        ]  # fmt: skip
        for name, value in wrong:
            self.assertEqual(self.keys(**{name: value}), [f"nostr.{name}"], value)

    def test_what_the_socket_takes_bounds_messages(self) -> None:
        """Else NIP-11 would promise too much."""
        self.assertEqual(limits_of(Nostr(), 100_000).message, 100_000)
        self.assertEqual(limits_of(Nostr(message_bytes=5_000), 100_000).message, 5_000)

    def test_the_program_must_be_there(self) -> None:
        """Before the start, and so must a place for the database."""
        here = Path(self.mktemp()).absolute()
        here.write_text("no program")
        settings = Nostr(write_policy=(str(here),), database=f"sqlite:///{here}/x.sqlite")
        config = Config(nostr=settings, data_dir=str(here.parent), ws_url="127.0.0.1:0", http_url="127.0.0.1:0")
        keys = {fault.key for fault in try_out(config)}
        self.assertLessEqual({"nostr.write_policy", "nostr.database"}, keys)

    def test_what_the_relay_is_called(self) -> None:
        """As set; else as this machine reaches it."""
        self.assertEqual(own_urls(Config(nostr=Nostr(url="wss://relay.example"))), ("wss://relay.example",))
        self.assertEqual(own_urls(Config(ws_url="192.0.2.7:8090")), ("ws://192.0.2.7:8090",))
        everywhere = own_urls(Config(ws_url="0.0.0.0:8090"))
        self.assertLessEqual({"ws://localhost:8090", "ws://127.0.0.1:8090", "ws://[::1]:8090"}, set(everywhere))
