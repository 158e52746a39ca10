"""From ``host:port`` to what Twisted listens on."""

from __future__ import annotations

from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.address import Address, listen_description, parse_address


class AddressTests(SynchronousTestCase):
    """The short form, and endpoint strings left as they are."""

    def test_host_and_port(self) -> None:
        """Names, IPv4, IPv6 in brackets, and no host for all of them."""
        self.assertEqual(parse_address("127.0.0.1:8090"), Address("127.0.0.1", 8090))
        self.assertEqual(parse_address("[::1]:0"), Address("::1", 0))
        self.assertEqual(parse_address(":8090"), Address("0.0.0.0", 8090))

    def test_endpoint_strings_are_left_alone(self) -> None:
        """What Twisted understands by itself is no address of ours."""
        for text in (
            "tcp:8090",
            "unix:/run/relay.sock",
            "tcp6:port=1:interface=\\:\\:1",
            "systemd:domain=INET:index=0",
        ):
            self.assertIsNone(parse_address(text))
            self.assertEqual(listen_description(text), text)

    def test_what_is_neither_is_refused(self) -> None:
        """Missing, wrong and too large ports, addresses with a scheme, and IPv6 without brackets."""
        for text in ("", "host", "host:", "host:x", "host:65536", "ws://host:1", "::1:8090", "a b:1", "host:1\n"):
            self.assertRaises(ValueError, parse_address, text)

    def test_twisted_understands_the_description(self) -> None:
        """It listens where it was told to."""
        for text, expected in (("127.0.0.1:8090", "127.0.0.1"), ("[::1]:8090", "::1")):
            reactor = MemoryReactorClock()
            self.successResultOf(serverFromString(reactor, listen_description(text)).listen(None))
            port, _, _, interface = reactor.tcpServers[0]
            self.assertEqual((port, interface), (8090, expected))
