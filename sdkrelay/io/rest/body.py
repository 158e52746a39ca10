"""The JSON body of an HTTP request: what counts as one, and that nothing else is taken for it."""

from __future__ import annotations

import msgspec
from twisted.web.http import Request

from ...domain.problem import Code
from ...messages.catalog import encode
from ...messages.message import NotJson
from .answers import UnsupportedMedia


def is_json(request: Request) -> bool:
    """Whether the request says that its body is JSON; no page of another site can say so without being asked first."""
    kind, _, parameters = (request.getHeader("content-type") or "").lower().partition(";")
    name, _, charset = parameters.strip().partition("=")
    return kind.strip() == "application/json" and (name != "charset" or charset.strip('"') in ("utf-8", "utf8"))


def json_body(request: Request) -> bytes:
    """The body, empty where there is none. :class:`UnsupportedMedia` for one that is not said to be JSON."""
    assert request.content is not None
    request.content.seek(0)
    body: bytes = request.content.read()
    if body and not is_json(request):
        raise UnsupportedMedia
    return body


def as_field(name: str, body: bytes) -> bytes:
    """The body as the one field of an object; as it is where no name is given. NotJson for what cannot be parsed."""
    if not name or not body:
        return body
    try:
        return encode({name: msgspec.json.decode(body, type=msgspec.Raw)})
    except (ValueError, RecursionError):
        raise NotJson(Code.VALIDATION_ERROR, "the text is not JSON", field="$", expected="a JSON object") from None
