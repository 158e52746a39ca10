"""The last lines of the relay's log, for its operator."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from ...domain.access import Access
from ..message import Reply, Request

Severity = Literal["debug", "info", "warn", "error", "critical"]


class GetLogs(Request, frozen=True, kw_only=True, tag="get_logs"):
    """The newest lines that are at least as severe as ``level`` and contain ``search`` (in message or module, any case)."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_logs", "level": "info", "limit": 50, "search": "sync"}

    level: Severity | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    search: Annotated[str, Meta(max_length=200)] | None = None


class LogLine(Struct, frozen=True, kw_only=True):
    """A line: its time (ISO-8601, UTC), the module and the line of code that wrote it (null where that is not known)."""

    timestamp: str
    level: str
    message: str
    relay_id: str
    module: str
    line: int | None
    sync_type: str | UnsetType = UNSET


class LogFilters(Struct, frozen=True, kw_only=True):
    """What was asked for."""

    level: str | None
    limit: int
    search: str | None


class Logs(Reply, frozen=True, kw_only=True, tag="logs"):
    """``logs``, oldest first: the newest ``limit`` of the ``total`` lines that match among those kept (the last 10,000 of this
    process, at the levels that are logged). ``levels`` counts the matching lines by level.
    """

    logs: tuple[LogLine, ...]
    total: int
    levels: dict[str, int]
    filters: LogFilters
