"""How the client comes to a bus, becomes known, comes back after a loss, and what hostile servers can make of it."""

from __future__ import annotations

import gzip
from typing import Any

from sdkrelay.bus import (
    BusConfig,
    BusError,
    ConnectFailed,
    ConnectionLost,
    NotConnected,
    Rejected,
    ServerEnded,
    Stopped,
)
from tests.support.memory_bus import COMMANDS, EVENT_PORT, NAME, TOKEN, BusCase

OTHER = "e" * 32


class ConnectingTests(BusCase):
    """The first connection."""

    def test_autoconnect_at_the_heartbeat(self) -> None:
        """Nothing is said before it; the command is what the original sends."""
        self.run_(self.client.connect())
        self.assertEqual(self.bus.commands.heard(), [])
        self.bus.beat()
        asked = self.bus.welcome()
        envelope, temporary = asked.envelope, asked.envelope.data["autoConnectToken"]
        self.assertEqual((asked.topic, envelope.token, envelope.orc_name), ("autoconnect", "invalid", "greathall"))
        self.assertRegex(temporary, "^[0-9a-f]{32}$")
        assert envelope.arp is not None
        self.assertEqual((envelope.arp[temporary].port, envelope.arp[temporary].token), (EVENT_PORT, ""))

    def test_what_the_server_gives(self) -> None:
        """A token, a name, its commands."""
        self.assertEqual((self.client.get_token(), self.client.is_server_side()), ("invalid", True))
        self.assertEqual((self.client.get_orc_name(), self.client.get_commands_registry_time()), (None, 0))
        self.connect()
        self.assertTrue(self.client.is_connected() and not self.client.is_server_side())
        self.assertEqual((self.client.get_token(), self.client.get_orc_name()), (TOKEN, NAME))
        self.assertEqual(self.client.get_commands_names(), {"a.b": True})
        self.assertRegex(str(self.client.get_commands_registry_time()), r"^\d{4}-.*\+00:00$")
        self.assertEqual((self.client.get_nice(), self.client.last_error_reason), (0, None))

    def test_asked_again(self) -> None:
        """At the first heartbeat more than five seconds later, with a new temporary token; the old one counts no more."""
        connecting = self.run_(self.client.connect())
        self.bus.beat()
        (first,) = self.bus.commands.heard()
        self.clock.advance(5)
        self.bus.beat()
        self.assertEqual(self.bus.commands.heard(), [])
        self.clock.advance(1)
        self.bus.beat()
        self.bus.say(f"{first.envelope.data['autoConnectToken']}::autoconnect.finished", {"token": TOKEN})
        self.assertNoResult(connecting)
        self.bus.welcome(isLoaded=False)
        self.assertIs(self.successResultOf(connecting), False)

    def test_with_a_token_that_was_given(self) -> None:
        """It is connected at once, and has no name."""
        self.successResultOf(self.run_(self.client.connect(bus_token="t")))
        self.assertEqual((self.client.get_token(), self.client.is_server_side()), ("t", True))

    def test_never(self) -> None:
        """After the configured time, with the last reason; nothing is tried any further."""
        self.bus.is_refusing = True
        connecting = self.run_(self.client.connect())
        self.clock.pump([1] * 31)
        error = self.failureResultOf(connecting, ConnectFailed)
        self.assertIn("refused", error.getErrorMessage())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_never_though_it_stood(self) -> None:
        """Why an attempt failed is told though another one has come as far when the time is over."""
        connecting = self.run_(self.client.connect())
        self.bus.wires[COMMANDS][0].loseConnection()
        self.clock.pump([0.1] * 301)
        self.assertNotIn("does not answer", self.failureResultOf(connecting, ConnectFailed).getErrorMessage())

    def test_a_port_that_hangs(self) -> None:
        """It is given up too."""
        self.bus.is_hanging = True
        connecting = self.run_(self.client.connect())
        self.clock.advance(30)
        self.failureResultOf(connecting, ConnectFailed)

    def test_refused_certificate(self) -> None:
        """Told at once, with the code."""
        connecting = self.run_(self.client.connect())
        self.bus.reject("XCRAFT_AXON_CLIENT_CERTIFICATE_REJECT")
        self.failureResultOf(connecting, Rejected)
        self.assertEqual(self.client.last_error_reason, "XCRAFT_AXON_CLIENT_CERTIFICATE_REJECT")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_misuse(self) -> None:
        """Another backend, a second time, files that are not there."""
        self.failureResultOf(self.run_(self.client.connect("ee")), BusError)
        self.connect()
        self.failureResultOf(self.run_(self.client.connect()), BusError)

    def test_stopping(self) -> None:
        """Both connections end, nothing waits, and the client can connect again."""
        self.connect()
        self.successResultOf(self.run_(self.client.stop()))
        self.assertFalse(self.bus.events.connected or self.bus.commands.connected or self.client.is_connected())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.connect()

    def test_stopping_while_connecting(self) -> None:
        """Whoever waits for the connection is told."""
        connecting = self.run_(self.client.connect())
        self.successResultOf(self.run_(self.client.stop()))
        self.failureResultOf(connecting, Stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ComingBackTests(BusCase):
    """After a loss."""

    def setUp(self) -> None:
        """Connected, and the notices are kept."""
        super().setUp()
        self.connect()
        self.notices: list[Any] = []
        self.response = self.client.new_response("test")
        self.response.on_reconnect(self.notices.append)
        self.response.on_token_changed(lambda config: self.notices.append(("token", config)))
        self.response.on_orcname_changed(lambda old, new, _: self.notices.append((old, new)))

    def back(self, **changes: Any) -> None:
        """The client comes back, and the server welcomes it so."""
        self.clock.advance(1)
        self.bus.beat()
        self.bus.welcome(**changes)

    def test_when_one_is_lost(self) -> None:
        """The other is cut, and after a pause there are two new ones and a new introduction with the old token."""
        self.bus.commands.loseConnection()
        self.assertFalse(self.bus.events.connected or self.client.is_connected())
        self.assertEqual(self.notices, ["attempt"])
        self.failureResultOf(self.run_(self.client.command.send("a.b")), NotConnected)
        self.clock.advance(1)
        self.bus.beat()
        self.assertEqual(self.bus.welcome().envelope.token, TOKEN)
        self.assertEqual((self.notices, self.client.is_connected()), (["attempt", "done"], True))

    def test_longer_and_longer(self) -> None:
        """The pauses double up to a bound, and start from the beginning after a success."""
        self.bus.is_refusing = True
        self.bus.events.loseConnection()
        self.clock.pump([0.1] * 300)
        self.assertEqual(self.notices, ["attempt"])
        self.bus.is_refusing = False
        self.clock.advance(5)
        self.back()
        self.bus.events.loseConnection()
        self.clock.advance(0.5)
        self.assertEqual(self.bus.opened, 3)

    def test_the_name_stays(self) -> None:
        """With a new token, a name of the old one goes on; the program is told of the token."""
        self.bus.events.loseConnection()
        self.back(token=OTHER, orcName=f"New@{OTHER}")
        self.assertEqual((self.client.get_orc_name(), self.client.get_token()), (NAME, OTHER))
        self.assertEqual(self.notices, ["attempt", "done", ("token", self.config)])

    def test_another_name(self) -> None:
        """Under the same token, the program is told of the name the server meant."""
        self.bus.events.loseConnection()
        self.back(orcName=f"New@{TOKEN}")
        self.assertEqual(self.notices, ["attempt", "done", (NAME, f"New@{TOKEN}")])

    def test_calls_end_with_the_connection(self) -> None:
        """Each with an error of its own that says which command it was."""
        calls = [self.run_(self.client.command.send(name)) for name in ("a.b", "c.d")]
        self.client.destroy_push_socket()
        for call, name in zip(calls, ("a.b", "c.d"), strict=True):
            self.assertIn(name, self.failureResultOf(call, ConnectionLost).getErrorMessage())

    def test_subscriptions_stay(self) -> None:
        """They hear what comes on the new connection."""
        heard: list[Any] = []
        self.client.events.subscribe("a::*", heard.append)
        self.bus.events.loseConnection()
        self.back()
        self.bus.say("a::b", 1)
        self.assertEqual([event.data for event in heard], [1])

    def test_silence(self) -> None:
        """A server that says nothing is left, though its connections stand; any byte counts."""
        self.clock.advance(9)
        self.bus.beat()
        self.assertEqual(self.client.events.last_perf(), 0)
        self.clock.pump([1] * 9)
        self.assertTrue(self.client.is_connected())
        call = self.run_(self.client.command.send("a.b"))
        self.clock.pump([1] * 3)
        self.assertIn("said nothing", self.failureResultOf(call, ConnectionLost).getErrorMessage())
        self.assertIn("said nothing", str(self.client.last_error_reason))

    def test_an_orderly_end(self) -> None:
        """The client does not come back, until the program connects again."""
        call = self.run_(self.client.command.send("a.b"))
        self.bus.say("gameover", {})
        self.failureResultOf(call, ServerEnded)
        self.assertEqual((self.notices, self.clock.getDelayedCalls()), ([], []))
        self.assertFalse(self.client.is_connected())
        self.connect()

    def test_stopping_in_a_notice(self) -> None:
        """A program may stop the client when it is told of a loss, and start it again."""
        self.response.on_reconnect(lambda status: self.run_(self.client.stop()))
        self.bus.events.loseConnection()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.connect()

    def test_stopping_while_away(self) -> None:
        """Nothing is tried any further."""
        self.bus.events.loseConnection()
        self.successResultOf(self.run_(self.client.stop()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_notices_of_the_server(self) -> None:
        """Its own upstream: reconnection, token, and name for the same token only; a new registry."""
        registry: list[Any] = []
        self.response.on_commands_registry(lambda error, data: registry.append((error, data)), "mine")
        self.bus.say("greathall::bus.reconnect", {"status": "done"}, None)
        self.bus.say("greathall::bus.token.changed", {"busConfig": {"a": 1}}, None)
        for token in (TOKEN, OTHER):
            self.bus.say(
                "greathall::bus.orcname.changed", {"oldOrcName": token, "newOrcName": "n", "token": token}, None
            )
        self.bus.say("greathall::bus.commands.registry", {"registry": {"x.y": {}}, "token": TOKEN}, None)
        self.assertEqual(self.notices, ["done", ("token", {"a": 1}), (TOKEN, "n")])
        self.assertEqual((registry, self.response.has_command("x.y")), ([(None, "mine")], True))
        self.assertFalse(self.response.has_command("a.b"))


class HostileTests(BusCase):
    """Servers that are none."""

    config = BusConfig(max_message=10_000)

    def test_garbage(self) -> None:
        """What is no gzip ends the connection; so does a bomb. The client comes back."""
        for data in (b"HTTP/1.1 400 Bad Request\r\n\r\n", gzip.compress(b"\x21AXON\x0f\xff\xff\xff" + bytes(10**7))):
            self.connect()
            call = self.run_(self.client.command.send("a.b"))
            self.bus.write(data)
            self.failureResultOf(call, ConnectionLost)
            self.successResultOf(self.run_(self.client.stop()))

    def test_messages_without_sense(self) -> None:
        """One by one they are left out, and the conversation goes on."""
        self.connect()
        for topic, data in (("greathall::bus.commands.registry", {"registry": [1]}), ("greathall::bus.reconnect", 7)):
            self.bus.say(topic, data, None)
        self.bus.write(gzip.compress(b"\x22AXON\x00\x00\x00\x06s:a::b\x00\x00\x00\x06j:null"))
        self.assertTrue(self.client.is_connected())

    def test_welcomes_without_sense(self) -> None:
        """A name without a token, no registry: the pair ends, and another is tried."""
        for changes in ({"orcName": "Orc"}, {"cmdRegistry": None}, {"token": ""}, {"cmdRegistry": {"a": 1}}):
            connecting = self.run_(self.client.connect())
            self.bus.beat()
            self.bus.welcome(**changes)
            self.assertNoResult(connecting)
            self.assertIn("makes no sense", str(self.client.last_error_reason))
            self.successResultOf(self.run_(self.client.stop()))
            self.failureResultOf(connecting, Stopped)

    def test_wrong_token(self) -> None:
        """Its events and answers count for nothing."""
        self.connect()
        heard: list[Any] = []
        self.client.events.subscribe("*::*", heard.append)
        call = self.run_(self.client.command.send("a.b"))
        envelope = self.sent().envelope
        self.bus.say(f"{NAME}::a.b.{envelope.id}.finished", 1, "wrong")
        self.bus.say("a::b", 1, None)
        self.assertNoResult(call)
        self.assertEqual(heard, [])

    def test_a_server_that_never_is_ready(self) -> None:
        """No heartbeat: the pair is left, and the next one tried."""
        self.run_(self.client.connect())
        self.clock.pump([2.5] * 4)
        self.assertIn("said nothing", str(self.client.last_error_reason))
        self.clock.pump([1] * 2)
        self.assertEqual(self.bus.opened, 2)
