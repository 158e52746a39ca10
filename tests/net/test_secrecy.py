"""Who is this machine itself: what private keys are taken from without TLS must not be what a proxy or a web page passes on."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from sdkrelay.io.net.http import is_secure


class Transport:
    """A connection from somewhere."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer

    def getPeer(self) -> Any:
        """Who connected."""
        return self.peer


LOCAL = Transport(IPv4Address("TCP", "127.0.0.1", 50000))
REMOTE = Transport(IPv4Address("TCP", "192.0.2.1", 50000))
HOST = {"host": "127.0.0.1:8090"}


class SecrecyTests(SynchronousTestCase):
    """Peers, and headers by lower-case name."""

    def verdicts(self, name: str, values: list[str], transport: Any = LOCAL) -> dict[str, bool]:
        """For each value of a header, whether it is secure with a host of this machine beside."""
        return {value: is_secure(transport, {**HOST, name: value}) for value in values}

    def test_peers(self) -> None:
        """Loopback of both families, IPv4 within IPv6, and sockets of the file system; nobody else."""
        near = [IPv4Address("TCP", "127.8.8.8", 1), UNIXAddress("/run/relay")]
        near += [IPv6Address("TCP", host, 1) for host in ("::1", "::ffff:127.0.0.1")]
        far = [IPv4Address("TCP", host, 1) for host in ("192.0.2.1", "10.0.0.1", "0.0.0.0")]
        far += [IPv6Address("TCP", host, 1) for host in ("::", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0")]
        self.assertEqual([is_secure(Transport(peer), HOST) for peer in near], [True] * 4)
        self.assertEqual([is_secure(Transport(peer), HOST) for peer in far], [False] * 7)

    def test_no_header_at_all(self) -> None:
        """A program that names no host is a program of this machine."""
        self.assertTrue(is_secure(LOCAL, {}))

    def test_any_sign_of_a_proxy(self) -> None:
        """Whatever it calls itself, and whatever else it says."""
        names = ["forwarded", "forwarded-for", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip"]
        names += ["cf-connecting-ip", "true-client-ip", "fastly-client-ip"]
        names += ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-anything"]
        for name in names:
            self.assertFalse(is_secure(LOCAL, {**HOST, name: "127.0.0.1"}), name)

    def test_hosts(self) -> None:
        """Names and addresses of loopback, with a port or without; a name that merely leads here is a page's from elsewhere."""
        near = [
            "localhost",
            "LOCALHOST:8090",
            "127.0.0.1",
            "127.255.0.9:1",
            "[::1]",
            "[::1]:8090",
            "[::ffff:127.0.0.1]:1",
        ]
        far = [
            "relay.example.org",
            "localhost.example.org",
            "example.org:8090",
            "127.0.0.1.example.org",
            "192.0.2.1",
            "[::]",
        ]
        far += [
            "",
            "localhost:",
            "localhost, example.org",
            "example.org@localhost",
            "localhost/x",
            "[localhost",
            "::1",
            "127.1",
        ]
        self.assertEqual(self.verdicts("host", near), dict.fromkeys(near, True))
        self.assertEqual(self.verdicts("host", far), dict.fromkeys(far, False))

    def test_origins(self) -> None:
        """A page of this machine may, a page from elsewhere or from nowhere may not."""
        near = ["http://localhost", "https://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:5173"]
        far = [
            "http://example.org",
            "https://localhost.example.org",
            "null",
            "",
            "localhost",
            "file://",
            "://localhost",
        ]
        self.assertEqual(self.verdicts("origin", near), dict.fromkeys(near, True))
        self.assertEqual(self.verdicts("origin", far), dict.fromkeys(far, False))

    def test_behind_a_local_proxy_its_word_counts(self) -> None:
        """Encrypted on the client's side, whatever host and page; a list of words is none."""
        others = {
            "host": "relay.example.org",
            "origin": "https://example.org",
            "x-forwarded-for": "192.0.2.1",
            "via": "1.1",
        }
        words = {"https": True, "wss": True, "HTTPS": True, "http": False, "ws": False, "": False, "http, https": False}
        found = {word: is_secure(LOCAL, {**others, "x-forwarded-proto": word}) for word in words}
        self.assertEqual(found, words)

    def test_elsewhere_nobody_is_believed(self) -> None:
        """A header is anybody's word."""
        self.assertFalse(is_secure(REMOTE, {**HOST, "x-forwarded-proto": "https"}))

    def test_tls(self) -> None:
        """Whoever is behind it."""
        encrypted = Transport(REMOTE.peer)
        directlyProvides(encrypted, ISSLTransport)
        self.assertTrue(is_secure(encrypted, {"host": "relay.example.org", "origin": "https://example.org"}))
