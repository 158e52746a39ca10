"""Who asks over HTTP: tokens, passwords, and whoever sits at the machine, but nobody who only seems to."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any, ClassVar

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Access, Role, User
from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.rest.cors import Cors
from sdkrelay.io.rest.door import RestDoor, RestSurroundings
from sdkrelay.io.rest.table import ROWS, Row
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.message import Reply, Request
from sdkrelay.messages.rest.access import GetSecure, IssueToken, RevokeToken
from sdkrelay.ports import Caller
from sdkrelay.services.router import Router, handles
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Allowances, Gate
from tests.rest.test_door import parsed
from tests.support.conversation import Relay
from tests.support.people import QUICK
from tests.support.stores import now
from tests.support.websocket import connect

JSON = {"Content-Type": "application/json"}


class Look(Request, frozen=True, kw_only=True, tag="look"):
    """Reads."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "look"}


class Change(Request, frozen=True, kw_only=True, tag="change"):
    """Changes."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "change"}


class Who(Reply, frozen=True, kw_only=True, tag="who"):
    """Who asked."""

    name: str | None


class Clerk:
    """Answers with the name of whoever asks."""

    @handles(Look)
    async def look(self, request: Look, caller: Caller) -> Who:
        """Show."""
        return Who(name=caller.principal.name if caller.principal else None)

    @handles(Change)
    async def change(self, request: Change, caller: Caller) -> Who:
        """Do."""
        return Who(name=caller.principal.name if caller.principal else None)


REQUESTS = (Look, Change, IssueToken, RevokeToken, GetSecure)
PATHS = [row for row in ROWS if row.request in REQUESTS]
TABLE = (*PATHS, Row("GET", "/thing", Look), Row("POST", "/thing", Change), Row("DELETE", "/thing", Change))


class AccessCase(SynchronousTestCase):
    """A port with one endpoint that reads and two that change something."""

    public_read = True
    origins: tuple[str, ...] = ()

    def setUp(self) -> None:
        """No user yet."""
        self.relay = Relay()
        time, catalog = self.relay.time, Catalog(REQUESTS)
        router = Router([catalog], [Clerk(), self.relay.access])
        dispatch = Dispatch(router, Gate(public_read=self.public_read), self.relay.access)
        allowances = Allowances(time, 10**6)
        around = RestSurroundings(
            dispatch, catalog, allowances, time.tasks, time, time.reactor, cors=Cors(self.origins)
        )  # fmt: skip
        self.guard = guarded(RestDoor(around, TABLE).resource, HttpLimits(), time.reactor)

    def user(self, name: str, role: Role) -> None:
        """Somebody whose password is ``correct horse``."""
        now(self.relay.store.access.add_user(User(name, QUICK, frozenset({role}), 5)))

    def exchange(
        self,
        method: str,
        path: str = "/thing",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        host: str = "localhost:8091",
        peer: str = "127.0.0.1",
        version: str = "1.1",
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and body of one answer."""
        client = connect(self.guard, IPv4Address("TCP", peer, 50000))
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        head = f"{method} {path} HTTP/{version}\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        client.send(head.encode() + body)
        answer = parsed(client.raw())
        client.transport.loseConnection()
        return answer

    def status(self, method: str, headers: dict[str, str] | None = None, **more: Any) -> int:
        """The status of one answer."""
        return self.exchange(method, headers=headers, **more)[0]

    def token(self, name: str) -> str:
        """A token got as the documents say."""
        body = json.dumps({"username": name, "password": "correct horse"}).encode()
        status, _, answer = self.exchange("POST", "/auth/token", JSON, body, peer="192.0.2.7")
        self.assertEqual(status, 200)
        return str(answer["token"])


