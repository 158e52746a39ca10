"""Commands that were sent and are not answered yet: each ends once, with its answer or with an error that says why not."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..messages.bus import Malformed, Message
from .errors import CallTimeout, CommandError, Interrupted
from .events import Event, read

_ENDINGS = ("finished", "error")
#: The built-in commands whose answers do not say which call they are for.
_NAMELESS = ("disconnect", "motd")


class Call:
    """One command under way."""

    __slots__ = ("answer", "command", "identifier", "key", "timer")

    def __init__(self, key: str, command: str, identifier: str) -> None:
        self.key = key
        self.command = command
        self.identifier = identifier
        self.answer: Deferred[Event] = Deferred()
        self.timer: Any = None


class Calls:
    """The calls of one client, found by the topic of their answer or by their id."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._by_topic: dict[str, list[Call]] = {}
        self._by_identifier: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._by_identifier)

    def add(self, orc_name: str, command: str, identifier: str, timeout: float) -> Call:
        """Expect an answer; ``timeout`` seconds, 0 for ever."""
        nameless = command in _NAMELESS
        call = Call(
            f"{orc_name}::{command}" if nameless else f"{orc_name}::{command}.{identifier}", command, identifier
        )
        self._by_topic.setdefault(call.key, []).append(call)
        self._by_identifier[identifier] = call
        if timeout:
            call.timer = self._reactor.callLater(timeout, self._expire, call, timeout)
        return call

    def received(self, message: Message) -> bool:
        """Whether this was an answer; its call has ended then."""
        key, _, ending = message.topic.rpartition(".")
        calls = self._by_topic.get(key)
        if not calls or ending not in _ENDINGS:
            return False
        call = calls[0]
        self.forget(call)
        try:
            event = read(message)
        except Malformed as error:
            call.answer.errback(Interrupted(f"the answer to {call.command} cannot be read: {error}"))
            return True
        if event.envelope.is_error:
            call.answer.errback(CommandError(event.topic, event.data))
        else:
            call.answer.callback(event)
        return True

    def fail(self, identifier: str, error: Exception) -> None:
        """End one call, if it is still there."""
        call = self._by_identifier.get(identifier)
        if call is not None:
            self.forget(call)
            call.answer.errback(error)

    def fail_all(self, kind: type[Interrupted], why: str) -> None:
        """End all, each with an error of its own."""
        for call in tuple(self._by_identifier.values()):
            self.fail(call.identifier, kind(f"the command {call.command} was not answered: {why}"))

    def forget(self, call: Call) -> None:
        """Expect it no longer."""
        if self._by_identifier.pop(call.identifier, None) is None:
            return
        calls = self._by_topic[call.key]
        calls.remove(call)
        if not calls:
            del self._by_topic[call.key]
        if call.timer is not None and call.timer.active():
            call.timer.cancel()

    def _expire(self, call: Call, timeout: float) -> None:
        self.fail(call.identifier, CallTimeout(f"the command {call.command} was not answered in {timeout:g} seconds"))
