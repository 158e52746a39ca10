"""The settings about other Nostr relays: what can be meant, and what is wrong with the rest."""

from __future__ import annotations

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.check import check
from sdkrelay.config.fault import ConfigurationError
from sdkrelay.config.meshing import Mesh
from sdkrelay.config.model import Config
from sdkrelay.config.parse import parse
from sdkrelay.config.streaming import NostrStream, is_relay_url, make_wanted

TEXT = """
[mesh]
nostr = {}
[nostr.streams.backup]
url = "wss://relay.example"
direction = "up"
filter = '{"kinds": [1]}'
[nostr.streams.friends]
url = "ws://friends.example:7000/path"
filter = {kinds = [0, 3], "#t" = ["sats"]}
"""


class StreamSettingsTests(SynchronousTestCase):
    """Tables of the settings."""

    def test_streams_are_tables_with_names(self) -> None:
        """Filters are JSON in a string, or a table."""
        config = parse(TEXT, {}, {})
        backup, friends = config.nostr.streams["backup"], config.nostr.streams["friends"]
        self.assertEqual(backup, NostrStream(url="wss://relay.example", direction="up", filter='{"kinds": [1]}'))
        self.assertEqual(friends.direction, "both")
        self.assertEqual(make_wanted(friends.filter), make_wanted('{"kinds": [0, 3], "#t": ["sats"]}'))
        self.assertEqual((config.mesh.nostr, check(config)), ({}, []))

    def test_what_is_wrong_is_told_by_its_key(self) -> None:
        """Addresses and filters, those of the mesh too."""
        wrong = {
            "a": NostrStream(url="https://a.example"),
            "b": NostrStream(url="wss://b.example", filter='{"limit": 1}'),
        }
        config = Config()
        config = replace(config, nostr=replace(config.nostr, streams=wrong), mesh=Mesh(nostr="kinds: 1"))
        keys = [fault.key for fault in check(config)]
        self.assertEqual(keys, ["nostr.streams.a.url", "nostr.streams.b.filter", "mesh.nostr"])

    def test_a_stream_needs_a_url_and_a_known_direction(self) -> None:
        """Both are told where they were written."""
        for text in (
            'direction = "up"',
            'url = "wss://a.example"\ndirection = "sideways"',
            'url = "wss://a"\nurls = 1',
        ):
            with self.assertRaises(ConfigurationError) as caught:
                parse(f"[nostr.streams.a]\n{text}", {}, {})
            self.assertEqual([fault.key for fault in caught.exception.faults], ["nostr.streams"], text)

    def test_urls_of_relays(self) -> None:
        """With a path and a port if need be; without credentials, fragments and blanks."""
        for url in ("wss://a.example", "ws://127.0.0.1:8090", "ws://[::1]:7/x?y=z"):
            self.assertTrue(is_relay_url(url), url)
        for url in (
            "",
            "a.example",
            "https://a.example",
            "wss://",
            "wss://u:p@a.example",
            "ws://a:99999",
            "ws://a#b",
            "ws://a b",
        ):
            self.assertFalse(is_relay_url(url), url)
