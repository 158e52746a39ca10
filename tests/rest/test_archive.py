"""Export and import over HTTP in memory: streamed both ways, for operators only, and nothing secret in clear."""

from __future__ import annotations

import json
import random
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import Network
from sdkrelay.io.net.http import GRACE, HttpLimits, guarded
from sdkrelay.io.rest.door import RestDoor, RestSurroundings
from sdkrelay.io.rest.table import Row
from sdkrelay.io.storage import InlineExecutor, open_store
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native.payments import CreatePayment
from sdkrelay.messages.rest.archive import ExportData, ImportData
from sdkrelay.services.access import AccessRules, AccessService
from sdkrelay.services.archive import ArchiveService, EmptySection, Section
from sdkrelay.services.archived import PaymentSection, WalletSection
from sdkrelay.services.handshake import Identity
from sdkrelay.services.keys import Vault
from sdkrelay.services.router import Router
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Allowances, Gate
from tests.support.simulated import Listener, Owner, SeededEntropy, SimulatedNode, SimulatedRelay, payment
from tests.support.stores import CountedEntropy, now
from tests.support.tasks import DrivenTime
from tests.support.websocket import MemoryClient, connect

ROWS = (
    Row("GET", "/export/data", ExportData, headers={"X-Export-Passphrase": "passphrase"}, timed=False),
    Row(
        "POST",
        "/import/data",
        ImportData,
        headers={"X-Export-Passphrase": "passphrase"},
        document="document",
        timed=False,
    ),
)
LIMITS = HttpLimits(body_bytes=2_000, request_seconds=10)
MOST = 1_000_000