class CredentialTests(AccessCase):
    """What ``Authorization`` can hold."""

    def setUp(self) -> None:
        """An operator and a reader."""
        super().setUp()
        self.user("ann", Role.OPERATOR)
        self.user("bob", Role.READER)

    def test_a_token_is_got_used_and_revoked(self) -> None:
        """As the documents show it; afterwards it is 401."""
        body = json.dumps({"username": "ann", "password": "correct horse"}).encode()
        status, headers, answer = self.exchange("POST", "/auth/token", JSON, body)
        self.assertEqual((status, headers["cache-control"]), (200, "no-store"))
        self.assertEqual(
            set(answer), {"token", "token_type", "expires_in", "expires_at", "roles", "timestamp"}
        )  # fmt: skip
        bearer = {"Authorization": f"Bearer {answer['token']}", **JSON}
        self.assertEqual(self.exchange("POST", headers=bearer)[2]["name"], "ann")
        self.assertEqual(self.exchange("POST", "/auth/revoke", bearer)[2]["status"], "revoked")
        self.assertEqual([self.status("POST", bearer), self.status("GET", bearer)], [401, 401])

    def test_a_wrong_password_is_401_and_too_many_are_429(self) -> None:
        """With the time to wait, and without a word about which of the two was wrong."""
        body = json.dumps({"username": "ann", "password": "secret guess"}).encode()
        answers = [self.exchange("POST", "/auth/token", JSON, body) for _ in range(11)]
        self.assertEqual([status for status, _, _ in answers], [401] * 10 + [429])
        self.assertEqual(answers[-1][1]["retry-after"], "6")
        self.assertNotIn("secret guess", str(answers))

    def test_basic_works(self) -> None:
        """UTF-8, colons in the password included."""
        self.assertEqual(self.exchange("POST", headers=basic("ann:correct horse"))[2]["name"], "ann")
        self.assertEqual(self.status("POST", basic("ann:wrong")), 401)

    def test_nonsense_is_401(self) -> None:
        """And nothing of it is repeated; the challenge makes no browser ask for a password."""
        for value in (
            "Basic",
            "Basic ????",
            "Basic YW5u",
            "Basic Og==",
            "Basic /w==",
            "Digest x",
            "Bearer",
            "Bearer \xff",
        ):
            status, headers, answer = self.exchange("GET", headers={"Authorization": value})
            self.assertEqual((status, headers["www-authenticate"]), (401, 'bearer realm="sdkrelay"'), value)
            self.assertNotIn("YW5u", json.dumps(answer))

    def test_roles_are_told_apart(self) -> None:
        """403 for a reader who wants to change something, 401 for somebody unknown; reading is public."""
        reader = {"Authorization": f"Bearer {self.token('bob')}"}
        self.assertEqual([self.status("POST", reader), self.status("POST"), self.status("GET")], [403, 401, 200])
        self.assertEqual(self.exchange("GET", headers=reader)[2]["name"], "bob")

    def test_there_is_no_way_in_from_the_machine_any_more(self) -> None:
        """Since an operator is configured."""
        self.assertEqual(self.status("POST", JSON), 401)

    def test_a_browsers_password_does_not_help_other_sites(self) -> None:
        """A page elsewhere can make a browser send a password it knows; a token it must know itself."""
        page = {"Origin": "https://evil.example", **JSON}
        self.assertEqual(self.status("POST", {**basic("ann:correct horse"), **page}), 401)
        self.assertEqual(self.status("POST", {"Authorization": f"Bearer {self.token('ann')}", **page}), 200)

    def test_the_secure_endpoint_needs_a_certificate(self) -> None:
        """A password is none."""
        self.assertEqual(self.exchange("GET", "/secure/endpoint", basic("ann:correct horse"))[0], 401)


