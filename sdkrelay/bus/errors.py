"""What can go wrong on the bus, each as a class of its own: whoever awaits an answer gets one of these or the answer."""

from __future__ import annotations

from typing import Any

from ..messages.bus.names import COMMAND_FAILED


class BusError(Exception):
    """Anything that this package raises."""


class NotConnected(BusError):
    """There is no connection to send by; nothing was sent."""


class Congested(BusError):
    """The server reads too slowly: what waits to be sent is at its bound; nothing was sent."""


class ConnectFailed(BusError):
    """No connection came about in time; the message has the last reason known."""


class Interrupted(BusError):
    """A call that was sent will not be answered; whether the command was run is not known."""


class ConnectionLost(Interrupted):
    """A connection ended; the client comes back by itself."""


class HeartbeatLost(ConnectionLost):
    """The server said nothing for too long, though its connection stood."""


class Rejected(ConnectionLost):
    """The server refused this client; ``code`` says why, ``XCRAFT_AXON_CLIENT_CERTIFICATE_REJECT`` for its certificate."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message or 'refused by the server'} ({code})")
        self.code = code


class ServerEnded(Interrupted):
    """The server ended in order; the client does not come back."""


class Stopped(Interrupted):
    """This client was stopped."""


class CallTimeout(Interrupted):
    """No answer in time."""


class Aborted(Interrupted):
    """Given up here by ``abort`` or ``abort_all``; the server was told nothing."""


class CommandError(BusError):
    """The command failed: ``code`` and ``message``, with ``name``, ``id``, ``stack`` and ``info`` if the server told them."""

    def __init__(self, topic: str, data: Any) -> None:
        told: dict[str, Any] = data if isinstance(data, dict) else {}
        self.topic = topic
        self.code = str(told.get("code") or COMMAND_FAILED)
        self.message: Any = told.get("message") or data
        self.name, self.id = told.get("name"), told.get("id")
        self.stack, self.info = told.get("stack"), told.get("info")
        super().__init__(f"{self.message} ({self.code})")
