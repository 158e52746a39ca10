"""Why a request is refused: a small closed set, so that every door can have one total table to its own codes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """The reasons for a refusal, by the names clients see in ``error_code``."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    HANDSHAKE_REQUIRED = "HANDSHAKE_REQUIRED"
    AUTH_REQUIRED = "AUTH_REQUIRED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    RATE_LIMITED = "RATE_LIMITED"
    TOO_LARGE = "TOO_LARGE"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    UNAVAILABLE = "UNAVAILABLE"
    INSECURE = "INSECURE"
    DECRYPTION_FAILED = "DECRYPTION_FAILED"
    WS_CONNECTION_FAILED = "WS_CONNECTION_FAILED"
    INTERNAL = "INTERNAL"


class Problem(Exception):
    """A refusal with its code, a message that says what to do, and details that never hold a secret."""

    def __init__(self, code: Code, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


def invalid(field: str, expected: str, message: str | None = None, value: Any = None) -> Problem:
    """A ``VALIDATION_ERROR`` about one field; pass ``value`` only where it can be no secret."""
    details: dict[str, Any] = {"field": field, "expected": expected}
    if value is not None:
        details["value"] = value
    return Problem(Code.VALIDATION_ERROR, message or f"{field}: expected {expected}", **details)


def unavailable(message: str, **details: Any) -> Problem:
    """An ``UNAVAILABLE``: right request, but the relay cannot answer it now."""
    return Problem(Code.UNAVAILABLE, message, **details)
