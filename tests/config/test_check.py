"""What is wrong with settings that are all of the right type."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.check import check
from sdkrelay.config.model import BitcoinCore, Config, Database


def keys(config: Config) -> list[str]:
    """The keys found at fault."""
    return [fault.key for fault in check(config)]


def node_keys(**given: object) -> list[str]:
    """The keys found at fault in a section about the node, without its name."""
    return [key.removeprefix("bitcoin_core.") for key in keys(Config(bitcoin_core=BitcoinCore(**given)))]  # type: ignore[arg-type]


class CheckTests(SynchronousTestCase):
    """Each rule, and that all of them speak at once."""

    def test_the_defaults_are_sound(self) -> None:
        """Nothing is wrong with no settings at all."""
        self.assertEqual(keys(Config()), [])

    def test_all_faults_are_told_at_once(self) -> None:
        """One of each part."""
        config = Config(
            relay_id="x" * 65,
            ws_url="here",
            http_url="there:99999",
            bitcoin_core=BitcoinCore(url="node:8332"),
            database=Database(url="mysql://x"),
        )
        self.assertEqual(keys(config), ["relay_id", "ws_url", "http_url", "bitcoin_core.url", "database.url"])

    def test_one_port_for_both_must_be_written_alike(self) -> None:
        """Equal values share a port; different ones that want the same port do not work."""
        shared = Config(ws_url="0.0.0.0:8090", http_url="0.0.0.0:8090")
        self.assertEqual((keys(shared), shared.one_port), ([], True))
        self.assertEqual(keys(replace(shared, http_url="127.0.0.1:8090")), ["http_url"])
        self.assertEqual(keys(replace(shared, ws_url="127.0.0.2:8090", http_url="127.0.0.1:8090")), [])
        self.assertEqual(keys(replace(shared, ws_url="127.0.0.1:0", http_url="0.0.0.0:0")), [])

    def test_one_way_to_log_in(self) -> None:
        """A cookie file, or a user with a password."""
        self.assertEqual(node_keys(cookie_path="c", user="u", password="p"), ["cookie_path"])
        self.assertEqual(node_keys(user="u"), ["password"])
        self.assertEqual(node_keys(password="p"), ["user"])
        self.assertEqual(node_keys(user="u", password="p"), [])

    def test_the_nodes_address_is_http(self) -> None:
        """With a host and a sound port, and without credentials."""
        for url in (
            "node",
            "ftp://node:1",
            "http://",
            "http://node:99999",
            "http://node:x",
            "http://[::1",
            "http://u:p@node:1",
        ):
            self.assertEqual(node_keys(url=url), ["url"], url)
        for url in ("http://node:8332", "https://node", "http://[::1]:8332/"):
            self.assertEqual(node_keys(url=url), [], url)

    def test_feeds_are_tcp_or_ipc(self) -> None:
        """Each address of a list is checked."""
        feeds = ("tcp://a:1", "ipc:///run/x", "tcp://a", "http://a:1", "ipc://", "tcp://:1")
        self.assertEqual(node_keys(zmq_url=feeds), ["zmq_url"] * 4)

    def test_databases_are_sqlite(self) -> None:
        """A file or memory; other engines are refused before anything is tried."""
        for url in ("sqlite://", "sqlite:///a", "sqlite:////a/b"):
            self.assertEqual(keys(Config(database=Database(url=url))), [], url)
        for url in ("sqlite:///", "sqlite:a", "postgresql://h/d", "x"):
            self.assertEqual(keys(Config(database=Database(url=url))), ["database.url"], url)
