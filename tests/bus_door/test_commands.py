"""Commands of the bus: requests of the catalog by other names, through the same gate, and the few that are its own."""

from __future__ import annotations

import json
from typing import Any

from msgspec import UNSET
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.seal import token_hash
from sdkrelay.domain.access import AccessToken, Role, User
from sdkrelay.io.bus.registry import AUTH, ELSEWHERE, Commands
from sdkrelay.messages.bus import Message, Route, encode
from sdkrelay.messages.bus.names import HEARTBEAT
from sdkrelay.messages.native import family as native
from sdkrelay.messages.rest import family as rest
from tests.support.bus import MemoryBus, packed
from tests.support.stores import now

KEYS = {"scan_private_key": "11" * 32, "spend_public_key": "02" + "22" * 32}


class RegistryTests(SynchronousTestCase):
    """What clients are told that they can ask."""

    def setUp(self) -> None:
        """The commands of a whole relay."""
        self.requests = [*native.REQUESTS, *rest.REQUESTS]
        self.commands = Commands(self.requests, "1.2.3")

    def test_every_request_is_a_command(self) -> None:
        """But for those that open a conversation the way of sockets, and archives."""
        registry = self.commands.registry()
        offered = {self.commands[name] for name in registry.keys() - {"autoconnect", "disconnect"}}
        self.assertEqual(offered, set(self.requests) - ELSEWHERE)
        self.assertLessEqual({"relay.health", "relay.scan", "relay.sync.force", AUTH}, registry.keys())

    def test_the_registry_documents(self) -> None:
        """What the command does, and what it takes."""
        entry = self.commands.registry()["relay.register_wallet"]
        self.assertIn("Watch for this wallet for good", entry["desc"])
        self.assertEqual(entry["options"]["params"]["required"], ["scan_private_key", "spend_public_key"])
        self.assertEqual(entry["options"]["params"]["optional"], ["labels", "birthday", "nostr"])

    def test_nobody_stops_the_relay(self) -> None:
        """There is no command for that, and publishing is offered only where it is allowed."""
        self.assertFalse({"shutdown", "broadcast"} & self.commands.registry().keys())
        self.assertIn("broadcast", Commands(self.requests, "1", broadcast=True).registry())


class CommandTests(SynchronousTestCase):
    """Asked and answered."""

    def setUp(self) -> None:
        """A client elsewhere."""
        self.bus = MemoryBus()
        self.client = self.bus.client().welcomed()

    def test_answers_are_events_for_who_asked(self) -> None:
        """Under the name it used, with the message that a WebSocket client is sent."""
        answer = self.client.call("relay.ping", {"timestamp": 7}, orc_name="anything@x")
        self.assertEqual(answer.topic, "anything@x::relay.ping.c3.finished")
        self.assertEqual((answer.data["type"], answer.data["ping_timestamp"]), ("pong", 7))
        self.assertEqual((answer.is_error, answer.orc_name), (False, "anything@x"))

    def test_refusals_are_errors(self) -> None:
        """With code and message as their clients read them, and the details."""
        answer = self.client.call("relay.unsubscribe", {"subscriptions": 1})
        self.assertTrue(answer.is_error and answer.topic and answer.topic.endswith(".error"))
        self.assertEqual((answer.data["code"], answer.data["info"]["field"]), ("VALIDATION_ERROR", "subscriptions"))

    def test_unknown_commands_are_not_available(self) -> None:
        """In their own words; stopping the relay is one of them."""
        codes = [self.client.call(name).data["code"] for name in ("relay.nothing", "shutdown", "broadcast", "relay")]
        self.assertEqual(codes, ["CMD_NOT_AVAILABLE"] * 4)

    def test_a_payload_may_be_nothing(self) -> None:
        """Absent, null and an empty object are the same; anything else that is no object is refused."""
        nothing: list[Any] = [UNSET, None, {}]
        types = [self.client.call("relay.ping", data).data.get("type") for data in nothing]
        others: list[Any] = [1, [], "x"]
        codes = [self.client.call("relay.ping", data).data["code"] for data in others]
        self.assertEqual((types, codes), (["pong"] * 3, ["VALIDATION_ERROR"] * 3))

    def test_private_keys_need_a_protected_connection(self) -> None:
        """From elsewhere without TLS they are refused and not repeated; from this machine they are taken."""
        refused = self.client.call("relay.register_wallet", KEYS)
        self.assertEqual(refused.data["code"], "INSECURE")
        self.assertNotIn("11" * 32, json.dumps(refused.data))
        local = self.bus.client("127.0.0.1").welcomed()
        self.assertEqual(local.call("relay.register_wallet", KEYS).data["type"], "wallet_registered")

    def test_an_operator_comes_with_a_token(self) -> None:
        """Neither the bus's own token nor sitting at the machine makes one; a bearer token does."""
        local = self.bus.client("127.0.0.1").welcomed()
        self.assertEqual(local.call(AUTH, {}).data["roles"], [])
        token = "an operator's token"
        kept = AccessToken(token_hash(token), "alice", frozenset({Role.OPERATOR}), 0, int(self.bus.time.now()) + 60)
        now(self.bus.relay.store.access.add_user(User("alice", "", kept.roles, 0)))
        now(self.bus.relay.store.access.issue(kept))
        self.assertEqual(local.call(AUTH, {"token": token}).data["roles"], ["operator"])
        self.assertEqual(local.call(AUTH, {"token": "no token"}).data["code"], "AUTH_REQUIRED")

    def test_a_scan_tells_its_progress(self) -> None:
        """What follows an answer is told to who asked, under its name."""
        local = self.bus.client("127.0.0.1").welcomed()
        local.send("relay.scan", {"from_block": 1, "to_block": 2, "scan_keys": [KEYS]})
        self.assertEqual(
            [message.topic for message in local.heard()],
            [f"{local.orc_name}::relay.scan.c3.finished", f"{local.orc_name}::relay.scan_progress"],
        )

    def test_many_at_once_are_answered_in_order(self) -> None:
        """However they were cut into members and segments."""
        frames = [self.frame(number) for number in range(100)]
        data = b"".join(frames[:50]) + b"".join(frames[50:])
        for start in range(0, len(data), 7001):
            self.client.commands.send(data[start : start + 7001])
        self.bus.time.settle()
        asked = [message.envelope.data["id"] for message in self.client.heard()]
        self.assertEqual(asked, [f"n{number}" for number in range(100)])

    def frame(self, number: int) -> bytes:
        """A ping as bytes."""
        envelope = {"token": self.client.token, "orcName": "a@b", "id": f"n{number}"}
        return packed(_frame(b"s:relay.ping", b"j:" + json.dumps(envelope).encode()))

    def test_goodbye_is_answered(self) -> None:
        """Without an identifier, as the original does; nothing is closed."""
        self.client.send("disconnect")
        self.assertEqual([m.topic for m in self.client.heard()], [f"{self.client.orc_name}::disconnect.finished"])
        self.assertEqual(self.client.call("relay.ping").data["type"], "pong")

    def test_the_heart_beats(self) -> None:
        """Twice a second, to whoever hears, at once when it comes."""
        ears = self.bus.ears()
        for _ in range(4):
            self.bus.time.advance(0.5)
        self.assertEqual(ears.raw(), encode(Message(HEARTBEAT)) * 5)


