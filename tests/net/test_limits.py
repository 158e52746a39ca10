"""Limits met over ports in memory, from this machine as from any other: who meets one is told, the others do not notice."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.networks import Networks
from sdkrelay.io.net.http import HttpLimits, access_line
from sdkrelay.io.net.proxies import Proxies
from sdkrelay.session.gate import Allowances
from sdkrelay.session.toll import REFUSED
from tests.support.websocket import CLOSE, TEXT, MemoryClient, MemoryPort

PROXIES = Proxies("X-Real-IP", Networks.of(["192.0.2.0/28"]))


def limited_port(per_minute: int, exempt: tuple[str, ...] = ()) -> MemoryPort:
    """A port where requests cost."""
    port = MemoryPort()
    allowances = Allowances(port.time, per_minute, Networks.of(exempt))
    port.factory._around = evolve(port.relay.around, allowances=allowances)
    return port


def pinged(client: MemoryClient, times: int = 1) -> list[Any]:
    """What so many pings are answered by."""
    for _ in range(times):
        client.say("ping")
    return client.heard()


class RateTests(SynchronousTestCase):
    """What requests cost on the WebSocket."""

    def test_too_many_requests_are_told_when_to_try_again(self) -> None:
        """The limit and the seconds; after them it goes on, and another network has not noticed."""
        port = limited_port(60)
        client, other = port.upgraded(), port.upgraded("198.51.100.1")
        refused = pinged(client, 61)[-1]
        self.assertEqual((refused["error_code"], refused["details"]), ("RATE_LIMITED", {"limit": 60, "retry_after": 1}))
        self.assertEqual(pinged(other)[0]["type"], "pong")
        port.time.advance(1)
        self.assertEqual(pinged(client)[0]["type"], "pong")

    def test_requests_cost_what_they_say(self) -> None:
        """A handshake is five pings."""
        client = limited_port(8).upgraded()
        client.say("handshake")
        self.assertEqual([answer["type"] for answer in client.heard() + pinged(client, 4)].count("pong"), 3)

    def test_many_connections_of_one_network_share(self) -> None:
        """One more socket is no more allowance."""
        port = limited_port(10)
        pinged(port.upgraded("192.0.2.1"), 10)
        self.assertEqual(pinged(port.upgraded("192.0.2.99"))[0]["error_code"], "RATE_LIMITED")

    def test_a_token_is_counted_by_itself(self) -> None:
        """Who has proved a wallet goes on where the network's allowance is spent."""
        port = limited_port(10)
        port.relay.register("mine")
        holder = port.upgraded()
        holder.say("handshake", wallet_tokens=["mine"])
        pinged(port.upgraded(), 10)
        self.assertEqual(pinged(holder)[-1]["type"], "pong")

    def test_whoever_goes_on_and_on_is_closed(self) -> None:
        """After a hundred refusals in a minute: 1008."""
        client, other = (port := limited_port(5)).upgraded(), port.upgraded("198.51.100.1")
        for _ in range(5 + REFUSED):
            client.say("ping")
        frames = client.received()
        self.assertEqual((frames[-1][0], frames[-1][1][:2]), (CLOSE, (1008).to_bytes(2, "big")))
        self.assertIn(b"try again in", frames[-1][1])
        self.assertEqual(pinged(other)[0]["type"], "pong")

    def test_malformed_and_unknown_requests_cost_too(self) -> None:
        """Nothing is free."""
        client = limited_port(5).upgraded()
        for _ in range(5):
            client.say("no_such_thing")
        client.received()
        self.assertEqual(pinged(client)[0]["error_code"], "RATE_LIMITED")

    def test_exempt_networks_are_not_counted(self) -> None:
        """By configuration only: this machine is none by default."""
        port = limited_port(1, ("127.0.0.0/8",))
        self.assertEqual({answer["type"] for answer in pinged(port.upgraded(), 50)}, {"pong"})
        self.assertEqual(pinged(limited_port(1).upgraded(), 2)[-1]["error_code"], "RATE_LIMITED")


