"""Commands, their answers and all the ways in which they end; events and whom they are told to."""

from __future__ import annotations

from typing import Any

from sdkrelay.bus import (
    Aborted,
    BusConfig,
    BusError,
    CallTimeout,
    CommandError,
    Congested,
    Interrupted,
    NotConnected,
    Status,
    Stopped,
)
from tests.support.memory_bus import EVENT_PORT, NAME, TOKEN, BusCase


class ConnectedCase(BusCase):
    """Connected, with somebody to speak for."""

    def setUp(self) -> None:
        """Connect."""
        super().setUp()
        self.connect()
        self.response = self.client.new_response("test")


class CommandTests(ConnectedCase):
    """One command each."""

    config = BusConfig(max_waiting=3000)

    def test_what_is_sent(self) -> None:
        """Token, name, id, payload, and the way to answer."""
        self.run_(self.response.command.send_async("a.b", {"x": 1}))
        command = self.sent()
        envelope = command.envelope
        self.assertEqual((command.topic, envelope.topic, envelope.data), ("a.b", "a.b", {"x": 1}))
        self.assertEqual((envelope.token, envelope.orc_name, envelope.is_nested), (TOKEN, NAME, True))
        self.assertRegex(str(envelope.id), "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        assert envelope.arp is not None
        self.assertEqual((envelope.arp[NAME].port, envelope.arp[NAME].token), (EVENT_PORT, TOKEN))

    def test_answers(self) -> None:
        """Each call gets its own, in whatever order they come, and once."""
        calls = [self.run_(self.response.command.send_async("a.b", number)) for number in range(3)]
        commands = self.bus.commands.heard()
        for command in reversed(commands):
            self.bus.answer(command, {"back": command.envelope.data})
            self.bus.answer(command, "again")
        self.assertEqual([self.successResultOf(call) for call in calls], [{"back": number} for number in range(3)])

    def test_errors(self) -> None:
        """What the server told is in the error; the flag decides, not the topic."""
        call = self.run_(self.response.command.send("a.b"))
        self.bus.answer(self.sent(), {"message": "no", "code": "E", "name": "N", "stack": "s", "info": 1}, "error")
        error = self.failureResultOf(call, CommandError).value
        self.assertEqual((error.message, error.code, error.name, error.stack, error.info), ("no", "E", "N", "s", 1))
        call = self.run_(self.response.command.send("a.b"))
        self.bus.answer(self.sent(), "text", "error")
        self.assertEqual(self.failureResultOf(call, CommandError).value.code, "XCRAFT_CMD_ERROR")

    def test_answers_without_an_id(self) -> None:
        """Those of the built-in commands that have none are known all the same."""
        calls = [self.run_(self.response.command.send_async(name)) for name in ("motd", "disconnect")]
        for name in ("motd", "disconnect"):
            self.bus.say(f"{NAME}::{name}.finished", name)
        self.assertEqual([self.successResultOf(call) for call in calls], ["motd", "disconnect"])

    def test_no_answer(self) -> None:
        """After the configured time, or the call's own; zero waits for ever."""
        calls = [self.run_(self.response.command.send_async("a.b", timeout=each)) for each in (None, 5, 0)]
        for _ in range(6):
            self.clock.advance(5)
            self.bus.beat()
        self.failureResultOf(calls[0], CallTimeout)
        self.failureResultOf(calls[1], CallTimeout)
        self.assertNoResult(calls[2])

    def test_answers_that_cannot_be_read(self) -> None:
        """A serialised function ends the call, not the connection."""
        call = self.run_(self.response.command.send_async("a.b"))
        self.bus.answer(self.sent(), '"function () { return 1 }"', serialized=True)
        self.failureResultOf(call, Interrupted)
        self.assertTrue(self.client.is_connected())

    def test_aborting(self) -> None:
        """One or all; nothing is sent."""
        calls = [self.run_(self.response.command.send_async("a.b")) for _ in range(3)]
        commands = self.bus.commands.heard()
        self.client.command.abort(str(commands[0].envelope.id))
        self.client.command.abort("unknown")
        self.assertNoResult(calls[1])
        self.client.command.abort_all("enough")
        messages = [self.failureResultOf(call, Aborted).getErrorMessage() for call in calls]
        self.assertIn("enough", messages[2])
        self.assertEqual(self.bus.commands.heard(), [])

    def test_cancelling(self) -> None:
        """A caller that goes away is forgotten; so is the timer."""
        before = len(self.clock.getDelayedCalls())
        call = self.run_(self.response.command.send_async("a.b"))
        call.cancel()
        self.failureResultOf(call)
        self.assertEqual(len(self.clock.getDelayedCalls()), before)

    def test_stopping(self) -> None:
        """Calls end with the client."""
        call = self.run_(self.response.command.send_async("a.b"))
        self.successResultOf(self.run_(self.client.stop()))
        self.failureResultOf(call, Stopped)
        self.failureResultOf(self.run_(self.response.command.send_async("a.b")), NotConnected)

    def test_again(self) -> None:
        """A message is sent with the same id and the token of now."""
        message = self.client.command.new_message("a.b")
        self.run_(self.response.command.retry(message))
        sent = self.sent().envelope
        self.assertEqual((sent.id, sent.token, self.client.patch_message(message).token), (message.id, TOKEN, TOKEN))

    def test_without_waiting(self) -> None:
        """Nothing is expected."""
        self.assertIsNone(self.successResultOf(self.run_(self.client.command.send("broadcast", {}, answer=False))))
        self.assertEqual(self.sent().topic, "broadcast")

    def test_what_cannot_be_sent(self) -> None:
        """Bytes that would be misread, an orc that cannot be answered, what JSON does not know."""
        for data in ({"chunk": b"s:x"}, {"chunk": b""}, object(), {"a": "\ud800"}):
            self.failureResultOf(self.run_(self.response.command.send("a.b", data)), BusError)
        self.failureResultOf(self.run_(self.client.command.send("a.b", None, "greathall")), BusError)
        self.assertEqual(self.bus.commands.heard(), [])

    def test_the_server_as_an_orc(self) -> None:
        """``token`` stands for it, once there is one."""
        call = self.run_(self.client.new_response("m", "token").command.send_async("a.b"))
        self.bus.answer(self.sent(), 1)
        self.assertEqual(self.successResultOf(call), 1)

    def test_context(self) -> None:
        """It goes with each command."""
        self.response.msg_context = {"a": 1}
        self.run_(self.response.command.nested_send("a.b"))
        self.assertEqual((self.sent().envelope.context, self.response.msg_context), ({"a": 1}, {"a": 1}))

    def test_a_server_that_does_not_read(self) -> None:
        """What waits is bounded; when it reads again, sending goes on."""
        self.bus.commands.producer.pauseProducing()
        for _ in range(3):
            self.successResultOf(self.run_(self.client.command.send("a.b", "x" * 500, answer=False)))
        self.failureResultOf(self.run_(self.client.command.send("a.b", "x" * 1000, answer=False)), Congested)
        self.bus.commands.producer.resumeProducing()
        self.successResultOf(self.run_(self.client.command.send("a.b", answer=False)))


class EventTests(ConnectedCase):
    """Subscriptions."""

    def setUp(self) -> None:
        """Whatever is heard is kept."""
        super().setUp()
        self.heard: list[Any] = []

    def keep(self, event: Any) -> None:
        """A handler."""
        self.heard.append(event.data)

    def test_several_handlers(self) -> None:
        """Each has its own end, which may come twice."""
        first = self.client.events.subscribe("a::*", self.keep)
        second = self.client.events.subscribe("a::*", self.keep)
        self.bus.say("a::b", 1)
        first()
        first()
        self.bus.say("a::b", 2)
        second()
        self.bus.say("a::b", 3)
        self.assertEqual(self.heard, [1, 1, 2])

    def test_all_of_a_pattern(self) -> None:
        """Forgotten at once; a subscription's own end is harmless then, and leaves later ones alone."""
        end = self.response.events.subscribe("x", self.keep)
        self.response.events.unsubscribe_all("x")
        self.response.events.subscribe("x", self.keep)
        end()
        self.bus.say(f"{NAME}::x", 1)
        self.assertEqual(self.heard, [1])

    def test_registered(self) -> None:
        """A registered handler is the only one."""
        self.client.events.subscribe("a::b", self.keep)
        self.client.register_events("a::b", lambda event: self.heard.append("only"))
        self.bus.say("a::b", 1)
        self.client.unregister_events("a::b")
        self.bus.say("a::b", 1)
        self.assertEqual(self.heard, ["only"])

    def test_handlers_that_fail(self) -> None:
        """They are logged, the others are called; a coroutine is run."""

        def broken(_: Any) -> None:
            raise RuntimeError

        async def later(event: Any) -> None:
            self.keep(event)
            raise RuntimeError

        for handler in (broken, later, self.keep):
            self.client.events.subscribe("a::b", handler)
        self.bus.say("a::b", 1)
        self.assertEqual((self.heard, len(self.flushLoggedErrors(RuntimeError))), ([1, 1], 2))

    def test_serialised(self) -> None:
        """Text is read, functions are left out, what only bears the mark is taken as it is."""
        self.client.events.subscribe("a::b", self.keep)
        for data in ('{"a":1}', '{"a":"function () {}"}', {"b": 2}):
            self.bus.say("a::b", data, serialized=True)
        self.assertEqual(self.heard, [{"a": 1}, {"b": 2}])

    def test_hearing_all(self) -> None:
        """Every event with our token, before others."""
        end = self.response.events.catch_all(lambda topic, envelope: self.heard.append((topic, envelope.data)))
        self.client.events.subscribe("a::b", self.keep)
        self.bus.say("a::b", 1)
        self.bus.say("a::c", 2)
        end()
        self.bus.say("a::c", 3)
        self.assertEqual(self.heard, [("a::b", 1), 1, ("a::c", 2)])

    def test_what_only_a_server_does(self) -> None:
        """It is refused."""
        self.assertRaises(BusError, self.response.events.send, "x", 1)
        self.assertRaises(BusError, self.client.events.heartbeat)
        self.assertRaises(ValueError, self.client.events.subscribe, "no namespace", self.keep)
        self.assertRaises(ValueError, self.client.events.subscribe, "a::(()", self.keep)

    def test_what_a_response_knows(self) -> None:
        """As its client."""
        response = self.response
        self.assertEqual((response.orc_name, response.is_connected()), (NAME, True))
        self.assertEqual(response.get_commands_registry(), self.client.get_commands_registry())
        self.assertEqual(response.get_commands_names(), {"a.b": True})
        self.assertEqual(response.get_commands_registry_time(), self.client.get_commands_registry_time())
        self.assertEqual((response.log.namespace, response.events.status), ("sdkrelay.bus.test", Status))
        self.assertEqual((self.client.events.connected_with(), self.client.command.connected_with()), ("axon", "axon"))
        self.assertEqual([each.value for each in Status], [1, 2, 3])

    def test_secrets(self) -> None:
        """A key that stands in the settings is not shown."""
        self.assertNotIn("c2VjcmV0", repr(BusConfig(key_path="base64:c2VjcmV0")))
