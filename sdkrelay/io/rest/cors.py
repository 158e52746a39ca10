"""Which pages of other sites may read what this interface shows (CORS, in the Fetch standard); to change it, none may."""

from __future__ import annotations

from attrs import frozen
from twisted.web.http import Request

#: What a page may send along; never the browser's own certificate or password.
HEADERS = "Authorization, X-Wallet-Token"
#: Seconds for which a browser need not ask again.
REMEMBERED = "600"


@frozen
class Cors:
    """The sites that may read, as ``https://host``, or ``*`` for all; none by default."""

    origins: tuple[str, ...] = ()

    def allow(self, request: Request) -> bool:
        """Let the page that has caused this request read the answer, if it is of such a site; whether it is."""
        origin = request.getHeader("origin")
        if not self.origins:
            return False
        request.responseHeaders.addRawHeader(b"Vary", b"Origin")
        if origin is None or not ("*" in self.origins or origin in self.origins):
            return False
        request.setHeader("Access-Control-Allow-Origin", "*" if "*" in self.origins else origin)
        request.setHeader("Access-Control-Expose-Headers", "Retry-After")
        return True

    def preflight(self, request: Request) -> bytes:
        """Answer a browser that asks beforehand: reading may be allowed, nothing else ever is."""
        request.setResponseCode(204)
        if request.getHeader("access-control-request-method") in ("GET", "HEAD") and self.allow(request):
            request.setHeader("Access-Control-Allow-Methods", "GET, HEAD")
            request.setHeader("Access-Control-Allow-Headers", HEADERS)
            request.setHeader("Access-Control-Max-Age", REMEMBERED)
        return b""
