"""From a request to its answer, in the order of arrival, one request of a session at a time."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import field, frozen
from twisted.logger import Logger

from ..domain.access import Access
from ..domain.measure import REQUEST_SECONDS, REQUESTS, Unmetered
from ..domain.problem import Code, Problem, unavailable
from ..messages.message import Reply, Request
from ..ports import Caller, Cancelled, Clock, Meter, Unavailable
from ..services.router import Router
from .gate import Gate

log = Logger()


class Prover(Protocol):
    """Finds out who a caller is."""

    async def prove(self, caller: Caller) -> None:
        """Identify the caller; Problem AUTH_REQUIRED when what it shows does not hold."""


@frozen
class Dispatch:
    """The one way to the services, for every door: first who asks, then the gate, then the handler.

    Without a ``prover`` nobody is anybody.
    """

    router: Router
    gate: Gate
    prover: Prover | None = None
    meter: Meter = field(factory=Unmetered)
    clock: Clock | None = None

    async def answer(self, request: Request, caller: Caller) -> Reply | None:
        """The reply, if there is to be one. Raises :class:`Problem` (a bug is logged, and told as INTERNAL) or ``Cancelled``."""
        name, began = request.wire_name(), self._seconds()
        try:
            reply = await self._answer(request, caller)
        except Problem as problem:
            self.refused(name, problem)
            raise
        self.meter.count(REQUESTS, name, "ok")
        self.meter.time(REQUEST_SECONDS, self._seconds() - began, name)
        return reply

    async def admit(self, request: Request, caller: Caller) -> None:
        """Find out who asks, and whether they may; Problem if not."""
        if request.ACCESS is not Access.OPEN:
            await self.prove(caller)
        self.gate.check(request, caller)

    async def prove(self, caller: Caller) -> None:
        """Find out who asks; Problem AUTH_REQUIRED when what it shows does not hold, UNAVAILABLE when nobody can tell."""
        try:
            if self.prover is not None:
                await self.prover.prove(caller)
        except Unavailable as away:
            raise unavailable(str(away)) from None

    def refused(self, name: str, problem: Problem) -> None:
        """A request of this type, or one that is no message (``malformed``), was refused; doors say so of their own refusals."""
        self.meter.count(REQUESTS, name, problem.code.value)

    def _seconds(self) -> float:
        return 0.0 if self.clock is None else self.clock.monotonic()

    async def _answer(self, request: Request, caller: Caller) -> Reply | None:
        try:
            await self.admit(request, caller)
            return await self.router.handle(request, caller)
        except (Problem, Cancelled):
            raise
        except Unavailable as away:
            raise unavailable(str(away)) from None
        except Exception:
            self._log_bug(type(request), caller)
            raise Problem(Code.INTERNAL, "the relay failed to answer; its log says why") from None

    def _log_bug(self, request: type[Any], caller: Caller) -> None:
        log.failure("{request} of session {session} failed", request=request.wire_name(), session=caller.session_id)
