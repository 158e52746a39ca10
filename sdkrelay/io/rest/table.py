"""Which endpoints there are: one row each, and nothing else to write for a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from ...messages.message import Reply, Request
from ...messages.native.wallets import ListWallets
from ...messages.rest.access import GetSecure, IssueToken, RevokeToken
from ...messages.rest.admin import GetAdminStatus
from ...messages.rest.alerts import GetAlerts
from ...messages.rest.archive import ExportData, ImportData
from ...messages.rest.config import GetConfig, PutConfig, Restart
from ...messages.rest.description import GetOpenApi
from ...messages.rest.logs import GetLogs
from ...messages.rest.metrics import GetBusinessMetrics, GetMetrics, GetSystemMetrics
from ...messages.rest.node import GetBitcoinBlock, GetBitcoinInfo, GetHealth, Health
from ...messages.rest.payments import GetPayments
from ...messages.rest.relays import AddRelay, GetRelay, GetRelays, RemoveRelay
from ...messages.rest.sync import ForceSync, GetSyncHistory, GetSyncStatus


def _always_ok(reply: Reply) -> int:
    return 200


def _created(reply: Reply) -> int:
    return 201


def _health_status(reply: Reply) -> int:
    return 503 if isinstance(reply, Health) and reply.status == "unhealthy" else 200


@frozen
class Row:
    """An endpoint: its method, its path (with ``<field>`` for fields of the request), and the request it becomes.

    Query parameters are further fields, and so are the members of a JSON body where the method has one; what there may be of
    them, and which are required, says the request's class; ``whole`` names the one field that is the whole body. ``wallet``
    says that an ``X-Wallet-Token`` is needed; ``status`` chooses the HTTP status of a reply, one of ``statuses``. ``forms`` are
    the values of the request's field ``format`` by media type, from which the client's ``Accept`` header chooses where the
    query does not. ``headers`` are those that become fields, by name; ``document`` names the field that is the body, read piece
    by piece; without ``timed`` an answer takes as long as it takes.
    """

    method: str
    path: str
    request: type[Request]
    wallet: bool = False
    status: Callable[[Reply], int] = _always_ok
    statuses: tuple[int, ...] = (200,)
    whole: str = ""
    forms: Mapping[str, str] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict)
    document: str = ""
    timed: bool = True

    @property
    def in_path(self) -> tuple[str, ...]:
        """The fields that stand in the path, in their order."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("<"))

    @property
    def takes_body(self) -> bool:
        """Whether a body is read; that of any other method is ignored."""
        return self.method in ("POST", "PUT", "PATCH")


#: What a client may accept of the metrics, the default first.
METRICS_FORMS = {"application/json": "json", "text/plain": "text", "application/openmetrics-text": "openmetrics"}

#: What wallets are sealed by on their way to another relay.
PASSPHRASE = {"X-Export-Passphrase": "passphrase"}

ROWS: tuple[Row, ...] = (
    Row("GET", "/health", GetHealth, status=_health_status, statuses=(200, 503)),
    Row("GET", "/metrics", GetMetrics, forms=METRICS_FORMS),
    Row("GET", "/metrics/system", GetSystemMetrics),
    Row("GET", "/metrics/business", GetBusinessMetrics),
    Row("GET", "/logs", GetLogs),
    Row("GET", "/admin/status", GetAdminStatus),
    Row("GET", "/alerts", GetAlerts),
    Row("GET", "/bitcoin/info", GetBitcoinInfo),
    Row("GET", "/bitcoin/blocks/<block_hash>", GetBitcoinBlock),
    Row("GET", "/wallets", ListWallets, wallet=True),
    Row("GET", "/payments", GetPayments),
    Row("GET", "/export/data", ExportData, headers=PASSPHRASE, timed=False),
    Row("POST", "/import/data", ImportData, headers=PASSPHRASE, document="document", timed=False),
    Row("POST", "/auth/token", IssueToken),
    Row("POST", "/auth/revoke", RevokeToken),
    Row("GET", "/secure/endpoint", GetSecure),
    Row("GET", "/relays", GetRelays),
    Row("POST", "/relays/add", AddRelay, status=_created, statuses=(201,)),
    Row("GET", "/relays/<relay_id>", GetRelay),
    Row("DELETE", "/relays/<relay_id>", RemoveRelay),
    Row("GET", "/sync/status", GetSyncStatus),
    Row("POST", "/sync/force", ForceSync),
    Row("GET", "/sync/history", GetSyncHistory),
    Row("GET", "/config", GetConfig),
    Row("PUT", "/config", PutConfig, whole="settings"),
    Row("POST", "/restart", Restart),
    Row("GET", "/openapi.json", GetOpenApi),
)
