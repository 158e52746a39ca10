"""The HTTP half on the WebSocket port: the relay's description (NIP-11) and its management (NIP-86 with NIP-98)."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.support.nostr_relay import ALICE, BOB, CAROL, OWN_KEY, URL, NostrRelay, Person, Visitor
from tests.support.websocket import connect

NOW = 1_700_000_000
DESCRIPTION = {"Accept": "application/nostr+json"}
CALL = "application/nostr+json+rpc"
METHODS = 26


class Inner(Resource):
    """Whatever else the port serves."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        """A word."""
        return b"inner"


class HttpCase(SynchronousTestCase):
    """Requests as bytes through the real resources."""

    def relay(self, **settings: Any) -> NostrRelay:
        """A relay whose operator is Alice."""
        relay = NostrRelay(**{"admins": (ALICE.pubkey,), "name": "ours", **settings})
        self.addCleanup(relay.close)
        self.time = relay.time
        self.site = Site(relay.parts.door(Inner()), reactor=relay.time.reactor)
        return relay

    def ask(
        self, method: str, headers: dict[str, str], body: bytes = b"", path: str = "/"
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one exchange."""
        client = connect(self.site, IPv4Address("TCP", "192.0.2.1", 1))
        lines = [f"{method} {path} HTTP/1.1", "Host: relay", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        client.send("\r\n".join([*lines, "", ""]).encode() + body)
        self.time.settle()
        head, _, rest = client.transport.value().partition(b"\r\n\r\n")
        status, *fields = head.decode().split("\r\n")
        told = dict(line.split(": ", 1) for line in fields)
        return int(status.split()[1]), {name.lower(): value for name, value in told.items()}, rest


class DescriptionTests(HttpCase):
    """NIP-11."""

    def document(self, **settings: Any) -> dict[str, Any]:
        """The description of a relay with these settings."""
        self.relay(**settings)
        status, headers, body = self.ask("GET", DESCRIPTION)
        self.assertEqual((status, headers["content-type"]), (200, "application/nostr+json"))
        document: dict[str, Any] = json.loads(body)
        return document

    def test_what_is_said(self) -> None:
        """Names, keys, software; what is not set is left out."""
        document = self.document(pubkey=BOB.pubkey, contact="mailto:bob@example.com")
        self.assertEqual(
            {name: document.get(name) for name in ("name", "pubkey", "self", "contact", "icon")},
            {"name": "ours", "pubkey": BOB.pubkey, "self": OWN_KEY, "contact": "mailto:bob@example.com", "icon": None},
        )
        self.assertTrue(document["software"].startswith("https://"))

    def test_nips_are_named_while_they_work(self) -> None:
        """Each switch takes its number away."""
        everything = {1, 9, 11, 13, 17, 40, 42, 45, 50, 59, 62, 67, 70, 77, 86, 98}
        self.assertEqual(set(self.document(hints=True)["supported_nips"]), everything)
        off = {"search": False, "count": False, "reconcile": False, "hints": False, "admins": ()}
        self.assertEqual(set(self.document(**off)["supported_nips"]), everything - {45, 50, 67, 77, 86, 98})

    def test_browsers_may_read_it(self) -> None:
        """CORS, with or without asking first; HEAD has no body."""
        self.relay()
        status, headers, body = self.ask("OPTIONS", {"Access-Control-Request-Method": "POST"})
        self.assertEqual((status, body), (204, b""))
        self.assertIn("POST", headers["access-control-allow-methods"])
        self.assertIn("Authorization", headers["access-control-allow-headers"])
        status, headers, body = self.ask("HEAD", DESCRIPTION)
        self.assertEqual((status, body, headers["access-control-allow-origin"]), (200, b"", "*"))

    def test_all_else_goes_to_what_was_there(self) -> None:
        """Another Accept, another path, a WebSocket handshake."""
        self.relay()
        upgrade = {**DESCRIPTION, "Upgrade": "websocket", "Connection": "Upgrade"}
        for headers, path in (({}, "/"), (DESCRIPTION, "/other"), (upgrade, "/")):
            self.assertEqual(self.ask("GET", headers, path=path)[2], b"inner")
        self.assertEqual(json.loads(self.ask("GET", DESCRIPTION, path="/?x=1")[2])["name"], "ours")


class ManagementCase(HttpCase):
    """Calls."""

    def signed(self, person: Person, body: bytes, **changed: Any) -> str:
        """An Authorization header."""
        tags = {"u": URL.replace("wss", "https"), "method": "POST", "payload": sha256(body).hexdigest(), **changed}
        at, kind = tags.pop("at", NOW), tags.pop("kind", 27_235)
        event = person.event(kind, tags=tuple((name, str(value)) for name, value in tags.items()), at=at)
        return "Nostr " + b64encode(event.encoded()).decode()

    def call(self, name: str, *values: Any, by: Person = ALICE, **changed: Any) -> tuple[int, dict[str, Any]]:
        """A call and what it gives."""
        body = json.dumps({"method": name, "params": values}).encode()
        headers = {"Content-Type": CALL, "Authorization": self.signed(by, body, **changed)}
        status, _, answer = self.ask("POST", headers, body)
        return status, json.loads(answer)

    def result(self, name: str, *values: Any) -> Any:
        """What a call of Alice's gives; each is signed anew."""
        self.calls = getattr(self, "calls", 0) + 1
        status, answer = self.call(name, *values, number=self.calls)
        self.assertEqual((status, answer.get("error")), (200, None))
        return answer["result"]


class AuthorizationTests(ManagementCase):
    """Who is let in."""

    def test_each_fault_is_401(self) -> None:
        """Time, address, method, payload, kind; no header, another scheme, nonsense."""
        self.relay()
        faults: list[dict[str, Any]] = [
            {"at": NOW - 61}, {"at": NOW + 61}, {"u": "https://other.example"}, {"method": "GET"},
            {"payload": "00" * 32}, {"kind": 1},
        ]  # fmt: skip
        for changed in faults:
            self.assertEqual(self.call("supportedmethods", **changed)[0], 401, changed)
        for header in (
            {},
            {"Authorization": "Basic YWJj"},
            {"Authorization": "Nostr !"},
            {"Authorization": "Nostr e30="},
        ):
            self.assertEqual(self.ask("POST", {"Content-Type": CALL, **header}, b"{}")[0], 401, header)

    def test_a_proof_is_used_once(self) -> None:
        """The second time it is refused."""
        self.relay()
        self.assertEqual(self.call("supportedmethods")[0], 200)
        self.assertEqual(self.call("supportedmethods")[0], 401)

    def test_others_are_forbidden(self) -> None:
        """And nothing is remembered of them; a key that was assigned a method may call that one."""
        self.relay()
        self.assertEqual(self.call("supportedmethods", by=BOB)[0], 403)
        self.result("assignmethod", BOB.pubkey, "listbannedpubkeys")
        self.assertEqual(self.call("supportedmethods", by=BOB)[1], {"result": ["listbannedpubkeys"]})
        self.assertIn("may not call", self.call("banpubkey", CAROL.pubkey, by=BOB)[1]["error"])

    def test_without_padding(self) -> None:
        """As some clients write base64."""
        self.relay()
        body = b'{"method":"supportedmethods","params":[]}'
        headers = {"Content-Type": f"{CALL}; charset=utf-8", "Authorization": self.signed(ALICE, body).rstrip("=")}
        self.assertEqual(len(json.loads(self.ask("POST", headers, body)[2])["result"]), METHODS)

    def test_without_operators_nothing_is_managed(self) -> None:
        """404, said in words; a body that is too large, 413."""
        self.relay(admins=())
        self.assertEqual(self.call("supportedmethods")[0], 404)
        self.relay()
        self.assertEqual(self.ask("POST", {"Content-Type": CALL}, b" " * 65_537)[0], 413)


class MethodTests(ManagementCase):
    """What calls do."""

    def publish(self, client: Visitor, *events: Any) -> list[bool]:
        """Whether each was taken."""
        return [client.send("EVENT", event)[0][2] for event in events]

    def test_banning_a_key(self) -> None:
        """Takes its events away and refuses more; a request to vanish is taken even so (NIP-62)."""
        client = self.relay().visitor()
        self.publish(client, BOB.event(content="old"))
        self.assertEqual(self.result("banpubkey", BOB.pubkey, "spam"), True)
        self.assertEqual(self.result("listbannedpubkeys"), [{"pubkey": BOB.pubkey, "reason": "spam"}])
        self.assertEqual(client.send("REQ", "a", {}), [["EOSE", "a"]])
        self.assertEqual(self.publish(client, BOB.event(content="new")), [False])
        self.assertEqual(self.publish(client, BOB.event(62, tags=(("relay", "ALL_RELAYS"),))), [True])
        self.assertEqual(self.result("unbanpubkey", BOB.pubkey), True)
        self.assertEqual(self.publish(client, BOB.event(content="later", at=NOW + 1)), [True])

    def test_banning_an_event(self) -> None:
        """Takes it away for good; one that is allowed passes what keeps its author out."""
        client, event = self.relay().visitor(), BOB.event()
        self.assertEqual(self.publish(client, event), [True])
        self.result("banevent", event.id)
        self.assertEqual(client.send("REQ", "a", {}), [["EOSE", "a"]])
        self.assertEqual(self.publish(client, event), [False])
        self.result("banpubkey", BOB.pubkey)
        self.result("allowevent", event.id)
        self.assertEqual(self.publish(client, event), [True])

    def test_kinds(self) -> None:
        """Disallowed ones, or all but those that are allowed."""
        client = self.relay().visitor()
        self.result("disallowkind", 7)
        self.assertEqual(self.publish(client, ALICE.event(7), ALICE.event(1)), [False, True])
        self.result("allowkind", 7)
        self.assertEqual(self.result("listallowedkinds"), [7])
        self.assertEqual(self.publish(client, ALICE.event(7), ALICE.event(1, "2")), [True, False])

    def test_blocking_an_address(self) -> None:
        """Nothing is answered there but that; however it is written."""
        relay = self.relay()
        self.result("blockip", "2001:DB8::0:1")
        self.assertEqual(self.result("listblockedips"), [{"ip": "2001:db8::1"}])
        self.assertEqual(relay.visitor("2001:db8::1").send("REQ", "a", {})[0][0], "NOTICE")
        self.result("unblockip", "2001:db8::1")
        self.assertEqual(relay.visitor("2001:db8::1").send("REQ", "a", {}), [["EOSE", "a"]])

    def test_changing_what_is_said(self) -> None:
        """At once, and after a restart."""
        self.relay()
        for name, value in (("name", "other"), ("description", "d"), ("icon", "https://relay.example/i.png")):
            self.result(f"changerelay{name}", value)
            self.assertEqual(json.loads(self.ask("GET", DESCRIPTION)[2])[name], value)

    def test_what_was_reported(self) -> None:
        """Until it is banned or allowed."""
        client, event = self.relay().visitor(), BOB.event()
        self.publish(client, event, ALICE.event(1984, "spam", (("e", event.id, "spam"),)))
        self.assertEqual(self.result("listeventsneedingmoderation"), [{"id": event.id, "reason": "spam"}])
        self.result("allowevent", event.id)
        self.assertEqual(self.result("listeventsneedingmoderation"), [])

    def test_wrong_parameters(self) -> None:
        """Are told in words."""
        self.relay()
        wrong = [
            ("banpubkey",),
            ("banpubkey", 7),
            ("banevent", "AB" * 32),
            ("allowkind", True),
            ("blockip", "x"),
            ("no",),
        ]
        for number, (name, *values) in enumerate(wrong):
            status, answer = self.call(name, *values, number=number)
            self.assertEqual((status, bool(answer["error"])), (200, True), name)
