"""Bodies of HTTP requests: with path and query they make one request, and what is no JSON is told apart from what is wrong."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.access import Access
from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.rest.door import RestDoor, RestSurroundings
from sdkrelay.io.rest.table import Row
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.message import Reply, Request
from sdkrelay.messages.values import PrivateKey
from sdkrelay.ports import Caller
from sdkrelay.services.router import Router, handles
from sdkrelay.session.dispatch import Dispatch
from sdkrelay.session.gate import Allowances, Gate
from tests.rest.test_door import parsed
from tests.support.tasks import DrivenTime
from tests.support.websocket import connect

SECRET = "5e" * 32


class Paint(Request, frozen=True, kw_only=True, tag="paint"):
    """A request with a field of each kind, one of them secret."""

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "paint", "wall": 1}

    wall: int
    coats: int = 1
    colours: tuple[str, ...] = ()
    key: PrivateKey | None = None


class Painted(Reply, frozen=True, kw_only=True, tag="painted"):
    """What was asked."""

    wall: int
    coats: int
    colours: tuple[str, ...]


class Painter:
    """Answers with what it was asked."""

    @handles(Paint)
    async def paint(self, request: Paint, caller: Caller) -> Painted:
        """The same back."""
        return Painted(wall=request.wall, coats=request.coats, colours=request.colours)


class BodyTests(SynchronousTestCase):
    """A port with one endpoint that takes a body and one that does not."""

    def setUp(self) -> None:
        """A door over one small service."""
        time, catalog = DrivenTime(), Catalog([Paint])
        dispatch = Dispatch(Router([catalog], [Painter()]), Gate())
        around = RestSurroundings(dispatch, catalog, Allowances(time, 10**9), time.tasks, time, time.reactor)
        rows = (Row("POST", "/walls/<wall>", Paint), Row("GET", "/walls/<wall>", Paint))
        self.guard = guarded(RestDoor(around, rows).resource, HttpLimits(), time.reactor)

    def ask(
        self, body: bytes, path: str = "/walls/7", kind: str = "application/json", method: str = "POST"
    ) -> tuple[int, Any]:
        """Status and body of the answer to one request."""
        client = connect(self.guard, IPv4Address("TCP", "192.0.2.7", 50000))
        client.send(
            f"{method} {path} HTTP/1.1\r\nHost: r\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        client.send(body)
        status, _, answer = parsed(client.raw())
        client.transport.loseConnection()
        return status, answer

    def test_path_query_and_body_make_one_request(self) -> None:
        """The path wins over the query, and both over the body."""
        status, answer = self.ask(
            b'{"colours": ["red"], "coats": 2, "wall": 1, "type": "x"}', "/walls/7?coats=3&wall=4"
        )
        self.assertEqual((status, answer["wall"], answer["coats"], answer["colours"]), (200, 7, 3, ["red"]))

    def test_no_body_is_an_empty_one(self) -> None:
        """Whatever its content type would have been."""
        self.assertEqual([self.ask(b"")[0], self.ask(b"{}")[0], self.ask(b"", kind="text/plain")[0]], [200] * 3)

    def test_other_formats_are_415(self) -> None:
        """Forms and plain text, which any page could send, are not read; JSON may name its character set."""
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "",
            "application/jsonp",
            "a/json; charset=utf-8",
        ):
            self.assertEqual(self.ask(b"{}", kind=kind)[0], 415, kind)
        for kind in ("application/json; charset=UTF-8", "Application/JSON", 'application/json; charset="utf-8"'):
            self.assertEqual(self.ask(b"{}", kind=kind)[0], 200, kind)
        self.assertEqual(self.ask(b"{}", kind="application/json; charset=latin-1")[0], 415)

    def test_what_cannot_be_parsed_is_400(self) -> None:
        """No JSON, no UTF-8, a key twice, too deep."""
        for body in (b"{", b"nonsense", b"\xff\xfe", b'{"coats":1,"coats":2}', b'{"a":' * 2000):
            self.assertEqual(self.ask(body)[0], 400, body[:20])

    def test_what_breaks_the_schema_is_422(self) -> None:
        """No object, or a member of another type: a number in quotes is none in JSON, as it would be in an URL."""
        for body in (b"[]", b"7", b"null", b'{"coats":"2"}', b'{"colours":"red"}', b'{"colours":[1]}'):
            self.assertEqual(self.ask(body)[0], 422, body)
        status, answer = self.ask(b'{"coats": "2"}')
        self.assertEqual(answer["error"]["details"], {"field": "coats", "expected": "`int`, got `str`"})
        status, answer = self.ask(b"{}", "/walls/seven")
        self.assertEqual((status, answer["error"]["details"]["field"]), (422, "wall"))

    def test_a_body_where_none_belongs_is_ignored(self) -> None:
        """GET is what its URL says."""
        status, answer = self.ask(b'{"coats": 2}', method="GET")
        self.assertEqual((status, answer["coats"]), (200, 1))

    def test_secrets_are_not_repeated(self) -> None:
        """Wherever they were put."""
        for body in ({"key": SECRET + "0"}, {"coats": SECRET}, {"colours": SECRET}, {"key": [SECRET]}):
            self.assertNotIn(SECRET, json.dumps(self.ask(json.dumps(body).encode())[1]))
        self.assertEqual(self.ask(json.dumps({"key": SECRET}).encode(), "/walls/7?wall=1")[0], 200)
        self.assertNotIn(SECRET, json.dumps(self.ask(b"{}", f"/walls/{SECRET}")[1]))

    def test_secrets_do_not_belong_in_an_address(self) -> None:
        """They are refused there, even right ones, with a body and without."""
        for body in (b"", b"{}"):
            status, answer = self.ask(body, f"/walls/7?key={SECRET}")
            self.assertEqual((status, answer["error"]["details"]["field"]), (422, "key"))
            self.assertNotIn(SECRET, json.dumps(answer))

    def test_a_query_cannot_ask_for_something_else(self) -> None:
        """What a row asks is settled, whatever type the query names."""
        self.assertEqual(self.ask(b"", "/walls/7?type=paper")[0], 200)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=60))
    def test_random_bodies_are_answered(self, body: bytes) -> None:
        """Never with 500."""
        self.assertIn(self.ask(body)[0], (200, 400, 413, 422))
