"""From a request to its answer, in the order of arrival, one request of a session at a time."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.logger import Logger

from ..domain.problem import Code, Problem, unavailable
from ..messages.message import Reply, Request
from ..ports import Caller, Cancelled, Unavailable
from ..services.router import Router
from .gate import Gate

log = Logger()


@frozen
class Dispatch:
    """The one way to the services, for every door: first the gate, then the handler."""

    router: Router
    gate: Gate

    async def answer(self, request: Request, caller: Caller) -> Reply:
        """The reply. Raises only :class:`Problem` (a bug is logged, and INTERNAL to the client) or ``Cancelled``."""
        try:
            self.gate.check(request, caller)
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
