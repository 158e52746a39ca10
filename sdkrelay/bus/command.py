"""Commands as a program sends them: a name, a payload, and an answer that is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..messages.bus import Envelope, Malformed, Message, Route, encode
from ..messages.bus.names import AXON, GREATHALL
from .calls import Calls
from .errors import Aborted, BusError
from .events import Event

if TYPE_CHECKING:
    from .client import BusClient

#: What a program that runs no server of its own calls itself.
_NODE = "zog"


class Command:
    """Commands of one client."""

    def __init__(self, client: BusClient, calls: Calls, timeout: float) -> None:
        self._client = client
        self._calls = calls
        self._timeout = timeout

    async def send(
        self,
        command: str,
        data: Any = None,
        which: str | None = None,
        *,
        nested: bool = False,
        answer: bool = True,
        timeout: float | None = None,
        context: dict[str, Any] | None = None,
    ) -> Event | None:
        """Send a command and return the :class:`Event` that answers it; None at once with ``answer=False``.

        ``data`` is any JSON, with bytes as ``data["chunk"]`` only, or an envelope to be sent again. ``which`` is the orc the
        answer is for, this client's by default. ``nested`` runs it at once; otherwise the server runs one such command of an
        orc after the other. Raises CommandError if it fails, Interrupted if no answer comes, NotConnected or Congested if
        nothing was sent, BusError for what cannot be sent.
        """
        envelope = self._envelope(command, data, which, nested, context)
        try:
            wire = encode(Message(command, envelope))
        except Malformed as error:
            raise BusError(f"{command} cannot be sent: {error}") from None
        if not answer:
            self._client.transmit(wire)
            return None
        return await self._call(wire, command, envelope, self._timeout if timeout is None else timeout)

    async def retry(self, message: Event | Envelope) -> Event | None:
        """Send a message of :meth:`new_message` again, with the token of now, and return its answer."""
        envelope = message.envelope if isinstance(message, Event) else message
        return await self.send(str(envelope.topic), envelope)

    def new_message(self, command: str, which: str | None = None) -> Envelope:
        """An envelope for this command, from this orc."""
        return self._client.new_message(command, which or self._client.get_orc_name() or GREATHALL)

    def connected_with(self) -> str | None:
        """``axon`` once there was a connection."""
        return self._client.events.connected_with()

    def abort(self, command_id: str) -> None:
        """End the call of this id with Aborted; nothing is sent, for the bus has no such message."""
        self._calls.fail(command_id, Aborted(f"the command {command_id} is aborted"))

    def abort_all(self, reason: Any = None) -> None:
        """End every call with Aborted."""
        self._calls.fail_all(Aborted, "aborted" if reason is None else f"aborted: {reason}")

    async def _call(self, wire: bytes, command: str, envelope: Envelope, timeout: float) -> Event:
        call = self._calls.add(str(envelope.orc_name), command, str(envelope.id), timeout)
        try:
            self._client.transmit(wire)
            return await call.answer
        finally:
            self._calls.forget(call)

    def _envelope(
        self, command: str, data: Any, which: str | None, nested: bool, context: dict[str, Any] | None
    ) -> Envelope:
        if isinstance(data, Envelope):
            envelope = self._client.patch_message(data)
        else:
            envelope = replace(self.new_message(command, which), data=data, is_nested=nested, context=context)
        if envelope.arp:
            return envelope
        orc_name = str(envelope.orc_name)
        return replace(envelope, arp={orc_name: self._route(orc_name)}, origin_router=AXON, router=AXON)

    def _route(self, orc_name: str) -> Route:
        _, _, token = orc_name.partition("@")
        if not token:
            raise BusError(f"an orc without a token cannot be answered: {orc_name!r} is not name@token")
        return Route(token=token, nice=0, no_forwarding=False, node_name=_NODE, port=self._client.port(), hordes=[])
