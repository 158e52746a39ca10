"""The original relay's file: told apart, understood, and never a reason to fail."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.original import is_original, read_original
from sdkrelay.config.sources import Sources
from sdkrelay.domain.chain import Network

FILE = """
# The relay of before
core_url="http://node.example:38332"
ws_url="0.0.0.0:9090"
wallet_name = "relay wallet"
network="signet"
blindbit_url="http://localhost:8000"
zmq_url='tcp://127.0.0.1:29000'
electrum_url=
cookie_path=/var/lib/bitcoind/.cookie   # readable by the group
"""


class OriginalTests(SynchronousTestCase):
    """What such a file amounts to."""

    def test_it_is_understood(self) -> None:
        """Each key sets ours; quotes and comments are no part of values."""
        config = Sources(FILE).config()
        node = config.bitcoin_core
        self.assertEqual((config.ws_url, config.network), ("0.0.0.0:9090", Network.SIGNET))
        self.assertEqual((node.url, node.wallet), ("http://node.example:38332", "relay wallet"))
        self.assertEqual((node.zmq_url, node.cookie_path), (("tcp://127.0.0.1:29000",), "/var/lib/bitcoind/.cookie"))

    def test_keys_without_use_are_warned_of(self) -> None:
        """By line and name, and values are not repeated."""
        told = "\n".join(Sources(FILE + "password hunter2\nstorage_path=/x\n").warnings)
        for word in ("line 7: blindbit_url", "line 9: electrum_url", "line 11: this", "line 12: storage_path"):
            self.assertIn(word, told)
        self.assertNotIn("hunter2", told)

    def test_the_other_form_is_not_taken_for_it(self) -> None:
        """Only a core_url before any section tells it."""
        self.assertTrue(is_original('network = "x"\ncore_url = "y"'))
        for text in ("", 'network = "main"', '[bitcoin_core]\ncore_url = "x"', "# core_url=x", "my_core_url=x"):
            self.assertFalse(is_original(text), text)

    def test_variables_and_options_win_over_it(self) -> None:
        """As they do over the other form."""
        config = Sources(FILE, {"SDKRELAY_WS_URL": "h:1"}, {"network": "regtest"}).config()
        self.assertEqual((config.ws_url, config.network), ("h:1", Network.REGTEST))

    def test_credentials_leave_the_address(self) -> None:
        """They go to the keys for them."""
        node = Sources("core_url=http://alice:p%40ss@node:8332/\nnetwork=bitcoin").config().bitcoin_core
        self.assertEqual((node.url, node.user, node.password), ("http://node:8332", "alice", "p@ss"))

    def test_other_names_of_networks(self) -> None:
        """Those bitcoind and others use."""
        for name, network in (("mainnet", Network.MAIN), ("Testnet", Network.TEST), ("regtest", Network.REGTEST)):
            self.assertIs(Sources(f"core_url=\nnetwork={name}").config().network, network)

    @given(some.text(max_size=200))
    @settings(deadline=None, max_examples=100)
    def test_any_text_is_read(self, text: str) -> None:
        """Whatever it is, it gives settings that have a key here, and warnings."""
        read_original("core_url=x\n" + text)
