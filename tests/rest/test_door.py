"""The HTTP door over transports in memory: shapes, statuses, and everything that is not a fine request."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.networks import Networks
from sdkrelay.domain.problem import Code
from sdkrelay.io.net.http import HttpLimits, guarded
from sdkrelay.io.net.proxies import DIRECT, Proxies
from sdkrelay.io.rest.answers import STATUS
from sdkrelay.io.rest.door import RestDoor, RestSurroundings
from sdkrelay.io.rest.table import ROWS
from sdkrelay.messages.catalog import Catalog
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from sdkrelay.session.gate import Allowances
from tests.support.nodes import NodeRelay
from tests.support.tasks import EPOCH
from tests.support.websocket import MemoryClient, connect

HASH = "ab" * 32


def parsed(raw: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and decoded body of one response."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split(" ")[1]), headers, json.loads(body) if body else None


class HttpPort:
    """A relay's HTTP port without a socket."""

    def __init__(
        self, per_minute: int = 1000, limits: HttpLimits | None = None, proxies: Proxies = DIRECT, exempt: str = ""
    ) -> None:
        self.relay = NodeRelay()
        self.time = self.relay.time
        around = RestSurroundings(
            self.relay.dispatch,
            Catalog([*native.REQUESTS, *rest.REQUESTS]),
            Allowances(self.time, per_minute, Networks.of([exempt] if exempt else [])),
            self.time.tasks,
            self.time,
            self.time.reactor,
            proxies=proxies,
        )
        self.guard = guarded(RestDoor(around, ROWS).resource, limits or HttpLimits(), self.time.reactor)

    def connect(self, host: str = "192.0.2.7") -> MemoryClient:
        """A new connection."""
        return connect(self.guard, IPv4Address("TCP", host, 50000))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], Any]:
        """One request on a connection of its own."""
        client = self.connect()
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        client.send(f"{method} {path} HTTP/1.1\r\nHost: r\r\n{length}{lines}\r\n".encode() + body)
        raw = client.raw()
        client.transport.loseConnection()
        return parsed(raw)


def counted(port: HttpPort) -> list[bytes]:
    """The hashes of the tokens that the store is asked for from now on."""
    wallets, asked = port.relay.store.wallets, []
    look_up = wallets.wallet_of_token
    wallets.wallet_of_token = lambda token: (asked.append(token), look_up(token))[1]  # type: ignore[method-assign]
    return asked


class EndpointTests(SynchronousTestCase):
    """What well-formed requests get."""

    def setUp(self) -> None:
        """A port over a relay with a canned node."""
        self.port = HttpPort()

    def test_health_has_the_documented_shape(self) -> None:
        """All fields of both documents, real values, and JSON that nobody caches."""
        status, headers, body = self.port.ask("GET", "/health")
        self.assertEqual((status, headers["content-type"], body["status"]), (200, "application/json", "healthy"))
        self.assertEqual(body["timestamp"], int(EPOCH))
        self.assertEqual(body["services"]["blindbit"], "not_configured")
        self.assertEqual(set(body["connections"]), {"websocket", "http"})
        self.assertNotIn("type", body)

    def test_an_unhealthy_relay_answers_503(self) -> None:
        """The body is the same report, so that one sees why."""
        self.port.relay.draining = True
        status, _, body = self.port.ask("GET", "/health")
        self.assertEqual((status, body["status"], list(body["reasons"])), (503, "unhealthy", ["relay"]))

    def test_head_has_no_body(self) -> None:
        """HEAD is GET without the body."""
        status, _, body = self.port.ask("HEAD", "/health")
        self.assertEqual((status, body), (200, None))

    def test_bitcoin_info_keeps_numbers_as_bitcoind_prints_them(self) -> None:
        """A fee of 0.00001000 stays what it is."""
        client = self.port.connect()
        client.send(b"GET /bitcoin/info HTTP/1.1\r\nHost: r\r\n\r\n")
        raw = client.raw()
        self.assertIn(b'"mempoolminfee":0.00001000', raw)
        self.assertEqual(parsed(raw)[2]["timestamp"], int(EPOCH))

    def test_a_block_is_found_by_its_hash(self) -> None:
        """The documented fields; null where there is no neighbour."""
        status, _, body = self.port.ask("GET", f"/bitcoin/blocks/{HASH}")
        self.assertEqual((status, body["hash"], body["height"], body["nextblockhash"]), (200, HASH, 7, None))

    def test_unknown_and_impossible_blocks(self) -> None:
        """404 for a hash nobody knows, 422 for what is no hash."""
        self.assertEqual(self.port.ask("GET", f"/bitcoin/blocks/{'00' * 32}")[0], 404)
        status, _, body = self.port.ask("GET", "/bitcoin/blocks/xyz")
        self.assertEqual((status, body["error"]["details"]["field"]), (422, "block_hash"))

    def test_a_node_that_is_away_is_503(self) -> None:
        """With the reason in words."""
        self.port.relay.chain.away = "bitcoind is not there"
        status, _, body = self.port.ask("GET", "/bitcoin/info")
        self.assertEqual((status, body["error"]["code"]), (503, "UNAVAILABLE"))
        self.assertEqual(body["error"]["message"], "bitcoind is not there")

    def test_wallets_need_their_token(self) -> None:
        """401 without one, with an unknown one, and with nonsense; the wallet with the right one."""
        self.port.relay.register("mine")
        for headers in ({}, {"X_Wallet_Token": "unknown"}, {"X_Wallet_Token": "no token; at all"}):
            status, _, body = self.port.ask("GET", "/wallets", **headers)
            self.assertEqual((status, body["error"]["code"]), (401, "AUTH_REQUIRED"))
            self.assertNotIn("unknown", json.dumps(body["error"]["details"]))
        status, _, body = self.port.ask("GET", "/wallets", X_Wallet_Token="mine")
        self.assertEqual((status, [item["wallet_id"] for item in body["wallets"]]), (200, ["mine"]))

    def test_query_parameters_are_fields(self) -> None:
        """They are checked like all fields."""
        self.port.relay.register("mine")
        status, _, body = self.port.ask("GET", "/wallets?limit=501", X_Wallet_Token="mine")
        self.assertEqual((status, body["error"]["details"]["field"]), (422, "limit"))
        self.assertEqual(self.port.ask("GET", "/wallets?limit=500", X_Wallet_Token="mine")[0], 200)
        self.assertEqual(self.port.ask("GET", "/wallets?limit=%ff", X_Wallet_Token="mine")[0], 422)


