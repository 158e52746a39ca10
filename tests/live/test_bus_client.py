"""Our client at a real Xcraft server from npm, over TCP, TLS, and TLS with client certificates."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.protocols.portforward import ProxyFactory

from sdkrelay.bus import BusClient, BusConfig, BusError, CommandError, ConnectFailed, Event, Rejected, ServerEnded
from tests.support.bitcoind import until
from tests.support.certificates import Authority
from tests.support.live import LiveTestCase, Stage, aside
from tests.support.source import ROOT
from tests.support.xcraft import XcraftServer

EXAMPLE = ROOT / "docs" / "examples" / "bus.py"


class XcraftCase(LiveTestCase):
    """One server for the class, started again where a test has ended it, and clients that end with the test."""

    server: ClassVar[XcraftServer]

    @classmethod
    def furnish(cls, stage: Stage) -> None:
        """The server, not started yet."""
        cls.server = XcraftServer(stage.folder / "server", cls.tls(stage.folder))
        stage.ends_with(cls.server.end)

    async def setUp(self) -> None:
        """Have a server that runs, and a folder."""
        super().setUp()
        self.folder = Path(tempfile.mkdtemp(dir=self.stage.folder))
        if not self.server.is_running():
            await self.server.start()

    @classmethod
    def tls(cls, folder: Path) -> Mapping[str, Path]:
        """The files that the server's TLS is made of; none for TCP."""
        return {}

    def settings(self) -> dict[str, Any]:
        """What its clients need for TLS."""
        return {}

    def client(self, **settings: Any) -> BusClient:
        """A client of it."""
        ports: dict[str, Any] = {"commander_port": self.server.commander, "notifier_port": self.server.notifier}
        client = BusClient(BusConfig(**{**ports, **self.settings(), **settings}))
        self.addCleanup(client.stop)
        return client

    async def connected(self, **settings: Any) -> BusClient:
        """A client that is connected."""
        client = self.client(**settings)
        await client.connect()
        return client

    async def converse(self, client: BusClient) -> None:
        """A command, bytes both ways, a failure, and an event that belongs to a command."""
        response, heard = client.new_response("test"), list[Event]()
        response.events.subscribe("interop.custom", heard.append)
        send = response.command.send_async
        self.assertEqual(await send("interop.echo", {"text": "é", "n": 42}), {"text": "é", "n": 42})
        self.assertEqual(await send("interop.bytes", {"chunk": b"xyz"}), {"isBuffer": True, "chunk": b"zyx"})
        self.assertIsNone(await send("interop.emit", {"count": 3}))
        self.assertEqual([event.data["n"] for event in heard], [0, 1, 2])
        error = await self.assertFailure_(send("interop.fail"), CommandError)
        self.assertEqual((error.code, error.message, error.info), ("INTEROP_FAIL", "always", {"why": "because"}))

    async def assertFailure_(self, coroutine: Any, kind: type[Exception]) -> Any:
        """What the coroutine raises."""
        try:
            result = await coroutine
        except kind as error:
            return error
        raise self.failureException(f"{kind.__name__} expected, not {result!r}")