class BroadcastTests(SynchronousTestCase):
    """Events of clients, where that is allowed."""

    def setUp(self) -> None:
        """Two clients on a bus that allows it."""
        self.bus = MemoryBus(broadcast=True)
        self.client, self.other = self.bus.client().welcomed(), self.bus.client().welcomed()

    def test_all_hear_it(self) -> None:
        """Each under its own token; of the envelope only the payload is kept."""
        message = {"data": {"a": 1, "_xImmu": {".": "x"}}, "serialized": True, "_xcraftMessage": True, "token": "t"}
        self.assertEqual(self.client.call("broadcast", {"topic": "shop::open", "msg": message}).data, {})
        (heard,) = self.other.heard()
        self.assertEqual((heard.topic, heard.envelope.token), ("shop::open", self.other.token))
        self.assertEqual(
            (heard.envelope.data["a"], heard.envelope.serialized, heard.envelope.is_xcraft), (1, False, False)
        )

    def test_some_topics_are_not_theirs(self) -> None:
        """The bus's, the relay's, those of one client, and answers."""
        topics = (
            "greathall::heartbeat",
            "relay::block_mined",
            "a@b::x",
            "gameover",
            "t::x.finished",
            "t::x.error",
            "x",
        )
        for topic in topics:
            answer = self.client.call("broadcast", {"topic": topic, "msg": {"data": {}}})
            self.assertEqual(answer.data["code"], "VALIDATION_ERROR", topic)
        self.assertEqual(self.other.heard(), [])

    def test_the_token_is_looked_at(self) -> None:
        """As for every other command."""
        answer = self.client.call("broadcast", {"topic": "shop::open", "msg": {}}, token="0" * 32)
        self.assertEqual((answer.data["code"], self.other.heard()), ("AUTH_REQUIRED", []))


class RouteTests(SynchronousTestCase):
    """What a command says of its way back."""

    def test_routes_are_not_believed(self) -> None:
        """A command of a pair that names another's port is answered at home."""
        bus = MemoryBus()
        client, other = bus.client().welcomed(), bus.client().welcomed()
        route = Route(token="x", port=other.port)
        self.assertEqual(client.call("relay.ping", arp={other.orc_name: route}).data["type"], "pong")
        self.assertEqual(other.heard(), [])


def _frame(*arguments: bytes) -> bytes:
    sizes = b"".join(len(argument).to_bytes(4, "big") + argument for argument in arguments)
    return bytes([0x20 | len(arguments)]) + b"AXON" + sizes
