"""How a WebSocket came: who sits at the machine is its operator while there is none, unless a proxy or a page stands between."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Role, User
from sdkrelay.io.net.arrival import approach_of, is_foreign
from tests.support.people import QUICK
from tests.support.stores import now
from tests.support.websocket import UPGRADE, MemoryPort

HERE = UPGRADE.replace(b"127.0.0.1:8090", b"localhost:8090")


class Peer:
    """A transport that only knows who is at its other end."""

    def __init__(self, address: Any) -> None:
        self._address = address

    def getPeer(self) -> Any:
        """Who."""
        return self._address


class SocketTests(SynchronousTestCase):
    """Upgrades with all that can stand in their heads."""

    def setUp(self) -> None:
        """A port of a relay without users."""
        self.port = MemoryPort()

    def roles(self, head: bytes = HERE, host: str = "127.0.0.1") -> list[str]:
        """The roles that the handshake's answer names."""
        client = self.port.connect(host)
        client.send(head + b"\r\n")
        client.received()
        client.say("handshake")
        roles: list[str] = client.heard()[0]["roles"]
        client.transport.loseConnection()
        return roles

    def test_whoever_sits_at_the_machine_is_the_operator(self) -> None:
        """Until there is one."""
        self.assertEqual(self.roles(), ["operator"])
        now(self.port.relay.store.access.add_user(User("ann", QUICK, frozenset({Role.OPERATOR}), 5)))
        self.port.time.advance(1)
        self.assertEqual(self.roles(), [])

    def test_nobody_elsewhere_is(self) -> None:
        """Whatever the host is said to be."""
        self.assertEqual(self.roles(host="192.0.2.7"), [])

    def test_a_proxy_is_not(self) -> None:
        """By any header that proxies add."""
        for header in (
            b"X-Forwarded-For: 192.0.2.7",
            b"Via: 1.1 proxy",
            b"Forwarded: for=192.0.2.7",
            b"X-Real-IP: 192.0.2.7",
        ):
            self.assertEqual(self.roles(HERE + header + b"\r\n"), [], header)

    def test_a_page_of_another_site_is_not(self) -> None:
        """Browsers let any page open a WebSocket, and tell whose it is; a page of the machine itself is one of ours.

        What names no site at all may connect, and is nobody's own either.
        """
        for origin in (b"https://evil.example", b"null", b"http://127.0.0.1", b"a-program", b"http://[", b"file://"):
            self.assertEqual(self.roles(HERE + b"Origin: " + origin + b"\r\n"), [], origin)
        self.assertEqual(self.roles(HERE + b"Sec-Fetch-Site: cross-site\r\n"), [])
        self.assertEqual(self.roles(HERE + b"Origin: http://localhost:8091\r\n"), ["operator"])

    def test_a_forged_or_rebound_host_is_not(self) -> None:
        """The browser says the name that it was led by."""
        for host in (b"relay.test:8090", b"evil.example", b"localhost.evil.example"):
            self.assertEqual(self.roles(UPGRADE.replace(b"127.0.0.1:8090", host)), [], host)


class ApproachTests(SynchronousTestCase):
    """The rule by itself."""

    def test_other_kinds_of_peers_are_not_the_machines_own(self) -> None:
        """A UNIX socket is a proxy's; IPv6 has its own loopback address."""
        headers = {"host": "localhost"}
        self.assertFalse(approach_of(Peer(UNIXAddress(b"/run/x")), headers).local)
        self.assertTrue(approach_of(Peer(IPv6Address("TCP", "::1", 5)), headers).local)

    @settings(deadline=None, max_examples=300)
    @given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
    def test_random_headers_never_make_a_stranger_local(self, host: str, origin: str, site: str) -> None:
        """Nor do they raise."""
        headers = {"host": host, "origin": origin, "sec-fetch-site": site}
        approach = approach_of(Peer(IPv4Address("TCP", "127.0.0.1", 5)), headers)
        self.assertFalse(approach.local and is_foreign(headers))
        self.assertFalse(approach_of(Peer(IPv4Address("TCP", "192.0.2.7", 5)), headers).local)
