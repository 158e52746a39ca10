"""What of Nostr is plain HTTP on the WebSocket port: the relay's description (NIP-11) and its management (NIP-86, NIP-98)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from ...domain.nostr.refusal import Prefix, Refusal
from ...messages.nostr.information import INFORMATION_TYPE, MANAGEMENT_TYPE, Information, ManagementReply
from ...ports import Unavailable

log = Logger()

#: Bytes of a call.
LARGEST = 65_536
_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
}


@frozen
class HttpHalf:
    """What answers: the description as it stands, and a call by its Authorization header, HTTP method and body."""

    document: Callable[[], Information]
    call: Callable[[str, str, bytes], Awaitable[ManagementReply]] | None = None


class NostrDoor(Resource):
    """The root of the WebSocket port: Nostr's requests on ``/`` are answered here, all others by ``inner``."""

    def __init__(self, half: HttpHalf, inner: IResource) -> None:
        super().__init__()
        self._inner: Any = inner
        self._half = NostrHttp(half)

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        """Whoever serves the request."""
        if request.uri.partition(b"?")[0] == b"/" and _is_nostr(request):
            return self._half
        found: IResource = self._inner if self._inner.isLeaf else self._inner.getChildWithDefault(path, request)
        return found


class NostrHttp(Resource):
    """Answers what is Nostr's."""

    isLeaf = True

    def __init__(self, half: HttpHalf) -> None:
        super().__init__()
        self._half = half

    def render(self, request: Request) -> Any:
        for name, value in _OPEN.items():
            request.setHeader(name, value)
        if request.method == b"OPTIONS":
            request.setResponseCode(204)
            return b""
        if request.method == b"POST":
            Deferred.fromCoroutine(self._manage(request)).addErrback(self._failed, request)
            return NOT_DONE_YET
        _finish(request, INFORMATION_TYPE, self._half.document().encoded())
        return NOT_DONE_YET

    async def _manage(self, request: Request) -> None:
        status, reply = await self._answer(request)
        if not getattr(request, "_disconnected", False):
            request.setResponseCode(status)
            _finish(request, MANAGEMENT_TYPE, msgspec.json.encode(reply))

    async def _answer(self, request: Request) -> tuple[int, ManagementReply]:
        body = request.content.read(LARGEST + 1) if request.content else b""
        if self._half.call is None:
            return 404, ManagementReply(error="this relay is not managed over Nostr: nostr.admins names nobody")
        if len(body) > LARGEST:
            return 413, ManagementReply(error=f"a call has at most {LARGEST} bytes")
        header = request.getHeader("authorization") or ""
        try:
            return 200, await self._half.call(header, request.method.decode("latin-1"), body)
        except Refusal as refusal:
            status = 403 if refusal.prefix is Prefix.RESTRICTED else 401
            return status, ManagementReply(error=refusal.text)
        except Unavailable as away:
            return 503, ManagementReply(error=str(away))

    def _failed(self, failure: Failure, request: Request) -> None:
        log.failure("a call of NIP-86 failed", failure)
        if not request.finished and not getattr(request, "_disconnected", False):
            request.setResponseCode(500)
            reply = ManagementReply(error="the relay failed; its log says why")
            _finish(request, MANAGEMENT_TYPE, msgspec.json.encode(reply))


def _finish(request: Request, kind: str, body: bytes) -> None:
    """Answer with this body, or for HEAD with its length alone."""
    request.setHeader("Content-Type", kind)
    request.setHeader("Content-Length", str(len(body)))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()


def _is_nostr(request: Request) -> bool:
    if (request.getHeader("upgrade") or "").lower() == "websocket":
        return False
    if request.method == b"POST":
        return (request.getHeader("content-type") or "").partition(";")[0].strip().lower() == MANAGEMENT_TYPE
    if request.method == b"OPTIONS":
        return request.getHeader("access-control-request-method") is not None
    return request.method in (b"GET", b"HEAD") and INFORMATION_TYPE in (request.getHeader("accept") or "").lower()
