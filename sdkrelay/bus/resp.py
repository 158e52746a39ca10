"""Commands and events in the name of one orc: what most programs of a bus are handed instead of the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from twisted.logger import Logger

from ..messages.bus import Entry, Envelope
from ..messages.bus.names import GREATHALL, NO_TOKEN
from .errors import NotConnected
from .events import Event, Status
from .listeners import Handler, Unsubscribe

if TYPE_CHECKING:
    from .client import BusClient

#: The name that stands for the greathall with the bus token.
_TOKEN = "token"


class RespEvents:
    """Events; a topic without ``::`` is one of this orc's."""

    status = Status

    def __init__(self, client: BusClient, orc_name: str | None) -> None:
        self._client = client
        self._orc_name = orc_name

    def subscribe(self, topic: str, handler: Handler) -> Unsubscribe:
        """As :meth:`.Events.subscribe`."""
        return self._client.events.subscribe(self._complete(topic), handler)

    def unsubscribe_all(self, topic: str) -> None:
        """Forget every handler of this very pattern."""
        self._client.events.unsubscribe_all(self._complete(topic))

    def catch_all(self, handler: Handler) -> Unsubscribe:
        """As :meth:`.Events.catch_all`."""
        return self._client.events.catch_all(handler)

    def send(self, topic: str, data: Any = None, **options: Any) -> NoReturn:
        """Raise BusError, as :meth:`.Events.send` does."""
        self._client.events.send(self._complete(topic), data, **options)

    def _complete(self, topic: str) -> str:
        return topic if "::" in topic else f"{self._orc_name or self._client.get_orc_name() or GREATHALL}::{topic}"


class RespCommand:
    """Commands; the context goes with each."""

    def __init__(self, client: BusClient, orc_name: str | None, context: dict[str, Any] | None) -> None:
        self._client = client
        self._orc_name = orc_name
        self.context = context

    async def send_async(self, command: str, data: Any = None, *, timeout: float | None = None) -> Any:
        """Send a command that is run at once, and return the payload of its answer. Raises as :meth:`.Command.send`."""
        event = await self._send(command, data, nested=True, timeout=timeout)
        return None if event is None else event.data

    async def send(self, command: str, data: Any = None, *, timeout: float | None = None) -> Event | None:
        """Send a command that waits for its like before it, and return the event that answers it."""
        return await self._send(command, data, timeout=timeout)

    async def nested_send(self, command: str, data: Any = None, *, timeout: float | None = None) -> Event | None:
        """Send a command that is run at once, and return the event that answers it."""
        return await self._send(command, data, nested=True, timeout=timeout)

    async def retry(self, message: Event | Envelope) -> Event | None:
        """As :meth:`.Command.retry`."""
        return await self._client.command.retry(message)

    async def _send(self, command: str, data: Any, **options: Any) -> Event | None:
        which = data.get("$orcName") if isinstance(data, dict) else None
        return await self._client.command.send(command, data, which or self._orc_name, context=self.context, **options)


class Resp:
    """One orc's way to a bus, with a log of its own."""

    def __init__(
        self, client: BusClient, module_name: str, orc_name: str | None = None, context: dict[str, Any] | None = None
    ) -> None:
        """The orc is the client's own by default; ``token`` means greathall@<bus token>. Raises NotConnected for that one."""
        self._client = client
        self.orc_name = orc_name or client.get_orc_name()
        speaker = self._with_token() if orc_name == _TOKEN else orc_name
        self.log = Logger(namespace=f"sdkrelay.bus.{module_name}")
        self.events = RespEvents(client, speaker)
        self.command = RespCommand(client, speaker, context)

    def _with_token(self) -> str:
        token = self._client.get_token()
        if token == NO_TOKEN:
            raise NotConnected("there is no bus token before the first connection")
        return f"{GREATHALL}@{token}"

    @property
    def msg_context(self) -> dict[str, Any] | None:
        """What goes with each command as its context; can be set."""
        return self.command.context

    @msg_context.setter
    def msg_context(self, context: dict[str, Any] | None) -> None:
        self.command.context = context

    def on_token_changed(self, callback: Handler) -> Unsubscribe:
        """Call ``callback(configuration)`` when the token has changed, here or at the server's own upstream."""
        return self._client.token_changed.add(callback)

    def on_orcname_changed(self, callback: Handler) -> Unsubscribe:
        """Call ``callback(old, new, configuration)`` when the server gives another name under the same token."""
        return self._client.orc_name_changed.add(callback)

    def on_reconnect(self, callback: Handler) -> Unsubscribe:
        """Call ``callback("attempt")`` after a loss, and ``callback("done")`` when the client is back."""
        return self._client.reconnect.add(callback)

    def on_commands_registry(self, callback: Handler, data: Any = None) -> Unsubscribe:
        """Call ``callback(None, data)`` when the server has told its commands."""
        return self._client.commands_registry.add(lambda _: callback(None, data))

    def has_command(self, command_name: str) -> bool:
        """Whether the server has told of this command."""
        return command_name in self._client.get_commands_registry()

    def get_commands_registry(self) -> dict[str, Entry]:
        """As :meth:`.BusClient.get_commands_registry`."""
        return self._client.get_commands_registry()

    def get_commands_registry_time(self) -> str | int:
        """As :meth:`.BusClient.get_commands_registry_time`."""
        return self._client.get_commands_registry_time()

    def get_commands_names(self) -> dict[str, Any]:
        """As :meth:`.BusClient.get_commands_names`."""
        return self._client.get_commands_names()

    def is_connected(self) -> bool:
        """As :meth:`.BusClient.is_connected`."""
        return self._client.is_connected()
