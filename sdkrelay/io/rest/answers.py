"""How replies and refusals look over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.web.http import Request

from ...domain.problem import Code, Problem
from ...messages.catalog import encode
from ...messages.message import NotJson, RawReply, Reply

#: Every reason for a refusal as an HTTP status.
STATUS: dict[Code, int] = {
    Code.VALIDATION_ERROR: 422,
    Code.UNKNOWN_TYPE: 422,
    Code.HANDSHAKE_REQUIRED: 403,
    Code.AUTH_REQUIRED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.RATE_LIMITED: 429,
    Code.TOO_LARGE: 413,
    Code.LIMIT_EXCEEDED: 429,
    Code.UNAVAILABLE: 503,
    Code.INSECURE: 403,
    Code.DECRYPTION_FAILED: 400,
    Code.WS_CONNECTION_FAILED: 503,
    Code.INTERNAL: 500,
}


class UnsupportedMedia(Problem):
    """The body is in another format than JSON."""

    def __init__(self) -> None:
        expected = "application/json"
        super().__init__(Code.VALIDATION_ERROR, f"send {expected}", field="Content-Type", expected=expected)


def reply_body(reply: Reply, now: float) -> bytes:
    """A reply as JSON, without the ``type`` that only the socket needs; the encoder always writes it first."""
    written = encode(msgspec.structs.replace(reply, timestamp=int(now)))
    _, _, rest = written.partition(b",")
    return b"{" + rest


def refusal_body(code: str, message: str, details: dict[str, Any], now: float) -> bytes:
    """An error as JSON."""
    return encode({"error": {"code": code, "message": message, "details": details}, "timestamp": int(now)})


def status_of(problem: Problem) -> int:
    """The HTTP status of a refusal: 400 for what cannot be parsed, 415 for other than JSON, else by its code."""
    if isinstance(problem, UnsupportedMedia):
        return 415
    return 400 if isinstance(problem, NotJson) else STATUS[problem.code]


#: What every answer says beside its type and length.
ALWAYS = ((b"Cache-Control", [b"no-store"]), (b"X-Content-Type-Options", [b"nosniff"]))


def send(request: Request, status: int, body: bytes, content_type: str = "application/json") -> bytes:
    """Put the status and the headers of an answer on a request; the body, for convenience."""
    request.setResponseCode(status)
    headers = request.responseHeaders
    headers.setRawHeaders(b"Content-Type", [content_type.encode()])
    headers.setRawHeaders(b"Content-Length", [b"%d" % len(body)])
    for name, values in ALWAYS:
        headers.setRawHeaders(name, values)
    return body


def send_reply(request: Request, status: int, reply: Reply, now: float) -> bytes:
    """Answer with a reply: JSON, or the bytes it brings along."""
    if isinstance(reply, RawReply):
        return send(request, status, reply.body, reply.content_type)
    return send(request, status, reply_body(reply, now))


def send_problem(request: Request, problem: Problem, now: float) -> bytes:
    """Answer with a refusal."""
    if problem.code is Code.AUTH_REQUIRED:
        # Not "Basic", though it is taken: browsers would ask for a password and send it for pages of other sites too.
        request.setHeader("WWW-Authenticate", 'Bearer realm="sdkrelay"')
    if "retry_after" in problem.details:
        request.setHeader("Retry-After", str(problem.details["retry_after"]))
    return send(request, status_of(problem), refusal_body(problem.code, problem.message, problem.details, now))