class TcpTests(XcraftCase):
    """Without TLS: the whole protocol."""

    async def test_a_conversation(self) -> None:
        """Commands, bytes, errors, events, collections, and what only bears the mark of being serialised."""
        client = await self.connected()
        self.assertTrue(client.new_response("test").has_command("interop.echo"))
        await self.converse(client)
        send, odd = client.new_response("test").command.send_async, list[Event]()
        client.events.subscribe("*::interop.odd", odd.append)
        self.assertEqual(await send("interop.immutable"), {"imm": {"a": 1, "b": [1, 2, {"c": "d"}]}})
        await send("interop.serialized")
        self.assertEqual([event.data for event in odd], [{"f": "x"}])
        self.assertEqual((await self.assertFailure_(send("no.such"), CommandError)).code, "CMD_NOT_AVAILABLE")

    async def test_large_messages(self) -> None:
        """Three megabytes there and back, as bytes and as text."""
        send = (await self.connected()).new_response("test").command.send_async
        chunk = bytes(range(256)) * 12_000
        self.assertEqual((await send("interop.bytes", {"chunk": chunk}))["chunk"], chunk[::-1])
        text = "abc é " * 500_000
        self.assertEqual(await send("interop.echo", {"text": text}), {"text": text})

    async def test_names_and_contexts(self) -> None:
        """The built-in commands without an id in their answers, the server as an orc, the context that goes along."""
        client = await self.connected()
        response = client.new_response("test", "token")
        self.assertEqual(await response.command.send_async("interop.echo", [1]), [1])
        response.msg_context = {"who": "me"}
        self.assertEqual(await response.command.send_async("interop.context"), {"who": "me"})
        for name in ("motd", "disconnect"):
            self.assertIsNotNone(await client.command.send(name))
        self.assertIsNotNone(await client.command.send("interop.echo", 1))

    async def test_broadcast(self) -> None:
        """An event that one client asks the server for reaches another, and one of its patterns."""
        (one, other), heard = [await self.connected() for _ in range(2)], list[Event]()
        other.events.subscribe("news::(a|b).*", heard.append)
        for topic in ("news::c.d", "news::a.d"):
            message = {"_xcraftMessage": True, "token": one.get_token(), "topic": topic, "data": {"of": topic}}
            await one.command.send("broadcast", {"topic": topic, "msg": message}, answer=False)
        await until(lambda: heard, "the broadcast", 60)
        self.assertEqual([event.data for event in heard], [{"of": "news::a.d"}])

    async def test_a_restart(self) -> None:
        """A killed server fails the calls; when it is back, the client is too, with its old name and a new token."""
        client = await self.connected()
        response, notices = client.new_response("test"), list[str]()
        response.on_reconnect(notices.append)
        token, name = client.get_token(), client.get_orc_name()
        self.server.end()
        await until(lambda: notices == ["attempt"], "the loss is noticed", 60)
        await self.server.start()
        await until(client.is_connected, "the client is back", 60)
        self.assertEqual((notices, client.get_orc_name()), (["attempt", "done"], name))
        self.assertNotEqual(client.get_token(), token)
        await self.converse(client)

    async def test_a_silent_server(self) -> None:
        """One that is stopped keeps its connections open; its calls end all the same."""
        client = await self.connected(heartbeat_timeout=2)
        self.server.send(signal.SIGSTOP)
        self.addCleanup(self.server.send, signal.SIGCONT)
        error = await self.assertFailure_(client.command.send("interop.echo"), Exception)
        self.assertIn("said nothing", str(error))

    async def test_an_orderly_end(self) -> None:
        """The client does not come back to it, and calls end."""
        client = await self.connected()
        call = Deferred.fromCoroutine(client.command.send("interop.never", nested=True))
        self.server.send(signal.SIGTERM)
        await self.assertFailure_(call, ServerEnded)
        self.assertFalse(client.is_connected())
        await until(lambda: not self.server.is_running(), "the server has ended", 60)

    async def test_one_connection_cut(self) -> None:
        """The server and the client let go of the other, and the client is back under its name."""
        client = await self.connected()
        await client.command.send("interop.echo")
        notices = list[str]()
        client.new_response("test").on_reconnect(notices.append)
        client.destroy_push_socket()
        await until(lambda: notices == ["attempt", "done"], "the client is back", 60)
        await self.converse(client)

    async def test_a_busy_port(self) -> None:
        """A server silently takes the next one; it is found all the same, and is another bus."""
        second = XcraftServer(self.folder / "second")
        self.addCleanup(second.end)
        await second.start()
        self.assertGreater(second.commander, self.server.commander)
        one = await self.connected()
        other = await self.connected(commander_port=second.commander, notifier_port=second.notifier)
        await self.converse(other)
        self.assertNotEqual(one.get_token(), other.get_token())

    async def test_through_a_proxy(self) -> None:
        """The server knows another port than we do: its answers go to everybody, and still to us."""
        ports = []
        for port in (self.server.commander, self.server.notifier):
            proxy = reactor.listenTCP(0, ProxyFactory("127.0.0.1", port), interface="127.0.0.1")
            self.addCleanup(proxy.stopListening)
            ports.append(proxy.getHost().port)
        await self.converse(await self.connected(commander_port=ports[0], notifier_port=ports[1]))

    async def test_the_example(self) -> None:
        """It prints who it is, the events and the answer."""
        arguments = (str(self.server.commander), str(self.server.notifier), "interop.emit", '{"count": 1}')
        command = [sys.executable, str(EXAMPLE), *arguments]
        done = await aside(
            subprocess.run,
            command,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            timeout=60,
            check=True,
            text=True,
        )
        self.assertRegex(done.stdout, r"connected as \w+@[0-9a-f]{32} with \d+ commands")
        self.assertRegex(done.stdout, r'event \S+::interop\.custom {"n": 0}\n(.*\n)*answer null\n')


