"""Shows the description of the HTTP interface, which is made once, when the interface is."""

from __future__ import annotations

from ..messages.rest.description import GetOpenApi, OpenApi
from ..ports import Caller
from .router import handles


class DescriptionService:
    """Answers ``GET /openapi.json`` with this document, JSON."""

    def __init__(self, document: bytes) -> None:
        self._answer = OpenApi(content_type="application/json", body=document)

    @handles(GetOpenApi)
    async def show(self, request: GetOpenApi, caller: Caller) -> OpenApi:
        """The document."""
        return self._answer
