"""What a client may ask, one method each: the messages of the protocol and the rows of the HTTP interface."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from .rest import Rest

Answer = dict[str, Any]


class Asks(Protocol):
    """Whoever can send a request."""

    async def request(self, kind: str, *, retry: bool = False, within: float = ..., **fields: Any) -> Answer:
        """Send it and return its answer."""


class Calls:
    """Requests that need nothing but to be sent; all answers are dictionaries, as the protocol has them.

    Those that change nothing, or nothing when they are sent twice, are sent again when the connection is lost before the
    answer, as long as there is time; the others raise NotConnected then.
    """

    _rest: Rest

    async def request(self: Asks, kind: str, *, retry: bool = False, within: float = 60.0, **fields: Any) -> Answer:
        """Send a message of this ``type`` and return its answer."""
        raise NotImplementedError

    async def ping(self: Asks) -> Answer:
        """``pong``: the relay is there and answers."""
        return await self.request("ping", retry=True)

    async def discover(self: Asks) -> Answer:
        """``discovery_response``: the other relays it knows, and whom to turn to when it is away."""
        return await self.request("discovery", retry=True)

    async def sync(self: Asks, sync_type: str = "StateSync") -> Answer:
        """``sync_response``: how the relay is; ``StateSync``, ``HealthSync`` or ``MetricsSync``."""
        return await self.request("sync", retry=True, sync_type=sync_type)

    async def create_payment(self: Asks, payment_id: str, amount_sats: int, recipient: str, **fields: Any) -> Answer:
        """``payment_created``: expect a payment; ``fields`` are the others of the protocol's ``create_payment``."""
        named: dict[str, Any] = {"payment_id": payment_id, "amount_sats": amount_sats, "recipient": recipient}
        return await self.request("create_payment", retry=True, **named, **fields)

    async def get_payment(self: Asks, payment_id: str) -> Answer:
        """``payment``: how an expected payment stands."""
        return await self.request("get_payment", retry=True, payment_id=payment_id)

    def list_payments(self) -> AsyncIterator[Answer]:
        """All payments that this client expects, however many: ``async for payment in client.list_payments()``."""
        return _pages(self, "list_payments", "payments")

    def list_wallets(self) -> AsyncIterator[Answer]:
        """All wallets that this client holds, with where they stand: ``async for wallet in client.list_wallets()``."""
        return _pages(self, "list_wallets", "wallets")

    async def get_health(self) -> Answer:
        """``GET /health``, also of a relay that is not well."""
        return await self._get("/health")

    async def get_metrics(self) -> Answer:
        """``GET /metrics``."""
        return await self._get("/metrics")

    async def get_relays(self, status: str | None = None, limit: int | None = None) -> Answer:
        """``GET /relays``: the other relays, of one health if that is named."""
        return await self._get("/relays", status=status, limit=limit)

    async def get_sync_status(self) -> Answer:
        """``GET /sync/status``."""
        return await self._get("/sync/status")

    async def get_sync_history(
        self, limit: int | None = None, since: int | None = None, sync_type: str | None = None
    ) -> Answer:
        """``GET /sync/history``."""
        return await self._get("/sync/history", limit=limit, since=since, sync_type=sync_type)

    async def force_sync(self, sync_types: Sequence[str] = ("StateSync",), target_relays: Sequence[str] = ()) -> Answer:
        """``POST /sync/force``: exchange these now, with all relays or those named; for operators."""
        targets = {"target_relays": target_relays} if target_relays else {}
        answer: Answer = await self._rest.call("POST", "/sync/force", {"sync_types": sync_types, **targets})
        return answer

    async def _get(self, path: str, **query: Any) -> Answer:
        answer: Answer = await self._rest.call("GET", path, **query)
        return answer


async def _pages(client: Calls, kind: str, field: str) -> AsyncIterator[Answer]:
    cursor: dict[str, Any] = {}
    while True:
        page = await client.request(kind, retry=True, **cursor)
        for item in page[field]:
            yield item
        if page.get("cursor") is None:
            return
        cursor = {"cursor": page["cursor"]}
