"""The two connections of a client, which live and end together: events come on one, commands go on the other.

It knows bytes and messages, not what they mean; what is heard is handed on, and its end is told once, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger

from ..messages.bus import Decoder, Frame, Limits, Malformed, Message, decode
from .config import BusConfig
from .errors import ConnectionLost, HeartbeatLost
from .links import CommandLink, EventLink, Link, Once

log = Logger()

#: The way to a port.
Connector = Callable[[int], IStreamClientEndpoint]
#: Seconds until a connection that does not close is cut.
CLOSING = 5.0


class Pair:
    """Opened once; afterwards it hears and sends until it ends."""

    def __init__(self, config: BusConfig, reactor: Any, received: Callable[[Message], None]) -> None:
        self._config = config
        self._reactor = reactor
        self._received = received
        self._decoder = Decoder(Limits(frame=config.max_message))
        self._events = EventLink(self._heard, self.end)
        self._commands = CommandLink(config.max_waiting, self.end)
        self._reason: Exception | None = None
        self._ended: Deferred[None] = Deferred()
        self._timer: Any = None
        self._opening: Deferred[Any] | None = None
        self.heard_at: float = reactor.seconds()
        self.send = self._commands.send
        self.cut_commands = self._commands.cut

    @property
    def port(self) -> int | None:
        """The local port of the event connection, by which the server knows where answers go."""
        return self._events.port

    async def open(self, connector: Connector) -> None:
        """Connect to both ports, for events first so that none is missed. Raises what connecting raises."""
        await self._reach(connector(self._config.notifier_port), self._events)
        await self._reach(connector(self._config.commander_port), self._commands)
        self.heard_at = self._reactor.seconds()
        self._watch()

    async def _reach(self, endpoint: IStreamClientEndpoint, link: Link) -> None:
        self._opening = endpoint.connect(Once(link))
        await self._opening
        if self._reason is not None:
            raise self._reason

    async def until_end(self) -> Exception:
        """Wait for the end, and say why."""
        if self._reason is None:
            await self._ended
        assert self._reason is not None, "the end is told after it is known"
        return self._reason

    def end(self, reason: Exception) -> None:
        """Cut both connections, for this reason unless there is one already."""
        if self._reason is None:
            self._over(reason)
            self._cut()

    async def close(self, reason: Exception) -> None:
        """End once what was written is sent; a server that does not read is cut off after some seconds."""
        if self._reason is not None:
            return
        self._over(reason)
        timer = self._reactor.callLater(CLOSING, self._cut)
        await self._commands.close()
        await self._events.close()
        if timer.active():
            timer.cancel()

    def _over(self, reason: Exception) -> None:
        self._reason = reason
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._ended.callback(None)
        if self._opening is not None:
            self._opening.cancel()

    def _cut(self) -> None:
        self._commands.cut()
        self._events.cut()

    def _heard(self, data: bytes) -> None:
        self.heard_at = self._reactor.seconds()
        try:
            for frame in self._decoder.feed(data):
                if self._reason is not None:
                    return
                self._read(frame)
        except Malformed as error:
            self.end(ConnectionLost(f"the event connection cannot be read: {error}"))

    def _read(self, frame: Frame) -> None:
        """A message that makes no sense is left out; the next may."""
        try:
            message = decode(frame)
        except Malformed as error:
            log.warn("a message of the bus was left out: {error}", error=str(error))
        else:
            self._received(message)

    def _watch(self) -> None:
        """End when nothing was heard for too long; looked at four times in that time."""
        silence = self._reactor.seconds() - self.heard_at
        if silence >= self._config.heartbeat_timeout:
            self.end(HeartbeatLost(f"the server has said nothing for {silence:.0f} seconds"))
        else:
            self._timer = self._reactor.callLater(self._config.heartbeat_timeout / 4, self._watch)
