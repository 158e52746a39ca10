"""The JSON body of an HTTP request: what counts as one, and that nothing else is taken for it."""

from __future__ import annotations

from twisted.web.http import Request

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
