"""All messages of the native protocol, named one by one: adding a class without naming it here fails a test."""

from __future__ import annotations

from ..message import Message, Request
from .alerts import Alert, AlertConfig
from .condition import HealthMessage, MetricsMessage
from .config import CacheConfig, ConfigUpdated, FallbackConfig, PoolConfig, RetryConfig
from .encryption import EncryptedMessage
from .payments import CreatePayment, GetPayment, ListPayments, Payment, PaymentCreated, Payments, PaymentUpdate
from .relays import (
    ConflictDetected,
    Discovery,
    DiscoveryResponse,
    Sync,
    SyncAck,
    SyncMessage,
    SyncPush,
    SyncResponse,
)
from .scan import ScanCancel, ScanProgress, ScanRequest, ScanResponse
from .session import Authenticate, Authenticated, Error, Handshake, HandshakeResponse, Ping, Pong
from .subscription import (
    BlockNotification,
    Notification,
    Subscribe,
    SubscribeResponse,
    Unsubscribe,
    UnsubscribeResponse,
)
from .wallets import (
    ListWallets,
    RegisterWallet,
    UnregisterWallet,
    WalletRegistered,
    Wallets,
    WalletUnregistered,
)

#: What clients may ask.
REQUESTS: tuple[type[Request], ...] = (
    Handshake,
    Authenticate,
    Ping,
    EncryptedMessage,
    Discovery,
    Sync,
    SyncMessage,
    Subscribe,
    Unsubscribe,
    RegisterWallet,
    UnregisterWallet,
    ListWallets,
    ScanRequest,
    ScanCancel,
    CreatePayment,
    GetPayment,
    ListPayments,
    RetryConfig,
    PoolConfig,
    CacheConfig,
    FallbackConfig,
    AlertConfig,
)

#: What the relay says.
REPLIES: tuple[type[Message], ...] = (
    HandshakeResponse,
    Authenticated,
    Pong,
    SubscribeResponse,
    UnsubscribeResponse,
    WalletRegistered,
    WalletUnregistered,
    Wallets,
    ScanProgress,
    ScanResponse,
    PaymentCreated,
    Payment,
    Payments,
    PaymentUpdate,
    Notification,
    BlockNotification,
    DiscoveryResponse,
    SyncResponse,
    SyncPush,
    SyncAck,
    ConflictDetected,
    ConfigUpdated,
    Alert,
    HealthMessage,
    MetricsMessage,
    Error,
)
