"""What the relay says of itself is true, whole and current: the OpenAPI document, and the page about the protocol."""

from __future__ import annotations

import json
from typing import Any

from openapi_spec_validator import validate
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.build.describing import describing, service_classes
from sdkrelay.build.protocol import CLOSINGS, NOTIFICATIONS, REFUSALS, TOPICS, page
from sdkrelay.domain.access import Access
from sdkrelay.domain.notification import Kind, Topic
from sdkrelay.domain.problem import Code
from sdkrelay.io.rest import openapi
from sdkrelay.io.rest.answers import STATUS
from sdkrelay.io.rest.openapi import REFUSALS as STATUSES
from sdkrelay.io.rest.table import ROWS
from sdkrelay.messages.native.family import REPLIES, REQUESTS
from sdkrelay.messages.native.session import Handshake
from sdkrelay.messages.rest.description import GetOpenApi
from sdkrelay.messages.schema import fields_of
from sdkrelay.messages.wording import table, words
from sdkrelay.session.farewell import REASONS
from tests.rest.test_door import HttpPort, parsed
from tests.support.source import ROOT
from tests.support.stores import now


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    service = describing(service_classes())
    answer = now(service.show(GetOpenApi(), None))  # type: ignore[arg-type]
    described: dict[str, Any] = json.loads(answer.body)
    return described


class OpenApiTests(SynchronousTestCase):
    """``/openapi.json``."""

    def setUp(self) -> None:
        """The document."""
        self.document = document()

    def operations(self) -> list[dict[str, Any]]:
        """Every operation."""
        return [operation for path in self.document["paths"].values() for operation in path.values()]

    def test_it_is_openapi(self) -> None:
        """A program of others finds no fault in it."""
        validate(self.document)

    def test_it_has_every_row(self) -> None:
        """By method and path, and nothing else."""
        described = {(method, path) for path, item in self.document["paths"].items() for method in item}
        rows = {(row.method.lower(), row.path.replace("<", "{").replace(">", "}")) for row in ROWS}
        self.assertEqual(described, rows)

    def test_statuses_are_those_of_the_door(self) -> None:
        """Every code's status is described, and the code is among those it is described with."""
        for code, status in STATUS.items():
            self.assertIn(code, STATUSES[status][1], code)
        self.assertEqual(set(STATUS), set(Code))

    def test_operators_are_asked_for(self) -> None:
        """Security is stated by what the request asks of its sender."""
        for row, operation in zip(ROWS, self.operations_by_row(), strict=True):
            needed = row.request.ACCESS is Access.OPERATOR or row.wallet
            self.assertEqual({} not in operation.get("security", [{}]), needed, row.path)

    def operations_by_row(self) -> list[dict[str, Any]]:
        """In the order of the table."""
        paths = self.document["paths"]
        return [paths[row.path.replace("<", "{").replace(">", "}")][row.method.lower()] for row in ROWS]

    def test_patterns_are_of_ecma(self) -> None:
        """Python's own ends of a text mean nothing elsewhere."""
        text = json.dumps(self.document)
        self.assertNotIn("\\\\A", text)
        self.assertNotIn("\\\\Z", text)

    def test_a_row_that_nobody_answers_stops_the_relay(self) -> None:
        """It is named."""
        error = self.assertRaises(ValueError, openapi.openapi, ROWS[:1], {}, "1")
        self.assertEqual(str(error), "nobody states what get_health is answered with")


class ProtocolTests(SynchronousTestCase):
    """``docs/protocol.md``."""

    def test_it_is_current(self) -> None:
        """``make docs`` makes it anew."""
        self.assertEqual((ROOT / "docs/protocol.md").read_text(encoding="utf-8"), page(), "run make docs")

    def test_it_has_all_of_it(self) -> None:
        """Every message, endpoint, topic, notification and code."""
        text = page()
        names = [f"### `{message.wire_name()}`" for message in (*REQUESTS, *REPLIES)]
        words = [f"| `{word}` |" for word in (*Topic, *Kind, *Code)]
        rows = [f"### `{row.method} {row.path}`" for row in ROWS]
        self.assertEqual([line for line in (*names, *words, *rows) if line not in text], [])

    def test_its_tables_are_total(self) -> None:
        """What no class says is said of everything."""
        self.assertEqual((set(TOPICS), set(NOTIFICATIONS), set(REFUSALS)), (set(Topic), set(Kind), set(Code)))
        self.assertEqual(set(REASONS) - set(CLOSINGS), set())

    def test_fields_are_told_in_words(self) -> None:
        """Bounds, secrets, and what is required."""
        own, _ = fields_of(Handshake)
        self.assertIn("| `client_id` | string, at most 128 characters or null |  |", table(own))
        self.assertEqual(
            words({"type": "array", "items": {"type": "integer", "minimum": 1}}), "list of (integer, at least 1)"
        )
        self.assertEqual(words({"type": "string", "writeOnly": True}), "string, secret")
        self.assertEqual(words({"enum": ["a", "b"]}), "one of `a`, `b`")


class RefusalTests(SynchronousTestCase):
    """Whatever is refused over HTTP is refused in the one shape."""

    def test_every_refusal_has_the_shape(self) -> None:
        """For each endpoint: a wrong method, nonsense in path and query, a body that is no JSON or not said to be."""
        port = HttpPort(per_minute=100_000)
        for row in ROWS:
            path = row.path.replace("<", "%00").replace(">", "%ff")
            tries = [
                ("TRACE", path, b"", {}), (row.method, f"{path}?limit=%ff&level=null", b"", {}),
                (row.method, path, b"{", {"Content_Type": "application/json"}), (row.method, path, b"{}", {}),
                (row.method, path, b'{"a":1,"a":2}', {"Content_Type": "application/json", "Authorization": "Bearer x"}),
            ]  # fmt: skip
            for method, address, body, headers in tries:
                status, told, answer = port.ask(method, address, body, **headers)
                if status >= 400 and "error" in answer:
                    self.assertEqual(set(answer), {"error", "timestamp"})
                    self.assertEqual(set(answer["error"]), {"code", "message", "details"})
                    self.assertIn(answer["error"]["code"], {*Code, "METHOD_NOT_ALLOWED"})
                if status >= 400:
                    self.assertEqual(told["content-type"], "application/json")
                self.assertEqual("allow" in told, status == 405, (method, address, status))
        # The relay behind this port has handlers for some requests only; what it says of such a fault has the shape too.
        self.assertTrue(self.flushLoggedErrors(KeyError))

    def test_what_is_no_http_is_refused_in_json(self) -> None:
        """Before there is a request that anybody could answer."""
        for raw in (
            b"nonsense\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost r\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        ):
            client = HttpPort().connect()
            client.send(raw)
            status, _, answer = parsed(client.raw())
            self.assertEqual((status, answer["error"]["code"]), (400, "VALIDATION_ERROR"), raw)
