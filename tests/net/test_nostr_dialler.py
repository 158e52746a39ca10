"""Dialling other Nostr relays over real sockets: certificates, too large messages, and addresses nobody should be led to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from attrs import define, field
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sdkrelay.io.mesh.trust import Trust
from sdkrelay.io.net.calling import Pauses
from sdkrelay.io.nostr.dialler import NostrPhone
from sdkrelay.io.world import SystemClock, SystemEntropy
from sdkrelay.ports.remotes import RemoteWire
from tests.support.certificates import Authority


def phone(public: bool = False, trust: Trust | None = None) -> NostrPhone:
    """What dials, and takes messages of up to 10,000 bytes."""
    world = SystemClock(), SystemEntropy(), cast(Any, reactor), trust or Trust()
    return NostrPhone(*world, lambda: Pauses(60, 60), 10_000, public)


class Echo(WebSocketServerProtocol):  # type: ignore[misc]
    """Says what it hears, and a lot more when asked for it."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Answer."""
        self.sendMessage(b"x" * 20_000 if payload == b"more" else payload)


@define(eq=False)
class Watch:
    """Says ``first`` once it is connected; the first thing that happens then."""

    first: bytes = b"hello"
    happened: Deferred[tuple[str, str]] = field(factory=Deferred)

    def wanted(self) -> bool:
        """Once."""
        return True

    def opened(self, wire: RemoteWire) -> None:
        """There is a connection."""
        wire.attach(self)
        wire.send(self.first)

    def receive(self, frame: bytes) -> None:
        """The other side said something."""
        self._tell("heard", frame.decode())

    def ended(self, why: str) -> None:
        """The connection is gone."""
        self._tell("ended", why)

    def failed(self, why: str) -> None:
        """There was none."""
        self._tell("failed", why)

    def _tell(self, what: str, more: str) -> None:
        if not self.happened.called:
            self.happened.callback((what, more))


class AddressTests(SynchronousTestCase):
    """Who is spoken to where strangers name the address."""

    def test_inner_addresses_are_not(self) -> None:
        """Neither this machine, nor private networks, in whatever form."""
        for host in ("127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "fd00::1", "0.0.0.0", ""):
            self.assertIsNotNone(phone(public=True).unwelcome(host), host)
            self.assertIsNone(phone().unwelcome(host))

    def test_the_internet_is(self) -> None:
        """Public addresses."""
        for host in ("1.1.1.1", "2606:4700::1111"):
            self.assertIsNone(phone(public=True).unwelcome(host))


class DiallingTests(TestCase):
    """Connections to a server on loopback, with TLS and without."""

    timeout = 60

    def setUp(self) -> None:
        """An authority, and both servers."""
        self.authority = Authority(Path(self.mktemp()))
        factory = WebSocketServerFactory()
        factory.protocol = Echo
        self.plain = reactor.listenTCP(0, factory, interface="127.0.0.1")  # type: ignore[attr-defined]
        files = [path.read_bytes() for path in self.authority.issue("server")]
        options = ssl.PrivateCertificate.loadPEM(b"\n".join(files)).options()
        self.secure = reactor.listenSSL(0, factory, options, interface="127.0.0.1")  # type: ignore[attr-defined]

    async def tearDown(self) -> None:
        """Leave nothing in the reactor."""
        await self.plain.stopListening()
        await self.secure.stopListening()

    async def outcome(self, dialled: NostrPhone, url: str, watch: Watch | None = None) -> tuple[str, str]:
        """What comes of dialling this address."""
        watch = watch or Watch()
        line = dialled.line(url, watch)
        what = await watch.happened
        line.stop()
        while dialled.connections:
            turned: Deferred[None] = Deferred()
            reactor.callLater(0.01, turned.callback, None)  # type: ignore[attr-defined]
            await turned
        return what

    def address(self, scheme: str) -> str:
        """The URL of one of the servers."""
        port = (self.secure if scheme == "wss" else self.plain).getHost().port
        return f"{scheme}://localhost:{port}/path"

    async def test_frames_go_both_ways(self) -> None:
        """Over a plain connection, and over TLS with a certificate of an authority that is believed."""
        self.assertEqual(await self.outcome(phone(), self.address("ws")), ("heard", "hello"))
        believing = phone(trust=Trust(self.authority.path))
        self.assertEqual(await self.outcome(believing, self.address("wss")), ("heard", "hello"))

    async def test_a_stranger_is_not_believed(self) -> None:
        """Its certificate is of nobody known: nothing is said."""
        what, why = await self.outcome(phone(), self.address("wss"))
        self.assertEqual((what, "certificate verify failed" in why), ("failed", True), why)

    async def test_a_message_has_a_bound(self) -> None:
        """A larger one ends the conversation."""
        happened = await self.outcome(phone(), self.address("ws"), Watch(b"more"))
        self.assertEqual(happened, ("ended", "a message of more than 10000 bytes"))

    async def test_nothing_is_said_to_an_inner_address(self) -> None:
        """Where strangers name the address, whatever name it has."""
        happened = await self.outcome(phone(public=True), self.address("ws"))
        self.assertEqual(happened, ("failed", "its address is none of the public internet"))
