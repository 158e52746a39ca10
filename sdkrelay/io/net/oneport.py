"""WebSocket and REST on one listening port: an upgrade goes to one, everything else to the other."""

from __future__ import annotations

from twisted.web.resource import IResource, Resource
from twisted.web.server import Request


class OnePort(Resource):
    """The root of a port that serves both; ``websocket`` gets requests that ask for an upgrade on ``/``."""

    def __init__(self, websocket: IResource, rest: IResource) -> None:
        super().__init__()
        self._websocket = websocket
        self._rest = rest

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        """Whoever serves the request, with its path still whole."""
        request.postpath, request.prepath = [*(request.prepath or []), *(request.postpath or [])], []
        upgrade = (request.getHeader("upgrade") or "").lower() == "websocket"
        return self._websocket if upgrade and request.uri.partition(b"?")[0] == b"/" else self._rest
