"""An operator's changes as a source of settings: which win, which cannot be reached, and that they survive being written."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.fault import ConfigurationError
from sdkrelay.config.model import BitcoinCore, Config, Logging
from sdkrelay.config.parse import read_document
from sdkrelay.config.public import public, told_changes
from sdkrelay.config.resolve import resolve
from sdkrelay.config.sources import Sources, sources_of, values
from sdkrelay.config.toml import toml_document


class LayersTests(SynchronousTestCase):
    """What wins over what."""

    def test_changes_win_over_file_and_variables(self) -> None:
        """What an operator said last holds."""
        sources = Sources("[sync]\ninterval = 10", {"SDKRELAY_SYNC__HEALTH_INTERVAL": "20"})
        sync = sources.config({"sync.interval": 11, "sync.health_interval": 22}).sync
        self.assertEqual((sync.interval, sync.health_interval), (11, 22))

    def test_options_win_over_changes(self) -> None:
        """What is written on the command line always holds, and a change of it is refused."""
        sources = Sources("", {}, {"ws_url": "h:1"})
        self.assertEqual(sources.config({"ws_url": "h:2"}).ws_url, "h:1")
        self.assertEqual([fault.key for fault in sources.out_of_reach(["ws_url", "http_url"])], ["ws_url"])

    def test_what_the_data_belongs_to_cannot_change(self) -> None:
        """The folder and the network."""
        faults = Sources().out_of_reach(["data_dir", "network", "dev_mode"])
        self.assertEqual([fault.key for fault in faults], ["data_dir", "network"])

    def test_changes_of_an_older_version_are_left_out(self) -> None:
        """A key that is no more does not keep the relay from starting."""
        self.assertEqual(Sources().config({"gone.key": 1}), Sources().config())

    def test_the_whole_is_checked(self) -> None:
        """Two values that do not fit are a fault wherever they stand."""
        sources = Sources("[pool]\nmin_connections = 10")
        with self.assertRaises(ConfigurationError) as caught:
            sources.config({"pool.max_connections": 5, "retry.backoff_ms": 99_999})
        keys = [fault.key for fault in caught.exception.faults]
        self.assertEqual(keys, ["retry.max_backoff_ms", "pool.max_connections"])

    def test_a_configuration_has_sources(self) -> None:
        """They amount to it again."""
        node = BitcoinCore(url="http://h:1", user="u", password="p", zmq_url=("tcp://a:1",))
        config = resolve(Config(bitcoin_core=node, logging=Logging(levels={"a.b": "debug"}), data_dir="/d"), {}, "/h")
        self.assertEqual(sources_of(config).config(), config)


class WrittenTests(SynchronousTestCase):
    """Changes as a file."""

    @given(some.text(max_size=30), some.text(max_size=30), some.integers(1, 86_400), some.booleans())
    @settings(deadline=None, max_examples=100)
    def test_what_is_written_is_read(self, name: str, contact: str, interval: int, verbose: bool) -> None:
        """Any text, number or truth value."""
        changes: dict[str, Any] = {
            "relay_info.name": name,
            "relay_info.contact": contact,
            "sync.interval": interval,
            "dev_mode": verbose,
            "logging.levels": {name: "debug"},
            "fallback.backup_relays": [name, contact],
        }
        layer = read_document(tomllib.loads(toml_document(changes)))
        self.assertEqual({key: setting.value for key, setting in layer.settings.items()}, changes)


class ShownTests(SynchronousTestCase):
    """What of the settings anybody may see."""

    def test_no_secret_is_shown_to_anybody(self) -> None:
        """Whatever the key is called that holds one."""
        config = Config(bitcoin_core=BitcoinCore(user="u", password="hunter2", url="http://a:hunter2@h:1"))
        for operator in (False, True):
            self.assertNotIn("hunter2", str(public(config, operator)))
        suspicious = [key for key in values(config) if any(word in key for word in ("password", "secret"))]
        self.assertEqual(
            [key for key in suspicious if key.partition(".")[2] in public(config, True)["bitcoin_core"]], []
        )

    def test_the_machine_is_shown_to_operators(self) -> None:
        """Paths and users."""
        config = resolve(Config(bitcoin_core=BitcoinCore(user="u", password="p")), {}, "/home/me")
        self.assertNotIn("/home/me", str(public(config, False)))
        self.assertEqual(public(config, True)["bitcoin_core"]["user"], "u")
        self.assertNotIn("user", public(config, False)["bitcoin_core"])

    def test_changes_are_told(self) -> None:
        """Each with its old and new value, a secret's without."""
        before = {"a": 30, "b": True, "c": (), "x.password": "old", "d": "", "e": "http://u:p@h"}
        after = {"a": 60, "b": False, "c": ("q",), "x.password": "new", "d": "word", "e": "http://h"}
        told = ("a: 30 -> 60", "b: true -> false", 'c: [] -> ["q"]', "x.password: changed", 'd: "" -> word')
        self.assertEqual(told_changes(before, after), (*told, "e: http://h -> http://h"))
