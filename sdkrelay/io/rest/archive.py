"""Bodies that are too large to be held: read piece by piece from where they were put, sent piece by piece as they are made."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import ijson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.web.server import Request
from zope.interface import implementer

from ...domain.problem import Code
from ...messages.message import Malformed, NotJson
from ...messages.pieces import Pieces
from ...ports import Cancelled, Tasks, Unavailable
from .answers import UnsupportedMedia
from .body import is_json

log = Logger()

#: Bytes read or written at a time.
CHUNK = 65_536
#: Bytes that one string or number may have.
TOKEN = 16_000_000


class HttpDocument:
    """The :class:`~sdkrelay.ports.Document` in the body of a request. :class:`UnsupportedMedia` unless it is said to be JSON."""

    def __init__(self, request: Request, tasks: Tasks) -> None:
        if not is_json(request):
            raise UnsupportedMedia
        self._request = request
        self._tasks = tasks

    async def members(self) -> AsyncIterator[tuple[str, Any]]:
        """The members from the first on. NotJson and Malformed say what is wrong; Unavailable when the client is gone."""
        events: Any = ijson.sendable_list()
        parser = ijson.basic_parse_coro(events, use_float=True)
        pieces, place, quiet = Pieces(), 0, 0
        while chunk := self._chunk(place):
            place += len(chunk)
            quiet = 0 if events else quiet + len(chunk)
            _advance(parser, chunk, quiet)
            for event, value in events:
                for member in pieces.feed(event, value):
                    yield member
            quiet = 0 if events else quiet
            del events[:]
            await self._tasks.sleep(0)
        _end(parser)

    def _chunk(self, place: int) -> bytes:
        content: Any = self._request.content
        try:
            content.seek(place)
            chunk: bytes = content.read(CHUNK)
        except (AttributeError, ValueError):
            raise Unavailable("the client is gone") from None
        return chunk


def _advance(parser: Any, chunk: bytes, quiet: int) -> None:
    if quiet > TOKEN:
        raise Malformed(Code.TOO_LARGE, f"a string of more than {TOKEN} bytes", field="$", expected="shorter strings")
    try:
        parser.send(chunk)
    except (ijson.JSONError, ValueError, OverflowError):
        raise _not_json() from None


def _end(parser: Any) -> None:
    try:
        parser.close()
    except (ijson.JSONError, ValueError):
        raise _not_json() from None


def _not_json() -> NotJson:
    return NotJson(Code.VALIDATION_ERROR, "the text is not JSON", field="$", expected="a JSON object")


@implementer(IPushProducer)
class Flow:
    """Writes to a response no faster than its client reads; ends with the connection."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._roomy: Deferred[None] | None = None
        self._paused = False
        self.gone = False
        request.notifyFinish().addErrback(lambda _: self.stopProducing())

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        roomy, self._roomy = self._roomy, None
        if roomy is not None:
            roomy.callback(None)

    def stopProducing(self) -> None:
        self.gone = True
        self.resumeProducing()

    async def write(self, part: bytes) -> None:
        """Write a part, once there is room for it."""
        if self._paused and not self.gone:
            self._roomy = Deferred()
            await self._roomy
        if not self.gone:
            self._request.keep()
            self._request.write(part)


async def send_parts(request: Any, parts: AsyncIterator[bytes]) -> bytes:
    """Answer with the parts; when making them fails, the connection is cut, so that nobody takes what came for the whole."""
    request.setResponseCode(200)
    request.setHeader("Content-Type", "application/json")
    request.setHeader("Cache-Control", "no-store")
    request.setHeader("X-Content-Type-Options", "nosniff")
    flow = Flow(request)
    request.registerProducer(flow, True)
    try:
        await _write_all(flow, parts)
    except Cancelled:
        raise
    except Exception:
        log.failure("an export could not be finished")
        request.transport.abortConnection()
    finally:
        request.unregisterProducer()
    return b""


async def _write_all(flow: Flow, parts: AsyncIterator[bytes]) -> None:
    """Parts joined to chunks."""
    chunk = bytearray()
    async for part in parts:
        chunk += part
        if len(chunk) >= CHUNK:
            await flow.write(bytes(chunk))
            chunk.clear()
        if flow.gone:
            return
    await flow.write(bytes(chunk))
