"""What a client asks: answered, refused, sent again where that is safe, and never without an end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from sdkrelay.client import Client, Insecure, NotConnected, Relay, RelayError
from sdkrelay.domain.problem import Code, Problem

from .hostile import LiarFactory, polite
from .stage import FIRST, KEYS, ClientTestCase, block


class RequestTests(ClientTestCase):
    """Requests over the socket."""

    def test_answers_and_refusals(self) -> None:
        """An answer is returned, a refusal raised with its code and details."""
        client = self.connected()
        self.assertEqual("pong", self.network.result(client.ping())["type"])
        with self.assertRaises(RelayError) as caught:
            self.network.result(client.request("subscribe", subscriptions=5))
        self.assertEqual(
            ("VALIDATION_ERROR", "subscriptions"), (caught.exception.code, caught.exception.details["field"])
        )

    def test_what_is_lost_is_told_or_sent_again(self) -> None:
        """When the connection goes before the answer, what is not safe raises NotConnected, what is safe is sent again."""
        liar = LiarFactory(self.network, FIRST, polite)
        client = self.connected()
        results: list[Any] = []
        for retry in (False, True):
            Deferred.fromCoroutine(client.request("ping", retry=retry)).addBoth(results.append)
        self.network.run()
        self.network.cut(FIRST)
        liar.answers = lambda message: polite(message) or [{"type": "pong", "id": message["id"]}]
        self.network.until(lambda: len(results) == 2)
        self.assertTrue(results[0].check(NotConnected))
        self.assertEqual("pong", results[1]["type"])

    def test_a_message_is_sent_until_it_is_acknowledged(self) -> None:
        """Under the same id, through a refusal that passes, a cut and a relay that is gone, to whoever is there."""
        client = self.connected("ws://127.0.0.1:8190")
        self.first.desk.refusal = Problem(Code.UNAVAILABLE, "not now")
        results: list[Any] = []
        Deferred.fromCoroutine(client.sync_message({"a": 1})).addBoth(results.append)
        self.network.run()
        self.first.kill()
        self.network.until(lambda: results)
        sent = {one.message_id for one in (*self.first.desk.asked, *self.second.desk.asked)}
        self.assertEqual((1, "sync_ack"), (len(sent), results[0]["type"]))
        self.assertTrue(self.first.desk.asked and self.second.desk.asked)

    def test_a_message_that_is_refused_for_good(self) -> None:
        """A refusal that will not pass is raised."""
        client = self.connected()
        self.first.desk.refusal = Problem(Code.TOO_LARGE, "too large")
        with self.assertRaises(RelayError):
            self.network.result(client.sync_message({"a": 1}))

    def test_asking_while_much_waits(self) -> None:
        """A handler may ask the relay though the bound is reached and reading has paused."""
        client = self.connected(most_waiting=5)
        answers: list[Any] = []

        async def handle(message: dict[str, Any]) -> None:
            answers.append((await client.ping())["type"])

        client.on("block_mined", handle)
        self.first.tell(*map(block, range(12)))
        self.network.run()
        Deferred.fromCoroutine(client.listen())
        self.network.until(lambda: len(answers) == 12)

    def test_scans_end_with_their_connection(self) -> None:
        """A scan streams its progress; when the connection is lost it says so."""
        client, heard = self.connected(), []
        scan = self.network.result(client.scan(["tsp1"], from_block=1, to_block=2, on_progress=heard.append))
        results: list[Any] = []
        Deferred.fromCoroutine(scan.results()).addBoth(results.append)
        self.network.run()
        self.assertEqual(1, len(heard))
        self.first.kill()
        self.network.until(lambda: results)
        self.assertTrue(results[0].check(NotConnected))

    def test_nothing_is_possible_before_connecting_and_after_closing(self) -> None:
        """Both are told as NotConnected, and whoever reads comes to the end."""
        client = self.client()
        with self.assertRaisesRegex(NotConnected, "not told to connect"):
            self.network.result(client.ping())
        client = self.connected()
        reading = Deferred.fromCoroutine(client.listen())
        self.network.run()
        self.network.result(client.close())
        self.assertRaises(NotConnected, self.network.result, client.ping())
        self.assertIsNone(self.successResultOf(reading))

    def test_closing_leaves_nothing_behind(self) -> None:
        """Whatever it is doing: in conversation, connecting to where nobody answers, shaking hands, or pausing."""
        for away in (None, "silent", "mute", "refused"):
            with self.subTest(away=away):
                self.setUp()
                client = self.connected("ws://127.0.0.1:8190")
                self.network.run()
                if away is not None:
                    self.network.kill(FIRST)
                if away == "silent":
                    self.network.silent.add(FIRST)
                if away == "mute":
                    LiarFactory(self.network, FIRST, lambda message: [])
                self.network.advance(1)
                self.network.run()
                self.network.result(client.close())
                self.network.run()
                self.assertEqual([], self.network.getDelayedCalls())

    def test_pauses_grow_and_are_left_to_chance(self) -> None:
        """A relay that is away is tried a few times soon, and then about twice a minute."""
        client = self.connected()
        self.assertIsNotNone(client.relay)
        self.first.kill()
        self.network.tried.clear()
        for _ in range(600):
            self.network.advance(1)
        self.assertTrue(20 <= len(self.network.tried) <= 80, len(self.network.tried))


class AddressTests(ClientTestCase):
    """Where relays are."""

    def test_addresses(self) -> None:
        """The HTTP interface is on the next port unless it is named; nonsense is refused."""
        self.assertEqual("https://relay.example:8091", Relay("wss://relay.example:8090").rest)
        self.assertEqual("http://[::1]:8091", Relay("ws://[::1]:8090").rest)
        self.assertEqual("https://a/b", Relay("wss://a", "https://a/b/").rest)
        for address in ("http://a:1", "ws://", "wss://a", "ws://u:p@a:1", "ws://a:99999"):
            self.assertRaises(ValueError, Relay, address)

    def test_keys_are_not_sent_in_clear(self) -> None:
        """To a plain address elsewhere nothing is sent, unless that was asked for; a backup like that gets no keys."""
        client = self.connected("ws://198.51.100.1:8090")
        self.network.listenTCP(8090, self.second.server, interface="198.51.100.1")
        self.network.result(client.register_wallet(**KEYS))
        self.network.advance(60)
        self.network.run()
        self.assertEqual([], self.second.desk.asked)
        other = Client("ws://198.51.100.1:8090", world=client._world)
        self.network.result(other.connect())
        self.assertRaises(Insecure, self.network.result, other.register_wallet(**KEYS))
        self.assertEqual([], self.second.desk.asked)
        self.network.result(other.close())

    def test_a_relay_over_tls_names_no_plain_backup(self) -> None:
        """A fallback that would lead from TLS to clear text is not taken."""
        client = Client("wss://127.0.0.1:8090", world=self.client()._world)
        named = {"primary_relay": "ws://127.0.0.1:1", "backup_relays": ["wss://b:1"]}
        client._keeper.learn({"fallback": named})
        self.assertEqual(["wss://127.0.0.1:8090", "wss://b:1"], [one.ws_url for one in client._keeper.route.relays])
