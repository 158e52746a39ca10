"""What the machine and the network put in where nothing was set."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import Auth, BitcoinCore, Config, Sync
from sdkrelay.config.resolve import resolve
from sdkrelay.domain.chain import Network


class ResolveTests(SynchronousTestCase):
    """Defaults from environment and home, both passed in."""

    def test_an_ordinary_user(self) -> None:
        """Data below the home folder, and bitcoind's own places."""
        config = resolve(Config(network=Network.MAIN), {}, "/home/ann")
        self.assertEqual(config.data_dir, "/home/ann/.local/share/sdkrelay")
        self.assertEqual(config.database.url, "sqlite:////home/ann/.local/share/sdkrelay/sdkrelay.sqlite")
        self.assertEqual(config.auth.master_key_file, "")
        self.assertEqual(config.bitcoin_core.cookie_path, "/home/ann/.bitcoin/.cookie")

    def test_a_systemd_service(self) -> None:
        """The first of its state folders."""
        config = resolve(Config(), {"STATE_DIRECTORY": "/var/lib/sdkrelay:/other"}, "/")
        self.assertEqual(config.data_dir, "/var/lib/sdkrelay")

    def test_each_network_has_its_port_and_folder(self) -> None:
        """As bitcoind has them."""
        found = {network: resolve(Config(network=network), {}, "").bitcoin_core for network in Network}
        self.assertEqual(found[Network.TESTNET4].url, "http://127.0.0.1:48332")
        self.assertEqual(found[Network.TEST].cookie_path, "/.bitcoin/testnet3/.cookie")
        self.assertEqual(len({node.url for node in found.values()}), 5)

    def test_a_user_needs_no_cookie(self) -> None:
        """Where a user is set, no default cookie gets in the way."""
        config = resolve(Config(bitcoin_core=BitcoinCore(user="u", password="p")), {}, "/h")
        self.assertEqual(config.bitcoin_core.cookie_path, "")

    def test_what_is_set_stays(self) -> None:
        """With the home folder put in for a tilde."""
        config = resolve(Config(data_dir="~/relay", auth=Auth(master_key_file="~/k")), {"STATE_DIRECTORY": "/s"}, "/h")
        self.assertEqual((config.data_dir, config.auth.master_key_file), ("/h/relay", "/h/k"))

    def test_resolving_again_changes_nothing(self) -> None:
        """Whole settings are whole."""
        once = resolve(Config(), {}, "/h")
        self.assertEqual(resolve(once, {"STATE_DIRECTORY": "/s"}, "/other"), once)

    def test_the_index_starts_at_taproot(self) -> None:
        """Unless another height is set, 0 too."""
        self.assertEqual(Config(network=Network.MAIN).start_height, 709632)
        self.assertEqual(Config(network=Network.MAIN, sync=Sync(start_height=0)).start_height, 0)
