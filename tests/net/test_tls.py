"""TLS on real sockets: wss and https, clients with and without a certificate, and files exchanged under way."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import define
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.ssl import Certificate as TwistedCertificate
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource

from sdkrelay.build.secrecy import ReloadAtHangup, make_tls
from sdkrelay.client import Client as SdkClient
from sdkrelay.client import Closed, Relay, Trust, connect
from sdkrelay.config.model import Config
from sdkrelay.config.model import Tls as TlsSettings
from sdkrelay.domain.access import Role, User
from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.net.oneport import OnePort
from sdkrelay.io.net.tls import Tls, TlsError, TlsFiles
from sdkrelay.io.net.websocket import RelayFactory, WebSocketDoor, WebSocketLimits
from sdkrelay.io.rest.door import RestDoor, RestSurroundings
from sdkrelay.io.rest.table import ROWS
from sdkrelay.io.world import ReactorTasks, SystemClock, SystemEntropy
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.session.dialects import Native
from sdkrelay.session.gate import Allowances
from sdkrelay.session.outbox import Patience
from sdkrelay.session.session import Surroundings
from tests.support.certificates import Authority
from tests.support.nodes import NodeRelay
from tests.support.people import QUICK
from tests.support.stores import now
from tests.support.tasks import DrivenTime
from tests.support.websocket import connect as memory_connect

TIMEOUT = 10


@define
class Client:
    """A blocking TLS client, to be used in a thread; ``files`` are its certificate and key."""

    port: int
    authority: Path
    files: tuple[Path, Path] | None = None

    def socket(self) -> ssl.SSLSocket:
        """A connection after its handshake."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if self.files is not None:
            context.load_cert_chain(*self.files)
        plain = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        return context.wrap_socket(plain, server_hostname="localhost")

    def serial(self) -> str:
        """The serial number of the relay's certificate."""
        with self.socket() as connection:
            return str((connection.getpeercert() or {})["serialNumber"])

    def get(self, path: str, header: str = "X-None: 1") -> tuple[int, Any]:
        """Status and body of a GET with one more header."""
        with self.socket() as connection:
            head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n"
            connection.sendall(head.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(body)


class TlsTests(TestCase):
    """One port that serves both, over TLS."""

    timeout = 30

    async def setUp(self) -> None:
        """A relay with the user ann, its authority, and one of its clients'."""
        folder = Path(self.mktemp()).absolute()
        self.authority, self.clients = Authority(folder, "servers"), Authority(folder, "clients")
        self.certificate, self.key = self.authority.issue("relay")
        self.settings = TlsSettings(
            certificate=str(self.certificate), key=str(self.key), client_ca=str(self.clients.path)
        )
        tls = make_tls(Config(tls=self.settings), reactor)
        assert tls is not None
        self.tls, self.relay = tls, NodeRelay()
        now(self.relay.store.access.add_user(User("ann", QUICK, frozenset({Role.OPERATOR}), 5)))
        listening = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(tls.over(self.guard()))
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port

    def guard(self) -> Any:
        """Both doors behind one factory."""
        tasks, clock, relay = ReactorTasks(reactor), SystemClock(), self.relay
        relay.hub._tasks = tasks
        around = Surroundings(Native(relay.catalog), relay.dispatch, tasks, clock, Patience())
        factory = RelayFactory(around, WebSocketLimits(), SystemEntropy(), reactor)
        catalog = Catalog([*native.REQUESTS, *rest.REQUESTS])
        door = RestSurroundings(relay.dispatch, catalog, Allowances(clock, 1000), tasks, clock, reactor)
        return guarded(OnePort(WebSocketDoor(factory), RestDoor(door, ROWS).resource), HttpLimits(), reactor)

    def client(self, files: tuple[Path, Path] | None = None) -> Client:
        """A client with these files."""
        return Client(self.port, self.authority.path, files)

    async def test_https_asks_for_no_certificate(self) -> None:
        """Whoever has none reads what is public, and is told where one is needed."""
        self.assertEqual((await deferToThread(self.client().get, "/health"))[0], 200)
        self.assertEqual((await deferToThread(self.client().get, "/secure/endpoint"))[0], 401)

    async def test_a_client_certificate_is_shown_and_has_its_users_roles(self) -> None:
        """Each field is that of the certificate."""
        files = self.clients.issue("ann", client=True)
        status, body = await deferToThread(self.client(files).get, "/secure/endpoint")
        expected = TwistedCertificate.loadPEM(files[0].read_bytes()).original.to_cryptography()
        self.assertEqual((status, body["subject"], body["issuer"]), (200, "CN=ann", "CN=clients"))
        self.assertEqual((body["serial"], body["not_after"]), (f"{expected.serial_number:x}", 4_102_444_800))
        der = ssl.PEM_cert_to_DER_cert(files[0].read_text())
        self.assertEqual((body["fingerprint"], body["roles"]), (sha256(der).hexdigest(), ["operator"]))

    async def test_certificates_of_others_end_the_handshake(self) -> None:
        """One of another authority, one of the relay's own, one that is not for clients."""
        other = Authority(Path(self.mktemp()).absolute(), "clients")
        for files in (
            other.issue("ann", client=True),
            self.authority.issue("ann2", client=True),
            self.clients.issue("ann"),
        ):
            with self.assertRaises((ssl.SSLError, ConnectionError, IndexError)):
                await deferToThread(self.client(files).get, "/secure/endpoint")

    async def test_pages_of_other_sites_do_not_bring_the_certificate(self) -> None:
        """A browser shows it for whoever asks; the relay does not look at it then."""
        client = self.client(self.clients.issue("ann", client=True))
        for header in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site"):
            self.assertEqual((await deferToThread(client.get, "/secure/endpoint", header))[0], 401, header)
        self.assertEqual((await deferToThread(client.get, "/secure/endpoint", "Origin: https://localhost"))[0], 200)

    async def test_wss_knows_the_certificate(self) -> None:
        """The handshake's answer names the roles."""
        files = self.clients.issue("ann", client=True)
        for identity, roles in ((files, ["operator"]), (None, [])):
            connection = await connect(reactor, f"wss://localhost:{self.port}", context=self.context(identity))
            self.assertEqual(connection.greeting["roles"], roles)
            connection.abort()

    def context(self, files: tuple[Path, Path] | None) -> Any:
        """What a Twisted client makes its connections of."""
        return self.trust(files).of("wss://localhost")

    def trust(self, files: tuple[Path, Path] | None) -> Trust:
        """What the SDK is told to trust and to show."""
        both = None if files is None else Path(self.mktemp())
        if both is not None and files is not None:
            both.write_bytes(b"".join(path.read_bytes() for path in files))
        return Trust(self.authority.path, both)

    async def test_the_client_believes_what_it_was_told_to(self) -> None:
        """The SDK speaks both interfaces with its certificate; a relay of an authority it does not know it does not greet."""
        place = Relay(f"wss://localhost:{self.port}", f"https://localhost:{self.port}")
        sdk = SdkClient(place, trust=self.trust(self.clients.issue("ann", client=True)), topics=(), reactor=reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(sdk.close()))
        self.assertEqual((await sdk.connect())["roles"], ["operator"])
        self.assertIn("status", await sdk.get_health())
        stranger = Trust(Authority(Path(self.mktemp())).path).of(place.ws_url)
        with self.assertRaises((SSL.Error, Closed)):
            await connect(reactor, place.ws_url, context=stranger)

    async def test_plain_http_is_not_understood(self) -> None:
        """The connection ends, and the next one is served."""
        with self.assertRaises(OSError):
            await deferToThread(self.plainly)
        self.assertEqual((await deferToThread(self.client().get, "/health"))[0], 200)

    def plainly(self) -> None:
        """Speak HTTP without TLS; OSError for an answer that is none."""
        with socket.create_connection(("127.0.0.1", self.port), TIMEOUT) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if not connection.recv(65536).startswith(b"HTTP/"):
                raise OSError("no HTTP")

    async def test_old_versions_are_refused(self) -> None:
        """TLS 1.1 and older."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        plain = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        self.addCleanup(plain.close)
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            await deferToThread(lambda: context.wrap_socket(plain, server_hostname="localhost"))

    async def test_a_hangup_brings_new_files(self) -> None:
        """For new connections; the open one goes on. What is broken is told, and the old ones stay."""
        service = ReloadAtHangup(self.tls, reactor)
        service.startService()
        self.addCleanup(service.stopService)
        open_one = await connect(reactor, f"wss://localhost:{self.port}", context=self.context(None))
        serials = [await deferToThread(self.client().serial)]
        for content in (None, b"broken"):
            self.authority.issue("relay")
            self.certificate.write_bytes(content or self.certificate.read_bytes())
            await self.hangup(service)
            serials.append(await deferToThread(self.client().serial))
        self.assertEqual((serials[0] == serials[1], serials[1] == serials[2]), (False, True))
        self.assertEqual((await open_one.request("ping"))["type"], "pong")
        open_one.abort()

    async def hangup(self, service: ReloadAtHangup) -> None:
        """Send this process the signal, and wait until it has been taken."""
        taken: Deferred[None] = Deferred()
        reload = service.reload
        service.reload = lambda: (reload(), taken.callback(None))  # type: ignore[method-assign,assignment,func-returns-value]
        os.kill(os.getpid(), signal.SIGHUP)
        await taken
        service.reload = reload  # type: ignore[method-assign]


class FilesTests(SynchronousTestCase):
    """What is wrong with files is told by key and path, and never with a part of what is in them."""

    def setUp(self) -> None:
        """A good pair."""
        self.folder = Path(self.mktemp()).absolute()
        self.authority = Authority(self.folder)
        self.certificate, self.key = self.authority.issue("relay")

    def refused(self, certificate: Path, key: Path, client_ca: Path | None = None) -> str:
        """Why these files cannot be used."""
        return str(self.assertRaises(TlsError, TlsFiles(certificate, key, client_ca).context))

    def test_good_files_make_a_context(self) -> None:
        """With and without authorities of clients."""
        for client_ca in (None, self.authority.path):
            self.assertIsInstance(TlsFiles(self.certificate, self.key, client_ca).context(), SSL.Context)

    def test_a_handshake_that_does_not_come_is_not_waited_for(self) -> None:
        """Ten seconds, as for any head."""
        time = DrivenTime()
        tls = Tls(TlsFiles(self.certificate, self.key), time.reactor)
        client = memory_connect(
            tls.over(guarded(Resource(), HttpLimits(), time.reactor)), IPv4Address("TCP", "192.0.2.7", 5)
        )
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc":
            client.send(bytes([byte]))
            time.advance(1)
        self.assertTrue(client.transport.connected)
        time.advance(1)
        self.assertFalse(client.transport.connected)

    def test_what_is_missing_is_named(self) -> None:
        """Each file by its key."""
        nowhere = self.folder / "nowhere"
        self.assertIn(f"tls.certificate: {nowhere} cannot be read (No such file", self.refused(nowhere, self.key))
        self.assertIn(f"tls.key: {nowhere} cannot be read", self.refused(self.certificate, nowhere))
        self.assertIn("tls.client_ca: ", self.refused(self.certificate, self.key, nowhere))

    def test_what_is_no_pem_is_named(self) -> None:
        """Exchanged files included."""
        self.assertIn("tls.certificate: ", self.refused(self.key, self.key))
        self.assertIn("tls.key: ", self.refused(self.certificate, self.certificate))
        self.assertIn("holds no certificate in PEM", self.refused(self.certificate, self.key, self.key))

    def test_the_key_of_another_certificate_is_told(self) -> None:
        """As it happens when only one of the two was renewed."""
        _, other = self.authority.issue("other")
        self.assertIn(f"{other} is not the key of the certificate", self.refused(self.certificate, other))

    def test_a_key_with_a_passphrase_is_told(self) -> None:
        """Nobody is asked for it."""
        _, locked = self.authority.issue("locked", passphrase=b"open sesame")
        self.assertIn("is encrypted", self.refused(self.certificate, locked))
