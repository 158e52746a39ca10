"""Expected payments over HTTP."""

from __future__ import annotations

from typing import Any, ClassVar

from ...domain.access import Access
from ..message import Request
from ..values import PageCursor, PageLimit


class GetPayments(Request, frozen=True, kw_only=True, tag="get_payments"):
    """The payments to the wallet of the ``X-Wallet-Token``, or all of them for an operator who gives none; paged."""

    ACCESS: ClassVar[Access] = Access.GREETED
    COST: ClassVar[int] = 5
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_payments", "limit": 100}

    limit: PageLimit = 100
    cursor: PageCursor | None = None
