"""The HTTP door: it turns a row of the table into a request, and the router's reply into JSON.

Nothing answers HTML: not what is not found, not what fails, not what takes too long.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, cast

from attrs import field, frozen
from klein import Klein
from klein._app import KleinErrorFunction
from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException

from ...crypto.seal import token_hash
from ...domain.access import Access
from ...domain.problem import Code, Problem, unavailable
from ...messages.catalog import Catalog, encode
from ...messages.message import Reply
from ...messages.message import Request as Asked
from ...messages.native.session import Authenticate
from ...messages.rest.archive import Exported
from ...messages.values import WalletToken
from ...ports import Clock, Tasks
from ...session.dispatch import Dispatch
from ...session.gate import Allowances
from ..net.http import Upload, bare_response, is_secure, lower_headers
from ..net.proxies import DIRECT, Proxies
from .accept import preferred
from .answers import refusal_body, send, send_problem, send_reply, status_of
from .archive import HttpDocument, send_parts
from .body import as_field, json_body
from .caller import HttpCaller
from .cors import Cors
from .credentials import arrival, with_credentials
from .table import Row

log = Logger()

_WALLET_TOKEN = "X-Wallet-Token"
_FAULTS = {404: ("NOT_FOUND", "there is no such endpoint"), 405: ("METHOD_NOT_ALLOWED", "not with this method")}


@frozen
class RestSurroundings:
    """What the door needs: the way to the services, who may ask how much, and how long an answer may take."""

    dispatch: Dispatch
    catalog: Catalog
    allowances: Allowances
    tasks: Tasks
    clock: Clock
    reactor: IReactorTime
    request_seconds: float = 30.0
    cors: Cors = field(factory=Cors)
    proxies: Proxies = DIRECT


class RestDoor:
    """A Klein application made from rows; ``resource`` is what a site serves."""

    def __init__(self, around: RestSurroundings, rows: Iterable[Row]) -> None:
        self._around = around
        self._app = Klein()
        self._rows = tuple(rows)
        for row in self._rows:
            self._add(row)
        self._app.handle_errors(HTTPException)(cast(KleinErrorFunction, self._http_fault))
        self._app.handle_errors(Exception)(cast(KleinErrorFunction, self._bug))
        self.resource = _Root(self._app.resource(), self._not_found)

    def _add(self, row: Row) -> None:
        cors = self._around.cors

        def endpoint(request: Request, **fields: str) -> Deferred[bytes]:
            if row.method == "GET":
                cors.allow(request)
            serving = self._serve(row, request, fields)
            return self._in_time(request, serving) if row.timed else Deferred.fromCoroutine(serving)

        self._app.route(row.path, methods=[row.method], endpoint=f"{row.method} {row.path}")(endpoint)
        if row.method == "GET" and cors.origins:
            self._app.route(row.path, methods=["OPTIONS"], endpoint=f"OPTIONS {row.path}")(
                lambda request, **_: cors.preflight(request)
            )

    def _in_time(self, request: Request, serving: Coroutine[Any, Any, bytes]) -> Deferred[bytes]:
        """What the coroutine answers, or 503 when it takes too long; it is not interrupted, only not waited for."""
        given = Deferred.fromCoroutine(serving)
        if given.called and not given.paused:
            return given
        answered: Deferred[bytes] = Deferred()
        late = unavailable("this takes too long now; try again later", retry_after=30)
        timer = self._around.reactor.callLater(
            self._around.request_seconds, lambda: answered.callback(send_problem(request, late, self._now()))
        )

        def done(result: bytes | Failure) -> None:
            if timer.active():
                timer.cancel()
                answered.callback(result)
            elif isinstance(result, Failure):
                log.failure("an answer that came too late failed", result)

        given.addBoth(done)
        return answered

    async def _serve(self, row: Row, request: Request, fields: dict[str, str]) -> bytes:
        caller = self._caller(request)
        try:
            reply = await self._reply(row, request, fields, caller)
        except Problem as problem:
            return send_problem(request, problem, self._now())
        finally:
            caller.ended()
        if isinstance(reply, Exported):
            return await send_parts(request, reply.parts)
        return send_reply(request, row.status(reply), reply, self._now())

    def uploads(self, body_bytes: int) -> Mapping[bytes, Upload]:
        """The paths whose body is a document, which has a limit of its own."""
        return {row.path.encode(): Upload(body_bytes, partial(self._admit, row)) for row in self._rows if row.document}

    def _caller(self, request: Request) -> HttpCaller:
        headers = lower_headers(request)
        secure = is_secure(request.channel.transport, headers)
        return HttpCaller(arrival(request, headers, self._around.proxies), secure, self._around.tasks)

    async def _admit(self, row: Row, request: Request) -> bytes | None:
        """Whether whoever sends a large body may: None, or what to answer instead of reading it."""
        caller = self._caller(request)
        try:
            await self._identify(row, request, caller)
            await self._around.dispatch.admit(self._around.catalog.convert(row.request.wire_name(), {}), caller)
        except Problem as problem:
            now = self._around.clock.now()
            return bare_response(f"{status_of(problem)} Refused", problem.code.value, problem.message, now)
        finally:
            caller.ended()
        return None

    async def _reply(self, row: Row, request: Request, fields: dict[str, str], caller: HttpCaller) -> Reply:
        try:
            asked = await self._admitted(row, request, fields, caller)
        except Problem as problem:
            self._around.dispatch.refused(row.request.wire_name(), problem)
            raise
        reply = await self._around.dispatch.answer(asked, caller)
        assert reply is not None, "what has a row is answered"
        return reply

    async def _admitted(self, row: Row, request: Request, fields: dict[str, str], caller: HttpCaller) -> Asked:
        """The request as a message, once its sender may ask and its form is right."""
        await self._identify(row, request, caller)
        if row.wallet and not caller.wallet_ids:
            raise Problem(Code.AUTH_REQUIRED, f"give a wallet's token in the header {_WALLET_TOKEN}")
        return self._asked(row, request, fields)

    def _asked(self, row: Row, request: Request, fields: dict[str, str]) -> Asked:
        """The request that path, query and body make together; the path wins over the query, both over the body."""
        name, texts = row.request.wire_name(), {**_form(row, request), **_query(request), **fields}
        catalog = self._around.catalog
        if row.document:
            document = HttpDocument(request, self._around.tasks)
            return structs.replace(catalog.assemble(name, texts, _headers(row, request)), **{row.document: document})
        body = as_field(row.whole, json_body(request)) if row.takes_body else _headers(row, request)
        return catalog.assemble(name, texts, body) if body else catalog.convert(name, texts)

    async def _identify(self, row: Row, request: Request, caller: HttpCaller) -> None:
        """Count the request: for the token it brings, once that has been proved, else for the address it comes from."""
        token: str | None = None
        try:
            token = await self._proved_token(row, request, caller)
        finally:
            self._around.allowances.charge(caller.approach.address, token)

    async def _proved_token(self, row: Row, request: Request, caller: HttpCaller) -> str | None:
        """The hash of the bearer token, else of the wallet token; Problem AUTH_REQUIRED for one that does not hold."""
        wallet_token = request.getHeader(_WALLET_TOKEN)
        if wallet_token is not None:
            self._around.allowances.require(token_hash(wallet_token).hex())
            await self._around.dispatch.answer(_authenticate(wallet_token), caller)
        if row.request.ACCESS is not Access.OPEN:
            caller.approach = with_credentials(caller.approach, request)
        if caller.approach.token_hash is not None:
            await self._around.dispatch.prove(caller)
            return caller.approach.token_hash.hex()
        return None if wallet_token is None else token_hash(wallet_token).hex()

    def _http_fault(self, request: Request, failure: Failure) -> bytes:
        status: int = getattr(failure.value, "code", None) or 500
        if allowed := getattr(failure.value, "valid_methods", None):
            request.setHeader("Allow", ", ".join(sorted(allowed)))
        code, message = _FAULTS.get(status, ("VALIDATION_ERROR", "the request is not understood"))
        return send(request, status, refusal_body(code, message, {}, self._now()))

    def _not_found(self, request: Request) -> bytes:
        return send_problem(request, Problem(Code.NOT_FOUND, _FAULTS[404][1]), self._now())

    def _bug(self, request: Request, failure: Failure) -> bytes:
        log.failure("an HTTP request failed", failure)
        return send_problem(
            request, Problem(Code.INTERNAL, "the relay failed to answer; its log says why"), self._now()
        )

    def _now(self) -> float:
        return self._around.clock.now()


class _Root(Resource):
    """Keeps from Klein what it cannot read: paths that are not UTF-8."""

    isLeaf = True

    def __init__(self, application: IResource, not_found: Callable[[Request], bytes]) -> None:
        super().__init__()
        self._application = application
        self._not_found = not_found

    def render(self, request: Request) -> Any:
        try:
            b"/".join(request.postpath or ()).decode()
        except UnicodeDecodeError:
            return self._not_found(request)
        return self._application.render(request)


def _authenticate(token: str) -> Authenticate:
    try:
        return Authenticate(wallet_tokens=(WalletToken.parse(token),))
    except ValueError:
        raise Problem(Code.AUTH_REQUIRED, f"the header {_WALLET_TOKEN} holds no wallet token") from None


def _form(row: Row, request: Request) -> dict[str, str]:
    """The form of the answer that the client would rather have, where there are several."""
    return {"format": row.forms[preferred(request.getHeader("accept"), tuple(row.forms))]} if row.forms else {}


def _headers(row: Row, request: Request) -> bytes:
    """The fields that headers bring, as if they stood in a body: they may be secrets."""
    given = {field: request.getHeader(header) for header, field in row.headers.items()}
    return encode({field: text for field, text in given.items() if text is not None}) if row.headers else b""


def _query(request: Request) -> dict[str, str]:
    """The query parameters; the last of several with one name counts. Problem if they are not UTF-8."""
    try:
        return {name.decode(): values[-1].decode() for name, values in request.args.items()}
    except UnicodeDecodeError:
        raise Problem(Code.VALIDATION_ERROR, "the query is not UTF-8", field="query", expected="UTF-8") from None