class SubscriptionTests(SynchronousTestCase):
    """How many subscriptions one has."""

    def test_more_subscriptions_than_allowed_are_refused(self) -> None:
        """The refusal names the limit; those before it stay, and another client has its own."""
        port = MemoryPort()
        port.relay.hub._most = 2
        for client in (port.upgraded(), port.upgraded()):
            client.say("handshake", capabilities=["health"])
            client.say("subscribe", subscriptions=["blocks"])
            client.say("subscribe", subscriptions=["payments"])
            _, taken, refused = client.heard()
            self.assertEqual(taken["subscriptions"], ["blocks", "health"])
            self.assertEqual((refused["error_code"], refused["details"]["limit"]), ("LIMIT_EXCEEDED", 2))

    def test_replays_count(self) -> None:
        """Each piece of the past that is still to be read is one more."""
        port = MemoryPort()
        client = port.upgraded()
        client.say("handshake")
        since = client.heard()[0]["position"]
        feed = port.relay.hub._feed(next(iter(port.factory.open)).session)  # type: ignore[arg-type]
        feed.live = False
        for _ in range(33):
            client.say("subscribe", subscriptions=["blocks"], since=since)
        self.assertEqual(client.heard()[-1]["error_code"], "LIMIT_EXCEEDED")


class ProxyTests(SynchronousTestCase):
    """Whose word is taken for an address."""

    def test_only_trusted_proxies_are_believed(self) -> None:
        """Anybody else is who it is, whatever it says."""
        headers = {"x-real-ip": "203.0.113.9"}
        self.assertEqual(PROXIES.client("192.0.2.3", headers), "203.0.113.9")
        self.assertEqual(PROXIES.client("198.51.100.1", headers), "198.51.100.1")
        self.assertEqual(PROXIES.client("192.0.2.3", {"x-real-ip": "nonsense"}), "192.0.2.3")

    def test_of_a_list_the_last_stranger_counts(self) -> None:
        """What stands before it is only what that one has said."""
        proxies = evolve(PROXIES, header="X-Forwarded-For")
        self.assertEqual(
            proxies.client("192.0.2.3", {"x-forwarded-for": "10.0.0.1, 203.0.113.9, 192.0.2.4"}), "203.0.113.9"
        )

    def test_clients_of_a_proxy_are_counted_apart(self) -> None:
        """Two clients behind one proxy have an allowance each; one that forges the header from elsewhere has its own only."""
        port = limited_port(5)
        port.factory._proxies = PROXIES
        first = port.upgraded("192.0.2.3", b"X-Real-IP: 203.0.113.9\r\n")
        pinged(first, 5)
        self.assertEqual(pinged(first)[0]["error_code"], "RATE_LIMITED")
        self.assertEqual(pinged(port.upgraded("192.0.2.3", b"X-Real-IP: 198.51.100.9\r\n"))[0]["type"], "pong")
        pinged(port.upgraded("192.0.9.1", b"X-Real-IP: 1.1.1.1\r\n"), 5)
        forged = port.upgraded("192.0.9.1", b"X-Real-IP: 2.2.2.2\r\n")
        self.assertEqual(pinged(forged)[0]["error_code"], "RATE_LIMITED")

    def test_a_mapped_address_is_the_address(self) -> None:
        """IPv4 over an IPv6 socket is in the same networks."""
        self.assertIn("::ffff:192.0.2.3", PROXIES.trusted)
        self.assertNotIn("nonsense", PROXIES.trusted)

    def test_the_log_names_the_client(self) -> None:
        """As the limits do."""

        class Asked:
            """As much of a request as its line needs."""

            uri, method, code, sentLength = b"/health", b"GET", 200, 5

            class requestHeaders:
                """Its headers."""

                @staticmethod
                def getAllRawHeaders() -> list[tuple[bytes, list[bytes]]]:
                    """One."""
                    return [(b"X-Real-IP", [b"203.0.113.9"])]

            def getClientAddress(self) -> IPv4Address:
                """The proxy."""
                return IPv4Address("TCP", "192.0.2.3", 5)

        self.assertTrue(access_line("now", Asked(), PROXIES).startswith("203.0.113.9 now"))
        self.assertTrue(access_line("now", Asked()).startswith("192.0.2.3 now"))


class FullTests(SynchronousTestCase):
    """A port with no place left."""

    def test_where_no_handshake_is_possible_503_says_when(self) -> None:
        """With the limit, and the seconds also as a header."""
        port = MemoryPort(http=HttpLimits(connections=1))
        inside = port.upgraded()
        answer = port.connect().raw()
        self.assertTrue(answer.startswith(b"HTTP/1.1 503"))
        self.assertIn(b"Retry-After: 10\r\n", answer)
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
        self.assertIn("all 1 connections", body["error"]["message"])
        self.assertEqual([opcode for opcode, _ in (inside.say("ping"), inside.received())[1]], [TEXT])