class HostileTests(SynchronousTestCase):
    """Everything else, answered in JSON."""

    def setUp(self) -> None:
        """A port with small limits."""
        self.port = HttpPort(limits=HttpLimits(connections=3, body_bytes=1000, head_seconds=10, request_seconds=30))

    def test_what_is_not_there(self) -> None:
        """404, in JSON; also for odd paths."""
        for path in ("/", "/nothing", "/health/", "/bitcoin/blocks/", "/%00", "/%ff", "/bitcoin/blocks/a/b"):
            status, headers, body = self.port.ask("GET", path)
            self.assertIn(status, (404, 422), path)
            self.assertEqual(headers["content-type"], "application/json")
            self.assertIn("error", body)

    def test_methods_that_are_not_there(self) -> None:
        """405, in JSON, TRACE and unheard-of ones included."""
        for method in ("POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "BREW"):
            status, _, body = self.port.ask(method, "/health")
            self.assertEqual((status, body["error"]["code"]), (405, "METHOD_NOT_ALLOWED"), method)

    def test_large_bodies_are_refused_as_soon_as_they_are_announced(self) -> None:
        """413 before the body comes, and nothing of it is kept."""
        client = self.port.connect()
        client.send(b"POST /health HTTP/1.1\r\nHost: r\r\nContent-Length: 300000000\r\n\r\n")
        status, _, body = parsed(client.raw())
        self.assertEqual((status, body["error"]["code"]), (413, "TOO_LARGE"))
        client.send(b"x" * 100_000)
        self.port.time.advance(5)
        self.assertFalse(client.transport.connected)

    def test_large_bodies_without_a_length_are_refused(self) -> None:
        """Chunks are counted."""
        client = self.port.connect()
        client.send(b"POST /health HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            client.send(b"100\r\n" + b"x" * 256 + b"\r\n")
        self.assertEqual(parsed(client.raw())[0], 413)

    def test_slow_heads_and_slow_bodies_are_cut(self) -> None:
        """Ten seconds for a head, thirty-five for all of a request, however the bytes drip."""
        head, body = self.port.connect(), self.port.connect()
        body.send(b"POST /health HTTP/1.1\r\nHost: r\r\nContent-Length: 900\r\n\r\n")
        for second in range(36):
            for client in (head, body):
                client.send(b"x")
            self.port.time.advance(1)
            if second == 12:
                self.assertEqual((head.transport.aborted, body.transport.aborted), (True, False))
        self.assertTrue(body.transport.aborted)

    def test_idle_connections_are_closed(self) -> None:
        """A connection kept alive has thirty seconds for its next request."""
        client = self.port.connect()
        client.send(b"GET /health HTTP/1.1\r\nHost: r\r\n\r\n")
        self.assertEqual(parsed(client.raw())[0], 200)
        self.port.time.advance(31)
        self.assertFalse(client.transport.connected)

    def test_too_many_connections_are_told(self) -> None:
        """The fourth of three gets 503 in JSON, with the time as every answer has it."""
        for _ in range(3):
            self.port.connect()
        status, _, body = parsed(self.port.connect().raw())
        self.assertEqual((status, body["error"]["code"]), (503, "LIMIT_EXCEEDED"))
        self.assertEqual(body["timestamp"], int(self.port.time.reactor.seconds()))

    def test_nonsense_is_400(self) -> None:
        """What is not HTTP ends the connection."""
        client = self.port.connect()
        client.send(b"\x16\x03\x01\x02\x00 nonsense\r\n\r\n")
        self.assertIn(b"400", client.raw())
        self.assertFalse(client.transport.connected)

    def test_a_bug_is_500_without_a_traceback(self) -> None:
        """In JSON, and logged."""
        self.port.relay.chain.broken = True
        status, _, body = self.port.ask("GET", "/bitcoin/info")
        self.assertEqual((status, body["error"]["code"]), (500, "INTERNAL"))
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_what_takes_too_long_is_503(self) -> None:
        """After thirty seconds the client is told; the handler goes on and its answer is not needed any more."""
        waiting: Deferred[None] = Deferred()
        self.port.relay.chain.waiting = waiting
        client = self.port.connect()
        client.send(b"GET /bitcoin/info HTTP/1.1\r\nHost: r\r\n\r\n")
        self.port.time.advance(30)
        self.assertEqual(parsed(client.raw())[0], 503)
        waiting.callback(None)

    def test_a_client_that_leaves_does_not_stop_its_handler(self) -> None:
        """The handler ends by itself, and nothing is written to the closed connection."""
        waiting: Deferred[None] = Deferred()
        self.port.relay.chain.waiting = waiting
        client = self.port.connect()
        client.send(b"GET /bitcoin/info HTTP/1.1\r\nHost: r\r\n\r\n")
        client.transport.loseConnection()
        waiting.callback(None)
        self.assertEqual(self.port.guard.connections, 0)
        self.assertEqual(self.port.time.reactor.getDelayedCalls(), [])

    def test_requests_are_counted(self) -> None:
        """More than a minute's worth is 429 with the time to wait; a neighbour in another network is not concerned."""
        port = HttpPort(per_minute=3)
        statuses = [port.ask("GET", "/health")[0] for _ in range(4)]
        status, headers, _ = port.ask("GET", "/health")
        self.assertEqual((statuses, status), ([200, 200, 200, 429], 429))
        port.time.advance(float(headers["retry-after"]))
        self.assertEqual(port.ask("GET", "/health")[0], 200)

    def test_clients_of_a_trusted_proxy_are_counted_each(self) -> None:
        """The address in its header is believed from a trusted proxy, and from nobody else."""
        for trusted, expected in ((["192.0.2.0/24"], [200, 200, 429, 200]), (["10.0.0.0/8"], [200, 200, 429, 429])):
            port = HttpPort(per_minute=2, proxies=Proxies("X-Real-IP", Networks.of(trusted)))
            clients = ("198.51.100.7", "198.51.100.7", "198.51.100.7", "203.0.113.9")
            self.assertEqual([port.ask("GET", "/health", X_Real_IP=client)[0] for client in clients], expected)

    def test_exempt_networks_are_not_counted(self) -> None:
        """Only those that are named; loopback is not by itself."""
        port = HttpPort(per_minute=2, exempt="192.0.2.0/24")
        self.assertEqual([port.ask("GET", "/health")[0] for _ in range(4)], [200] * 4)

    def test_guessed_tokens_count_for_the_address(self) -> None:
        """Past its allowance an address that guesses tokens gets 429."""
        port = HttpPort(per_minute=3)
        statuses = [port.ask("GET", "/wallets", X_Wallet_Token=f"guess{number}")[0] for number in range(6)]
        self.assertEqual(statuses, [401] * 3 + [429] * 3)

    def test_a_token_has_one_allowance_wherever_it_is_used(self) -> None:
        """From a fourth address it is refused without a look at the database."""
        port = HttpPort(per_minute=3)
        port.relay.register("mine")
        looked_up = counted(port)
        statuses = []
        for number in range(4):
            client = port.connect(f"192.0.{number}.7")
            client.send(b"GET /wallets HTTP/1.1\r\nHost: r\r\nX-Wallet-Token: mine\r\n\r\n")
            statuses.append(parsed(client.raw())[0])
        self.assertEqual((statuses, len(looked_up)), ([200, 200, 200, 429], 3))

    def test_every_reason_has_a_status(self) -> None:
        """The table is total."""
        self.assertEqual(set(STATUS), set(Code))
