"""Events as a program hears them: by patterns of topics, each with any number of handlers."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import frozen
from twisted.logger import Logger

from ..messages.bus import Envelope, Malformed, Message, Patterns, content
from ..messages.bus.names import AXON
from .errors import BusError
from .listeners import Handler, Listeners, Unsubscribe, tell_all

if TYPE_CHECKING:
    from .client import BusClient

log = Logger()


class Status(IntEnum):
    """How what an event tells of has ended."""

    succeeded = 1
    failed = 2
    canceled = 3


@frozen
class Event:
    """An event: its topic, its payload as plain values (None for none), and the envelope it came in."""

    topic: str
    data: Any
    envelope: Envelope


def read(message: Message) -> Event:
    """The event in a message. Raises Malformed, for a serialised function among others."""
    return Event(message.topic, content(message.envelope), message.envelope)


class Events:
    """Subscriptions of one client; they outlive its connections."""

    status = Status

    def __init__(self, client: BusClient) -> None:
        self._client = client
        self._patterns: Patterns[Listeners] = Patterns()
        self._all = Listeners()

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        """Call ``handler(event)`` for each :class:`Event` whose topic matches, until the returned function is called.

        ``*`` in the topic is one or more characters, ``(a|b)`` alternatives. ValueError for a topic without ``::`` or with
        a broken group.
        """
        listeners = self._listeners(topic)
        remove = listeners.add(handler)

        def unsubscribe() -> None:
            remove()
            if not listeners and self._patterns.get(topic) is listeners:
                del self._patterns[topic]

        return unsubscribe

    def unsubscribe_all(self, topic: str) -> None:
        """Forget every handler of this very pattern. ValueError for a topic without ``::``."""
        self.forget(namespaced(topic))

    def forget(self, topic: str) -> None:
        """Forget every handler of this very pattern."""
        if topic in self._patterns:
            del self._patterns[topic]

    def replace(self, topic: str, handler: Handler) -> None:
        """Make this the only handler of the pattern."""
        self._patterns[topic] = listeners = Listeners()
        listeners.add(handler)

    def catch_all(self, handler: Handler) -> Unsubscribe:
        """Call ``handler(topic, envelope)`` for each message that passes some subscription, those of the client included."""
        return self._all.add(handler)

    def send(self, topic: str, data: Any = None, **options: Any) -> NoReturn:
        """Raise :class:`BusError`: only a server sends events; a client asks it to with the command ``broadcast``."""
        raise BusError("only the server can send events; the command 'broadcast' asks it to")

    def heartbeat(self) -> NoReturn:
        """Raise :class:`BusError`: only a server has a heartbeat."""
        raise BusError("only the server can send heartbeats")

    def last_perf(self) -> float:
        """Seconds since the last byte came; -1 while there is no connection."""
        return self._client.silence()

    def connected_with(self) -> str | None:
        """``axon`` once there was a connection."""
        return AXON if self._client.was_connected else None

    def caught(self, message: Message) -> None:
        """Tell those who hear all."""
        if self._all:
            self._all(message.topic, message.body)

    def received(self, message: Message) -> bool:
        """Tell whoever subscribed to this; whether somebody did."""
        found = self._patterns.matching(message.topic)
        if not found:
            return False
        try:
            event = read(message)
        except Malformed as error:
            log.warn("an event was left out: {error}", error=str(error))
        else:
            tell_all(found, event)
        return True

    def _listeners(self, topic: str) -> Listeners:
        namespaced(topic)
        found = self._patterns.get(topic)
        if found is None:
            self._patterns[topic] = found = Listeners()
        return found


def namespaced(topic: str) -> str:
    """The topic; ValueError where it has no ``::``."""
    if "::" not in topic:
        raise ValueError("namespace missing: a topic is namespace::name")
    return topic
