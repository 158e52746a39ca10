"""The client of a bus: it connects, becomes known, comes back after a loss, and says what it hears.

One coroutine keeps the connection; what a message means is told in one table of topics.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.logger import Logger

from ..io import world
from ..io.net.backoff import Backoff
from ..messages.bus import Entry, Envelope, Malformed, Message, Rejection, content, names, read_registry
from ..ports import Entropy
from .calls import Calls
from .command import Command
from .config import BusConfig
from .errors import BusError, ConnectFailed, ConnectionLost, Interrupted, NotConnected, Rejected, ServerEnded, Stopped
from .events import Events
from .introduction import Introduction, Welcome, identifier
from .listeners import Handler, Listeners
from .pair import Connector, Pair
from .resp import Resp
from .tls import BusTls

log = Logger()


class BusClient:
    """A program's place on a bus. All of it belongs to the reactor's thread."""

    def __init__(
        self,
        config: BusConfig | None = None,
        reactor: Any = None,
        entropy: Entropy | None = None,
        connector: Connector | None = None,
    ) -> None:
        """Connect nothing yet; what is not given is this process's own, and ``connector`` reaches the configured ports."""
        self._config = config or BusConfig()
        self._reactor = reactor or world.running_reactor()
        self._entropy: Entropy = entropy or world.SystemEntropy()
        self._connector = connector
        self._backoff = Backoff(self._entropy, ceiling=self._config.retry_ceiling)
        self._calls = Calls(self._reactor)
        self._pair: Pair | None = None
        self._introduction: Introduction | None = None
        self._run: object | None = None
        self._pausing: Deferred[None] | None = None
        self._connecting: Deferred[bool] | None = None
        self._is_connected = self.was_connected = False
        self._token = names.NO_TOKEN
        self._orc_name: str | None = None
        self._registry: dict[str, Entry] = {}
        self._registry_time: str | int = 0
        self._last_error: str | None = None
        self._why = "the server does not answer"
        self.events = Events(self)
        self.command = Command(self, self._calls, self._config.call_timeout)
        self.reconnect, self.token_changed = Listeners(), Listeners()
        self.orc_name_changed, self.commands_registry = Listeners(), Listeners()
        self._specials = self._notices()

    async def connect(self, backend: str = names.AXON, bus_token: str | None = None) -> bool:
        """Connect, and return whether the server is done with starting; from then on, come back after every loss.

        With ``bus_token`` the client takes it for its token and does not introduce itself. Raises ConnectFailed after the
        configured time, Rejected when the server refuses this client, Stopped, and BusError for a configuration that cannot be
        used; nothing is tried any further then.
        """
        if backend != names.AXON:
            raise BusError(f"there is no backend {backend!r}, only 'axon'")
        if self._run is not None:
            raise BusError("this client is connected, or connects, already")
        connector = self._connector or self._endpoints()
        connecting = self._connecting = Deferred()
        timer = self._reactor.callLater(self._config.connect_timeout, self._give_up)
        self._run = object()
        keeping = Deferred.fromCoroutine(self._keep(self._run, connector, bus_token))
        keeping.addErrback(lambda failure: log.failure("the bus client failed", failure))
        try:
            return await connecting
        except Exception:
            await self.stop()
            raise
        finally:
            if timer.active():
                timer.cancel()

    async def stop(self) -> None:
        """Close both connections after what was sent; every call ends with Stopped, and nothing is tried again."""
        self._run = None
        pair, self._pair = self._pair, None
        self._is_connected = False
        stopped = Stopped("this client was stopped")
        self._calls.fail_all(Stopped, str(stopped))
        self._connect_failed(stopped)
        if self._pausing is not None:
            self._pausing.cancel()
        if pair is not None:
            await pair.close(stopped)

    def new_message(self, topic: str, which: str | None) -> Envelope:
        """An envelope with a new id and the token of now, from this orc."""
        return Envelope(
            is_xcraft=True, token=self._token, orc_name=which, id=identifier(self._entropy), topic=topic,
            data={}, is_error=topic.endswith(".error"),
        )  # fmt: skip

    def patch_message(self, message: Envelope) -> Envelope:
        """The same message with the token of now."""
        return replace(message, token=self._token)

    def register_events(self, topic: str, handler: Handler) -> None:
        """Make ``handler(event)`` the only one of this pattern."""
        self.events.replace(topic, handler)

    def unregister_events(self, topic: str) -> None:
        """Forget the handlers of this pattern."""
        self.events.forget(topic)

    def is_connected(self) -> bool:
        """Whether commands can be sent now."""
        return self._is_connected

    def get_token(self) -> str:
        """The bus token; ``invalid`` before there is one."""
        return self._token

    def get_orc_name(self) -> str | None:
        """The name the server gave at first, which stays the same afterwards; None before."""
        return self._orc_name

    def get_commands_registry(self) -> dict[str, Entry]:
        """The server's commands as told last."""
        return self._registry

    def get_commands_registry_time(self) -> str | int:
        """When they were told (ISO 8601, UTC); 0 before."""
        return self._registry_time

    def get_commands_names(self) -> dict[str, Any]:
        """Each command's name with its ranking predictions, or True."""
        return {name: entry.ranking for name, entry in self._registry.items()}

    def is_server_side(self) -> bool:
        """Whether it has no name of its own: before the first connection, or connected with a token that was given."""
        return not self._orc_name

    def get_nice(self) -> int:
        """The configured priority; lower goes first."""
        return self._config.nice

    def destroy_push_socket(self) -> None:
        """Cut the command connection; the client comes back as after any loss."""
        if self._pair is not None:
            self._pair.cut_commands()

    @property
    def last_error_reason(self) -> str | None:
        """Why the last connection ended, or none came about; None again once both connections stand."""
        return self._last_error

    def new_response(
        self, module_name: str, orc_name: str | None = None, context: dict[str, Any] | None = None
    ) -> Resp:
        """Commands and events in the name of an orc, this client's by default; ``token`` means greathall@<bus token>."""
        return Resp(self, module_name, orc_name, context)

    def port(self) -> int | None:
        """The local port of the event connection."""
        return None if self._pair is None else self._pair.port

    def silence(self) -> float:
        """Seconds since the server was heard; -1 without a connection."""
        return -1.0 if self._pair is None else float(self._reactor.seconds() - self._pair.heard_at)

    def transmit(self, wire: bytes) -> None:
        """Send the bytes of a command. Raises NotConnected or Congested."""
        if not self._is_connected or self._pair is None:
            raise NotConnected("there is no connection to the bus now")
        self._pair.send(wire)

    async def _keep(self, run: object, connector: Connector, bus_token: str | None) -> None:
        """Connect again and again, until the server ends, refuses a first connection, or this run is stopped."""
        while self._run is run:
            reason = await self._once(connector, bus_token)
            if self._run is not run:
                return
            self._ended(reason)
            if self._is_final(reason):
                self._run = None
            elif self._run is run:
                await self._pause()

    async def _once(self, connector: Connector, bus_token: str | None) -> Exception:
        """One pair of connections, from its opening to its end; why it ended."""
        pair = self._pair = Pair(self._config, self._reactor, self._received)
        self._introduction = None
        try:
            await pair.open(connector)
            self._opened(pair, bus_token)
            return await pair.until_end()
        except Exception as error:
            pair.end(ConnectionLost(f"the bus cannot be reached: {error}"))
            return await pair.until_end()

    def _opened(self, pair: Pair, bus_token: str | None) -> None:
        self._last_error = None
        self.was_connected = True
        if bus_token is None:
            self._introduction = Introduction(self._config, self._entropy, self._token, pair.port)
        else:
            self._token = bus_token
            self._connected(True)

    def _ended(self, reason: Exception) -> None:
        """A pair is gone, and with it the answers to what was asked by it."""
        self._pair = None
        was_connected, self._is_connected = self._is_connected, False
        self._last_error = self._why = reason.code if isinstance(reason, Rejected) else str(reason)
        self._calls.fail_all(ServerEnded if isinstance(reason, ServerEnded) else ConnectionLost, str(reason))
        if was_connected and not isinstance(reason, ServerEnded):
            self.reconnect("attempt")

    def _is_final(self, reason: Exception) -> bool:
        """Whether there is no coming back: the server has ended, or refuses who never was connected."""
        is_refused = isinstance(reason, Rejected) and self._connecting is not None
        if not is_refused and not isinstance(reason, ServerEnded):
            return False
        self._connect_failed(reason)
        return True

    async def _pause(self) -> None:
        self._pausing = Deferred(lambda _: timer.cancel())
        timer = self._reactor.callLater(self._backoff.delay(), self._pausing.callback, None)
        with suppress(CancelledError):
            await self._pausing
        self._pausing = None

    def _give_up(self) -> None:
        last = self._last_error or self._why
        self._connect_failed(ConnectFailed(f"not connected after {self._config.connect_timeout:g} seconds: {last}"))

    def _connect_failed(self, error: Exception) -> None:
        connecting, self._connecting = self._connecting, None
        if connecting is not None and not connecting.called:
            connecting.errback(error)

    def _endpoints(self) -> Connector:
        """The way to the configured host; TLS where a certificate to trust is configured."""
        tls = BusTls(self._config) if self._config.ca_path else None

        def endpoint(port: int) -> Any:
            plain = HostnameEndpoint(self._reactor, self._config.host, port, timeout=10)
            return plain if tls is None else wrapClientTLS(tls, plain)

        return endpoint

    def _received(self, message: Message) -> None:
        """One message of the event connection."""
        if message.topic == names.HEARTBEAT:
            self._heartbeat()
        elif self._is_connected and self._calls_or_events(message):
            return
        else:
            self._other(message)

    def _calls_or_events(self, message: Message) -> bool:
        """An answer, or an event that somebody subscribed to, if it has our token; a special topic is neither."""
        if message.topic in self._specials or not isinstance(message.body, Envelope):
            return False
        if message.body.token != self._token:
            return False
        self.events.caught(message)
        return self._calls.received(message) or self.events.received(message)

    def _other(self, message: Message) -> None:
        special = self._specials.get(message.topic)
        if message.topic == names.GAME_OVER:
            self._lose(ServerEnded("the server has ended"))
        elif isinstance(message.body, Rejection):
            self._lose(Rejected(message.body.code, message.body.message))
        elif self._introduction is not None and self._introduction.is_answer(message):
            self._welcomed(message)
        elif special is not None:
            self._understood(special, message)

    def _notices(self) -> dict[str, Handler]:
        """What the server tells its clients about itself, which is heard whatever the token."""
        return {
            names.COMMANDS_REGISTRY: self._registry_told,
            names.TOKEN_CHANGED: self._token_told,
            names.ORC_NAME_CHANGED: self._orc_name_told,
            names.RECONNECT: self._reconnect_told,
        }

    def _understood(self, special: Handler, message: Message) -> None:
        try:
            data = content(message.envelope)
            special(data if isinstance(data, dict) else {})
        except Malformed as error:
            log.warn("a notice of the bus was left out: {error}", error=str(error))

    def _heartbeat(self) -> None:
        """The server is ready for who is not known yet."""
        now = self._reactor.seconds()
        if self._introduction is not None and self._pair is not None and self._introduction.due(now):
            self._pair.send(self._introduction.ask(now))

    def _welcomed(self, message: Message) -> None:
        try:
            welcome = Welcome.read(message)
        except Malformed as error:
            self._lose(ConnectionLost(f"the answer to the autoconnect makes no sense: {error}"))
            return
        self._introduction = None
        before, known_as = self._token, self._orc_name
        self._token, self._orc_name = welcome.token, known_as or welcome.orc_name
        self._store(welcome.registry)
        self._connected(welcome.is_loaded)
        if before not in (names.NO_TOKEN, welcome.token):
            self.token_changed(self._config)
        elif known_as and known_as != welcome.orc_name:
            self.orc_name_changed(known_as, welcome.orc_name, self._config)
        self._tell_registry()

    def _connected(self, is_loaded: bool) -> None:
        """From here on commands are sent."""
        self._is_connected = True
        self._backoff.reset()
        connecting, self._connecting = self._connecting, None
        if connecting is None:
            self.reconnect("done")
        else:
            connecting.callback(is_loaded)

    def _lose(self, reason: Interrupted) -> None:
        if self._pair is not None:
            self._pair.end(reason)

    def _store(self, registry: dict[str, Entry]) -> None:
        self._registry = registry
        self._registry_time = datetime.fromtimestamp(world.SystemClock().now(), UTC).isoformat(timespec="milliseconds")

    def _tell_registry(self) -> None:
        self.commands_registry({"token": self._token, "time": self._registry_time})

    def _registry_told(self, data: dict[str, Any]) -> None:
        self._store(read_registry(data.get("registry")))
        self._tell_registry()

    def _token_told(self, data: dict[str, Any]) -> None:
        self.token_changed(data.get("busConfig"))

    def _orc_name_told(self, data: dict[str, Any]) -> None:
        if data.get("token") == self._token:
            self.orc_name_changed(data.get("oldOrcName"), data.get("newOrcName"), data.get("busConfig"))

    def _reconnect_told(self, data: dict[str, Any]) -> None:
        if data.get("status") in ("attempt", "done"):
            self.reconnect(data["status"])
