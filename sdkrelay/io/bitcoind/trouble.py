"""Why bitcoind does not answer, in sentences for an operator: the same one stands in health, in the log and in errors."""

from __future__ import annotations

from twisted.internet import error
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived

from ...domain.status import NodeState
from ...messages.bitcoin.rpc import WARMING_UP, RpcFailure
from ...ports import Unavailable


class Trouble(Unavailable):
    """bitcoind cannot answer now; ``state`` is what this makes of the connection."""

    def __init__(self, reason: str, state: NodeState = NodeState.DISCONNECTED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.state = state


class Crowded(Trouble):
    """Our own connections are all in use; asking again at once would make it worse."""


def from_exception(url: str, problem: BaseException) -> Trouble:
    """The trouble behind a failed exchange; ``url`` holds no credentials."""
    if isinstance(problem, Trouble):
        return problem
    if isinstance(problem, ResponseFailed | ResponseNeverReceived):
        return _from_reasons(url, problem.reasons)
    if isinstance(problem, error.ConnectionRefusedError):
        return Trouble(f"nothing listens at {url}: is bitcoind running, and is this its RPC port?")
    if isinstance(problem, error.TimeoutError | DeferredTimeout):
        return Trouble(f"bitcoind at {url} did not answer in time")
    if isinstance(problem, error.DNSLookupError):
        return Trouble(f"the host name in {url} cannot be resolved")
    if isinstance(problem, error.ConnectionLost | error.ConnectionDone | error.ConnectionAborted):
        return Trouble(f"bitcoind at {url} closed the connection: it may be shutting down")
    return Trouble(f"no connection to bitcoind at {url}: {type(problem).__name__}")


def from_refusal(failure: RpcFailure) -> Trouble:
    """The trouble behind bitcoind's own refusal of a question it should have answered."""
    if failure.code == WARMING_UP:
        return Trouble(f"bitcoind is starting: {failure.text}", NodeState.CONNECTING)
    return Trouble(f"bitcoind refused: {failure.text} ({failure.code})", NodeState.CONNECTED)


def from_status(url: str, status: int, body: bytes, credentials: str) -> Trouble:
    """The trouble behind an HTTP status that is no answer; ``credentials`` says which were used, without the secret."""
    text = body[:200].decode("utf-8", "replace").strip()
    if status == 401:
        return Trouble(f"bitcoind at {url} refused {credentials}")
    if status == 403:
        return Trouble(f"bitcoind at {url} does not allow this host: see its option rpcallowip")
    if status == 503:
        return Trouble(
            f"bitcoind is busy, starting or shutting down: {text or 'no reason given'}", NodeState.CONNECTING
        )
    return Trouble(f"what listens at {url} does not answer like bitcoind (HTTP {status})")


def _from_reasons(url: str, reasons: list[Failure]) -> Trouble:
    inner = reasons[0].value if reasons else None
    return from_exception(url, inner or error.ConnectionLost())
