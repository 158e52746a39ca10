"""Posts alerts to an operator's own service: signed, one after the other, and again until they are taken.

The receiver checks ``X-Sdkrelay-Signature``, which is ``sha256=`` and the HMAC-SHA256, in hex, of the value of
``X-Sdkrelay-Timestamp`` (seconds since the epoch, of this attempt), a full stop, and the body. ``X-Sdkrelay-Delivery`` is the same
in every attempt at one alert. Whatever is answered is not read; redirections are not followed.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from attrs import field, frozen
from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.web.client import Agent, HTTPConnectionPool, _HTTP11ClientFactory
from twisted.web.http_headers import Headers

from ...domain.measure import WEBHOOK_CALLS
from ...ports import Cancelled, Clock, Entropy, Meter, Tasks
from ..net.backoff import Backoff

log = Logger()

#: Alerts that may wait; one more, and the oldest is given up.
LONGEST_QUEUE = 100
#: Refusals that another attempt may overcome, beside those of the 500s.
PASSING = (408, 425, 429)


@frozen
class Receiver:
    """Where alerts go, and what they are signed with."""

    url: str = field(repr=False)
    secret: str = field(repr=False)

    def headers(self, body: bytes, delivery: str, at: int) -> Headers:
        """The headers of an attempt at this time."""
        signature = hmac.new(self.secret.encode(), b"%d." % at + body, sha256).hexdigest()
        named = {
            "Content-Type": "application/json",
            "User-Agent": "sdkrelay",
            "X-Sdkrelay-Delivery": delivery,
            "X-Sdkrelay-Timestamp": str(at),
            "X-Sdkrelay-Signature": f"sha256={signature}",
        }
        return Headers({name: [value] for name, value in named.items()})


@frozen
class Insistence:
    """Attempts at one alert; the first pause between two, the longest, and how long one may take, in seconds."""

    attempts: int = 10
    first_pause: float = 1.0
    longest_pause: float = 300.0
    patience: float = 10.0


@frozen
class Outside:
    """What a webhook needs of the world."""

    reactor: Any
    tasks: Tasks
    clock: Clock
    entropy: Entropy
    meter: Meter


class Webhook:
    """Delivers what it is given to whom ``receiver`` names then (None: to nobody), from :meth:`run` to :meth:`stop`."""

    def __init__(
        self, receiver: Callable[[], Receiver | None], outside: Outside, insistence: Insistence | None = None
    ) -> None:
        self._receiver = receiver
        self._outside = outside
        self._insistence = insistence or Insistence()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._more = outside.tasks.event()
        pool = HTTPConnectionPool(outside.reactor, persistent=False)
        pool._factory = _Connections
        self._agent = Agent(outside.reactor, connectTimeout=self._insistence.patience, pool=pool)
        self._stopped = False

    def deliver(self, body: bytes) -> None:
        """Post this, after what was given before; without a receiver it is not kept."""
        if self._receiver() is None:
            return
        self._waiting.append((self._outside.entropy.bytes(16).hex(), body))
        if len(self._waiting) > LONGEST_QUEUE:
            self._waiting.popleft()
            self._count("dropped")
            log.error("the webhook takes alerts too slowly: the oldest of {count} is given up", count=LONGEST_QUEUE)
        self._more.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while not self._stopped:
            await self._more.wait()
            while self._waiting and not self._stopped:
                await self._insist(*self._waiting.popleft())

    def stop(self) -> None:
        """Deliver no more; cancel :meth:`run` next. The log tells what is left."""
        self._stopped = True
        if self._waiting:
            log.warn("{count} alerts were not posted before the end", count=len(self._waiting))

    async def _insist(self, delivery: str, body: bytes) -> None:
        """Attempt it until it is taken, refused for good, or has been attempted often enough."""
        how = self._insistence
        backoff = Backoff(self._outside.entropy, how.first_pause, how.longest_pause)
        for attempt in range(1, how.attempts + 1):
            if not await self._attempt(delivery, body) or self._stopped:
                return
            if attempt < how.attempts:
                await self._outside.tasks.sleep(backoff.delay())
        self._count("failed")
        log.error("the webhook did not take an alert in {count} attempts: it is given up", count=how.attempts)

    async def _attempt(self, delivery: str, body: bytes) -> bool:
        """Post it once; whether another attempt is worth it."""
        receiver = self._receiver()
        if receiver is None:
            return False
        try:
            status = await self._post(receiver, receiver.headers(body, delivery, int(self._outside.clock.now())), body)
        except Cancelled:
            raise
        except Exception as problem:
            log.warn("the webhook cannot be reached: {why}", why=type(problem).__name__)
            return True
        return self._judged(status)

    def _judged(self, status: int) -> bool:
        if 200 <= status < 300:
            self._count("delivered")
            return False
        again = status >= 500 or status in PASSING
        log.warn("the webhook answered {status}", status=status)
        if not again:
            self._count("failed")
        return again

    async def _post(self, receiver: Receiver, headers: Headers, body: bytes) -> int:
        reactor = self._outside.reactor
        asked: Deferred[Any] = HTTPClient(self._agent).request(
            "POST", receiver.url, headers=headers, data=body, allow_redirects=False, unbuffered=True, reactor=reactor
        )
        response = await asked.addTimeout(self._insistence.patience, reactor)
        response.deliverBody(_Unread())
        return int(response.code)

    def _count(self, outcome: str) -> None:
        self._outside.meter.count(WEBHOOK_CALLS, outcome)


class _Connections(_HTTP11ClientFactory):
    """Says nothing in the log of where it connects."""

    noisy = False


class _Unread(Protocol):
    """Nobody reads the rest of the answer, however long it is."""

    def connectionMade(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()