class TlsCase(XcraftCase):
    """A server with a certificate, which lies where the software does not look for one by itself."""

    authority: ClassVar[Authority]

    @classmethod
    def tls(cls, folder: Path) -> Mapping[str, Path]:
        """Its certificate and key."""
        cls.authority = Authority(folder / "keys")
        certificate, key = cls.authority.issue("server")
        return {"cert": certificate, "key": key}

    def settings(self) -> dict[str, Any]:
        """The authority that issued it."""
        return {"ca_path": str(self.authority.path)}


class TlsTests(TlsCase):
    """TLS."""

    async def test_a_conversation(self) -> None:
        """As over TCP; the host's name does not matter."""
        await self.converse(await self.connected())
        await self.converse(await self.connected(host="127.0.0.2" if sys.platform == "darwin" else "localhost"))

    async def test_another_authority(self) -> None:
        """A certificate that is not trusted is not talked to, and the reason says so."""
        other = Authority(self.folder / "others")
        client = self.client(ca_path=str(other.path), connect_timeout=2)
        error = await self.assertFailure_(client.connect(), ConnectFailed)
        self.assertIn("certificate verify failed", str(error))

    async def test_no_tls(self) -> None:
        """A client that does not speak it gets nowhere, and says so."""
        await self.assertFailure_(self.client(ca_path="", connect_timeout=2).connect(), ConnectFailed)

    async def test_files_that_cannot_be_used(self) -> None:
        """Told at once, with the setting's name."""
        for path in (str(self.folder / "missing.pem"), "base64:!", "base64:eA=="):
            error = await self.assertFailure_(self.client(ca_path=path).connect(), BusError)
            self.assertIn("ca_path", str(error))


class ClientCertificateTests(TlsCase):
    """TLS where the server asks for a certificate."""

    @classmethod
    def tls(cls, folder: Path) -> Mapping[str, Path]:
        """The server's files, and a folder with the authority of the clients."""
        files = super().tls(folder)
        trusted = folder / "trusted"
        trusted.mkdir()
        shutil.copy(cls.authority.path, trusted / "authority.pem")
        return {**files, "clients": trusted}

    def pair(self, authority: Authority) -> dict[str, Any]:
        """A client's certificate and key."""
        certificate, key = authority.issue("client", client=True)
        return {"cert_path": str(certificate), "key_path": str(key)}

    async def test_a_conversation(self) -> None:
        """With a certificate of a trusted authority."""
        await self.converse(await self.connected(**self.pair(self.authority)))

    async def test_none_and_others(self) -> None:
        """Without one, or with one of somebody else, the client is told that it is refused, and why."""
        for settings in ({}, self.pair(Authority(self.folder / "others"))):
            client = self.client(**settings)
            error = await self.assertFailure_(client.connect(), Rejected)
            self.assertEqual((error.code, client.last_error_reason), ("XCRAFT_AXON_CLIENT_CERTIFICATE_REJECT",) * 2)
