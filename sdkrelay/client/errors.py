"""What can go wrong for whoever uses the client; no message or ``repr`` holds a token or a key."""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """Anything the client raises."""


class RelayError(ClientError):
    """The relay refused: its ``code`` (one of the protocol's closed set), its ``message`` and the ``details``."""

    def __init__(self, code: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details or {}

    @classmethod
    def of(cls, error: dict[str, Any]) -> RelayError:
        """What an ``error`` message says, however much of it is there."""
        details = error.get("details")
        code, message = error.get("error_code", error.get("code")), error.get("message")
        return cls(
            str(code or "UNKNOWN"), str(message or "no reason given"), details if isinstance(details, dict) else {}
        )


class NotConnected(ClientError):
    """There is no connection, or there is none any more, and the request was not answered.

    Whether the relay has seen the request is not known, unless it was never sent.
    """


class Closed(NotConnected):
    """One connection ended: the close ``code`` (None without a closing handshake) and the reason given."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(f"the connection was closed ({code}): {reason}")
        self.code = code
        self.reason = reason


class TimedOut(ClientError):
    """The answer did not come in time; whether the relay has seen the request is not known."""


class Insecure(ClientError):
    """Refused here, before anything was sent: private keys go over TLS or to this machine only."""