class Archive:
    """One relay's services with its door."""

    def __init__(self, seed: int, name: str, node: SimulatedNode, time: DrivenTime) -> None:
        self.time, entropy = time, SeededEntropy(random.Random(seed))
        self.store = now(open_store("sqlite://", InlineExecutor, time, CountedEntropy()))
        self.relay = relay = SimulatedRelay(node, self.store, time)
        identity, compute = Identity(name, "1", Network.REGTEST), relay.watch._matcher._compute
        sections: tuple[Section, ...] = (
            PaymentSection(self.store, relay.payments, Network.REGTEST),
            *(EmptySection(other) for other in ("messages", "relays", "alerts")),
            WalletSection(self.store, relay.wallets, Vault(bytes(32), entropy)),
        )
        archive = ArchiveService(identity, sections, dict, compute, time.tasks, time, entropy)
        access = AccessService(self.store.access, AccessRules({}), compute, time, entropy)
        catalog = Catalog([ExportData, ImportData])
        dispatch = Dispatch(Router([catalog], [archive]), Gate(), access)
        around = RestSurroundings(dispatch, catalog, Allowances(time, 1000), time.tasks, time, time.reactor)
        door = RestDoor(around, ROWS)
        self.guard = guarded(door.resource, LIMITS, time.reactor)
        self.guard.uploads = door.uploads(MOST)
        relay.start()

    def connect(self, host: str = "127.0.0.1") -> MemoryClient:
        """A new connection."""
        return connect(self.guard, IPv4Address("TCP", host, 50000))

    def ask(
        self, method: str, path: str, body: bytes = b"", host: str = "127.0.0.1", **headers: str
    ) -> tuple[int, bytes]:
        """One request on a connection of its own: status and body."""
        client = self.connect(host)
        given = {"Host": "localhost", "Content-Type": "application/json", "Connection": "close", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items())
        client.send(f"{method} {path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode())
        for start in range(0, len(body), 1_000):
            client.send(body[start : start + 1_000])
        for _ in range(200):
            self.time.advance(0.05)
        return _response(client.raw())


def _response(raw: bytes) -> tuple[int, bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"chunked" in head.lower():
        whole = b""
        while body and not body.startswith(b"0\r\n"):
            size, _, rest = body.partition(b"\r\n")
            whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        body = whole
    return int(head.split(b" ")[1]), body


class ArchiveCase(SynchronousTestCase):
    """A relay with a wallet and payments, and an empty one, on the same chain."""

    def setUp(self) -> None:
        self.time, source = DrivenTime(), random.Random(3)
        self.node = SimulatedNode(self.time, source)
        for _ in range(4):
            self.node.mine()
        self.full, self.empty = (Archive(seed, f"relay-{seed}", self.node, self.time) for seed in (1, 2))
        self.owner, self.listener = Owner.make(source), Listener(self.time)
        self.token = self.full.relay.register(self.owner, self.listener).wallet_token
        for sats in (500, 600):
            request = CreatePayment(payment_id=f"pay_{sats}", amount_sats=sats, recipient=str(self.owner.address))
            self.full.relay.run(self.full.relay.payments.create(request, self.listener))
        self.node.mine((payment(source, self.owner, 500),))
        self.wait()
        self.addCleanup(self.end)

    def end(self) -> None:
        self.full.relay.kill()
        self.empty.relay.kill()
        self.wait()

    def wait(self) -> None:
        for _ in range(200):
            self.time.advance(0.05)

    def export(self, archive: Archive, passphrase: str | None = "open sesame") -> tuple[bytes, Any]:
        given = {} if passphrase is None else {"X_Export_Passphrase": passphrase}
        status, body = archive.ask("GET", "/export/data", **given)
        self.assertEqual(status, 200)
        return body, json.loads(body)

    def take(self, body: bytes, passphrase: str | None = "open sesame", **headers: str) -> tuple[int, Any]:
        given = {} if passphrase is None else {"X_Export_Passphrase": passphrase}
        status, answer = self.empty.ask("POST", "/import/data", body, **given, **headers)
        return status, json.loads(answer)


class ArchiveTests(ArchiveCase):
    """From one relay to another."""

    def test_export_import_export(self) -> None:
        """The other relay exports the same payments, and serves the wallet to whoever has its token."""
        body, first = self.export(self.full)
        status, answer = self.take(body)
        self.assertEqual((status, answer["imported"], answer["skipped"], answer["conflicts"]), (200, 3, 0, 0))
        self.wait()
        _, second = self.export(self.empty)
        same = ("version", "network", "payments", "messages", "relays", "alerts", "config")
        self.assertEqual([second[name] for name in same], [first[name] for name in same])
        self.assertEqual([one["status"] for one in second["payments"]], ["confirmed", "pending"])
        [wallet] = now(self.empty.store.wallets.wallets())
        self.assertEqual(wallet.address, str(self.owner.address))
        hashes = [now(one.store.wallets.token_hashes(wallet.wallet_id)) for one in (self.full, self.empty)]
        self.assertEqual(hashes[0], hashes[1])

    def test_the_same_again_changes_nothing(self) -> None:
        """All is skipped; what differs under one name is a conflict and stays as it is here."""
        body, whole = self.export(self.full)
        self.take(body)
        self.assertEqual([self.take(body)[1][name] for name in ("imported", "skipped")], [0, 3])
        whole["payments"][0]["digest"] = "00" * 32
        _, answer = self.take(json.dumps(whole).encode())
        self.assertEqual((answer["conflicts"], answer["conflicting"]), (1, ["pay_500"]))

    def test_no_secret_in_clear(self) -> None:
        """Neither keys nor tokens, with or without a passphrase; without one there are no wallets at all."""
        for passphrase in ("open sesame", None):
            body, whole = self.export(self.full, passphrase)
            self.assertEqual("wallets" in whole, passphrase is not None)
            for secret in (self.owner.scan_secret.hex(), self.token, "open sesame"):
                self.assertNotIn(secret.encode(), body)

    def test_wallets_need_their_passphrase(self) -> None:
        """Another one is refused before anything is taken in; without one they are skipped."""
        body, _ = self.export(self.full)
        status, answer = self.take(body, "wrong")
        self.assertEqual((status, answer["error"]["details"]["field"]), (422, "wallets[0]"))
        self.assertEqual(now(self.empty.store.payments.payments(0, 10, None)), [])
        self.assertEqual(self.take(body, None)[1]["sections"]["wallets"]["skipped"], 1)

    def test_a_passphrase_in_the_address_is_none(self) -> None:
        """It would stand in every log on the way; it is refused, and not repeated."""
        status, body = self.full.ask("GET", "/export/data?passphrase=abcdef")
        self.assertEqual((status, b"abcdef" in body), (422, False))


class HostileTests(ArchiveCase):
    """What nobody should send."""

    def test_broken_documents_change_nothing(self) -> None:
        """Each is refused with the place of the fault, though sound items come before it."""
        _, whole = self.export(self.full)
        faults: list[tuple[dict[str, Any], str]] = [
            ({"version": 2}, "version"),
            ({"network": "main"}, "network"),
            (
                {"payments": [*whole["payments"], {**whole["payments"][0], "amount_sats": -1}]},
                "payments[2].amount_sats",
            ),
            ({"payments": [7]}, "payments[0]"),
            ({"wallets": [{"salt": "!", "sealed": ""}]}, "wallets[0]"),
        ]
        for change, field in faults:
            status, answer = self.take(json.dumps({**whole, **change}).encode())
            self.assertEqual((status, answer["error"]["details"]["field"]), (422, field))
        for text in (b"", b"[]", b'{"version":1', b"\xff", b'{"a":nan}', b"[" * 5000):
            self.assertIn(self.take(text)[0], (400, 422), text)
        self.assertEqual(now(self.empty.store.payments.payments(0, 10, None)), [])

    def test_a_large_body_of_a_stranger_is_not_read(self) -> None:
        """It is refused by its head, and what came of it is not kept."""
        client = self.empty.connect("192.0.2.9")
        client.send(
            b"POST /import/data HTTP/1.1\r\nHost: r\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n"
        )
        self.time.advance(0)
        status, body = _response(client.raw())
        self.assertEqual((status, json.loads(body)["error"]["code"]), (401, "AUTH_REQUIRED"))
        self.time.advance(GRACE + 0.1)
        self.assertFalse(client.transport.connected)

    def test_an_operators_body_has_its_own_limit(self) -> None:
        """Far more than other bodies have, and not more than that."""
        filler = json.dumps({"version": 1, "network": "regtest", "messages": ["x" * 100] * 500}).encode()
        self.assertEqual(self.take(filler)[0], 200)
        self.assertEqual(self.empty.ask("POST", "/import/data", b"x" * (MOST + 1))[0], 413)

    def test_a_slow_body_may_come_as_long_as_it_comes(self) -> None:
        """The limit of a request's time begins anew with every piece, and ends what stands still."""
        body = json.dumps({"version": 1, "network": "regtest", "messages": ["x" * 100] * 30}).encode()
        client = self.empty.connect()
        kind = "Content-Type: application/json"
        head = f"POST /import/data HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        client.send(head.encode())
        for start in range(0, len(body) - 500, 500):
            client.send(body[start : start + 500])
            self.time.advance(LIMITS.request_seconds - 1)
        self.assertTrue(client.transport.connected)
        self.time.advance(LIMITS.request_seconds + GRACE + 1)
        self.assertFalse(client.transport.connected)
