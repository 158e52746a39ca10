"""A question to bitcoind, asked again when there was no answer: after pauses that grow, and not more often than allowed.

Every question the relay asks only reads, so asking twice does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers

from ...ports import Entropy
from ..net.backoff import Backoff
from .trouble import Crowded, Trouble

#: The HTTP status of a bitcoind that has too much to do, or is going or coming.
BUSY = 503


@frozen
class RetryLimits:
    """Attempts in all, and the first and the longest pause between two of them, in seconds."""

    attempts: int = 1
    first: float = 0.5
    longest: float = 10.0


class Exchange(Protocol):
    """What asks one question over HTTP."""

    @property
    def url(self) -> str:
        """Whom it asks."""

    async def exchange(
        self, method: str, path: str, headers: Headers, body: bytes | None, limit: int
    ) -> tuple[int, bytes]:
        """Status and body. Raises Trouble."""


class Retrying:
    """An exchange that is tried again; ``failed`` is called at each attempt that brought no answer."""

    def __init__(
        self,
        clock: IReactorTime,
        entropy: Entropy,
        inner: Exchange,
        limits: RetryLimits,
        failed: Callable[[], None],
    ) -> None:
        self.limits = limits
        self._clock = clock
        self._entropy = entropy
        self._inner = inner
        self._failed = failed

    @property
    def url(self) -> str:
        """Whom it asks."""
        return self._inner.url

    async def exchange(
        self, method: str, path: str, headers: Headers, body: bytes | None, limit: int
    ) -> tuple[int, bytes]:
        """Status and body of the first attempt that brought an answer, else of the last. Raises the last one's Trouble."""
        pauses = Backoff(self._entropy, self.limits.first, self.limits.longest)
        attempt = 1
        while True:
            last = attempt >= self.limits.attempts
            try:
                status, answer = await self._inner.exchange(method, path, headers, body, limit)
                if status != BUSY or last:
                    return status, answer
            except Trouble as trouble:
                if last or isinstance(trouble, Crowded):
                    raise
            self._failed()
            await deferLater(self._clock, pauses.delay())
            attempt += 1
