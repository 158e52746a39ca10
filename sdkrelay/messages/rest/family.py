"""The requests that only HTTP knows, named one by one; its table may also name requests of the native family."""

from __future__ import annotations

from ..message import Request
from .access import GetSecure, IssueToken, RevokeToken
from .admin import GetAdminStatus
from .alerts import GetAlerts
from .archive import ExportData, ImportData
from .config import GetConfig, PutConfig, Restart
from .description import GetOpenApi
from .logs import GetLogs
from .metrics import GetBusinessMetrics, GetMetrics, GetSystemMetrics
from .node import GetBitcoinBlock, GetBitcoinInfo, GetHealth
from .payments import GetPayments
from .relays import AddRelay, GetRelay, GetRelays, RemoveRelay
from .sync import ForceSync, GetSyncHistory, GetSyncStatus

#: What HTTP clients may ask beside the native requests.
REQUESTS: tuple[type[Request], ...] = (
    GetHealth,
    GetMetrics,
    GetSystemMetrics,
    GetBusinessMetrics,
    GetLogs,
    GetAdminStatus,
    GetAlerts,
    GetBitcoinInfo,
    GetBitcoinBlock,
    IssueToken,
    RevokeToken,
    GetSecure,
    GetRelays,
    GetRelay,
    AddRelay,
    RemoveRelay,
    GetSyncStatus,
    ForceSync,
    GetSyncHistory,
    GetPayments,
    ExportData,
    ImportData,
    GetConfig,
    PutConfig,
    Restart,
    GetOpenApi,
)