class LoopbackTests(AccessCase):
    """While no operator is configured."""

    def test_whoever_sits_at_the_machine_is_the_operator(self) -> None:
        """By each of its names, and without a body too."""
        for host in ("localhost:8091", "127.0.0.1:8091", "[::1]:8091", "LOCALHOST", "127.3.2.1"):
            self.assertEqual(self.exchange("POST", headers=JSON, host=host)[2].get("name"), "loopback", host)
        self.assertEqual(self.status("DELETE", JSON), 200)
        self.assertEqual(self.status("POST", JSON, body=b"{}"), 200)

    def test_nobody_elsewhere_is(self) -> None:
        """Whatever they say the host is."""
        for peer in ("192.0.2.7", "10.0.0.1"):
            self.assertEqual(self.status("POST", JSON, peer=peer), 401)

    def test_a_proxy_on_the_same_machine_is_not(self) -> None:
        """One header that proxies add is enough, and so is the HTTP version that they speak by default."""
        for header in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Via",
                       "X-FORWARDED-anything", "CF-Connecting-IP"):  # fmt: skip
            self.assertEqual(self.status("POST", {**JSON, header: "192.0.2.7"}), 401, header)
        self.assertEqual(self.status("POST", JSON, version="1.0"), 401)

    def test_a_page_of_another_site_is_not(self) -> None:
        """By ``Origin`` or by ``Sec-Fetch-Site``; a page of the machine itself is."""
        for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:8091", "x", "",
                       "file://", "http://localhost@evil.example", "http://evil.example/localhost"):  # fmt: skip
            self.assertEqual(self.status("POST", {**JSON, "Origin": origin}), 401, origin)
        for site, expected in (
            ("cross-site", 401),
            ("anything", 401),
            ("same-origin", 200),
            ("none", 200),
            ("same-site", 200),
        ):
            self.assertEqual(self.status("POST", {**JSON, "Sec-Fetch-Site": site}), expected, site)
        self.assertEqual(self.status("POST", {**JSON, "Origin": "http://localhost:8091"}), 200)

    def test_a_form_of_another_site_is_not(self) -> None:
        """Old browsers tell no origin, but without being allowed to no page can say that it sends JSON."""
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            self.assertEqual(self.status("POST", {"Content-Type": kind}), 401, kind)
            self.assertEqual(self.status("DELETE", {"Content-Type": kind}), 401, kind)
        self.assertEqual(self.status("POST", {"Content-Type": "text/plain"}, body=b"{}"), 415)

    def test_a_name_that_leads_to_the_machine_is_not(self) -> None:
        """A stranger's name can be made to lead here (DNS rebinding); the browser then says that name."""
        for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7", "0.0.0.0", "", "a@localhost",
                     "localhost:0", "localhost:x", "localhost, evil.example", "[::1", "2130706433"):  # fmt: skip
            self.assertIn(self.status("POST", JSON, host=host), (400, 401), host)

    def test_two_hosts_are_none(self) -> None:
        """Nobody should have to know which one counts."""
        self.assertIn(self.status("POST", {**JSON, "Host": "evil.example"}), (400, 401))

    def test_reading_needs_no_content_type(self) -> None:
        """A GET from the machine is the operator's too."""
        self.assertEqual(self.exchange("GET")[2]["name"], "loopback")
        self.assertIsNone(self.exchange("GET", peer="192.0.2.7")[2]["name"])


class PrivateTests(AccessCase):
    """With ``auth.public_read`` off."""

    public_read = False

    def test_reading_needs_a_role(self) -> None:
        """Any will do."""
        self.user("ann", Role.OPERATOR)
        self.user("bob", Role.READER)
        self.assertEqual((self.status("GET"), self.status("GET", basic("bob:correct horse"))), (401, 200))


class CorsTests(AccessCase):
    """Pages of one other site may read."""

    origins = ("https://wallet.example",)

    def test_the_site_may_read(self) -> None:
        """Caches are told that the answer depends on who asks."""
        _, headers, _ = self.exchange("GET", headers={"Origin": "https://wallet.example"})
        self.assertEqual(
            (headers["access-control-allow-origin"], headers["vary"]), ("https://wallet.example", "origin")
        )
        self.assertNotIn("access-control-allow-credentials", headers)

    def test_others_may_not(self) -> None:
        """Nor is anything allowed where nobody asks."""
        for origin in ("https://wallet.example.evil", "https://evil.example", "null", "http://wallet.example"):
            self.assertNotIn("access-control-allow-origin", self.exchange("GET", headers={"Origin": origin})[1])
        self.assertNotIn("access-control-allow-origin", self.exchange("GET")[1])

    def test_nobody_may_change(self) -> None:
        """Neither is it allowed beforehand, nor may the answer be read."""
        page = {"Origin": "https://wallet.example"}
        asking = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        self.assertNotIn("access-control-allow-origin", self.exchange("OPTIONS", headers=asking)[1])
        status, headers, _ = self.exchange("POST", headers={**page, **JSON})
        self.assertEqual((status, "access-control-allow-origin" in headers), (401, False))

    def test_reading_with_a_token_is_allowed_beforehand(self) -> None:
        """A browser asks before it sends a header of its page."""
        asking = {"Origin": "https://wallet.example", "Access-Control-Request-Method": "GET"}
        status, headers, _ = self.exchange("OPTIONS", headers=asking)
        self.assertEqual((status, headers["access-control-allow-methods"]), (204, "get, head"))
        self.assertIn("authorization", headers["access-control-allow-headers"])


class EverySiteTests(AccessCase):
    """Pages of all sites may read."""

    origins = ("*",)

    def test_every_site_may_read_what_is_public(self) -> None:
        """But is nobody special, whoever's browser it is."""
        _, headers, body = self.exchange("GET", headers={"Origin": "https://any.example"})
        self.assertEqual((headers["access-control-allow-origin"], body["name"]), ("*", None))


def basic(text: str) -> dict[str, str]:
    """The header for ``name:password``."""
    return {"Authorization": f"Basic {b64encode(text.encode()).decode()}"}
