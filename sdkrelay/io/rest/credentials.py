"""What an HTTP request brings to say who sent it: where it came from, and its ``Authorization`` header."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from attrs import evolve
from twisted.web.server import Request

from ...crypto.seal import token_hash
from ...domain.access import Approach, Login
from ...domain.problem import Code, Problem
from ..net.arrival import approach_of, is_foreign
from ..net.http import lower_headers
from ..net.proxies import DIRECT, Proxies
from .body import is_json

#: Methods that change nothing.
SAFE = (b"GET", b"HEAD")


def arrival(request: Request, headers: Mapping[str, str], proxies: Proxies = DIRECT) -> Approach:
    """How the request came; ``headers`` are its own by lower-case name.

    One that changes something counts as made at the machine only when it says that its body is JSON, which a page of
    another site cannot; and not over HTTP/1.0, which proxies speak that name themselves in no header.
    """
    approach = approach_of(request.channel.transport, headers, proxies)
    careful = (request.method in SAFE or is_json(request)) and request.clientproto != b"HTTP/1.0"
    return evolve(approach, local=False) if approach.local and not careful else approach


def with_credentials(approach: Approach, request: Request) -> Approach:
    """The same with what ``Authorization`` says. Problem AUTH_REQUIRED for a header that is neither Bearer nor Basic."""
    header = request.getHeader("authorization")
    if header is None:
        return approach
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return evolve(approach, token_hash=token_hash(value.strip()))
    if scheme.lower() != "basic":
        raise Problem(Code.AUTH_REQUIRED, "the Authorization header is neither Bearer nor Basic")
    login = _login(value.strip())
    # A browser adds a password it knows to the requests of any page: those of other sites do not bring it.
    return approach if is_foreign(lower_headers(request)) else evolve(approach, login=login)


def _login(value: str) -> Login:
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if not colon or not (0 < len(name) <= 64 and 0 < len(password) <= 1024):
        raise Problem(Code.AUTH_REQUIRED, "the Authorization header holds no name and password as Basic has them")
    return Login(name, password)
