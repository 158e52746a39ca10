"""The description of the HTTP interface by itself."""

from __future__ import annotations

from typing import Any, ClassVar

from ...domain.access import Access
from ..message import RawReply, Request


class GetOpenApi(Request, frozen=True, kw_only=True, tag="get_openapi"):
    """This interface as an OpenAPI 3.1 document, made from the same table that serves it."""

    ACCESS: ClassVar[Access] = Access.OPEN
    COST: ClassVar[int] = 2
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_openapi"}


class OpenApi(RawReply, frozen=True, kw_only=True, tag="openapi"):
    """The document; its own schema is that of the OpenAPI Initiative."""
