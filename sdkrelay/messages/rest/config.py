"""The settings over HTTP: shown to everybody who may read, changed and acted on by operators."""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, UnsetType

from ...domain.access import Access
from ..message import Reply, Request

#: One section of the settings: its keys with their values.
Section = dict[str, Any]


class GetConfig(Request, frozen=True, kw_only=True, tag="get_config"):
    """The settings in force, the operator's changes included."""

    ACCESS: ClassVar[Access] = Access.READ
    COST: ClassVar[int] = 1
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "get_config"}


class ConfigReport(Reply, frozen=True, kw_only=True, tag="config"):
    """Every section of the settings by its name, without secrets and without credentials inside addresses.

    Paths on the machine and names of users are shown to operators only. ``relay_id`` is the one in use; ``identity_key`` is
    the relay's static encryption key (base64), null where it has none. ``bitcoin_core.zmq_url`` is a string for one address,
    a list for several, null for none.
    """

    relay_id: str
    network: str
    ws_url: str
    http_url: str
    data_dir: str | UnsetType = UNSET
    dev_mode: bool
    standalone: bool
    identity_key: str | None = None
    bitcoin_core: Section
    blindbit: Section
    sync: Section
    relay_info: Section
    database: Section | UnsetType = UNSET
    mesh: Section | UnsetType = UNSET
    retry: Section
    pool: Section
    cache: Section
    fallback: Section
    auth: Section
    tls: Section | UnsetType = UNSET
    limits: Section
    retention: Section
    logging: Section
    nostr: Section | UnsetType = UNSET
    bus: Section | UnsetType = UNSET
    electrum: Section | UnsetType = UNSET
    blindbit_server: Section | UnsetType = UNSET
    alerts: Section | UnsetType = UNSET


class PutConfig(Request, frozen=True, kw_only=True, tag="put_config"):
    """Change some settings: the body has them nested in sections, and only those that change; null takes a change back.

    The whole result is validated first, and every fault told; what can be applied at once is, and all is kept over restarts.
    """

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "put_config",
        "settings": {"sync": {"interval": 60, "health_interval": 120}, "dev_mode": False},
    }

    settings: dict[str, Any]


class ConfigChanged(Reply, frozen=True, kw_only=True, tag="config_changed"):
    """``changes`` lists ``key: old -> new`` (of a secret: ``key: changed``); what waits for a restart is said to."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "config_changed",
        "timestamp": 1703001600,
        "status": "updated",
        "changes": ["sync.interval: 30 -> 60", "sync.health_interval: 60 -> 120"],
        "restart_required": False,
    }

    status: str
    changes: tuple[str, ...]
    restart_required: bool


class Restart(Request, frozen=True, kw_only=True, tag="restart"):
    """Say goodbye to all clients (1012), flush the store, and come back with the same command line."""

    ACCESS: ClassVar[Access] = Access.OPERATOR
    COST: ClassVar[int] = 10
    EXAMPLE: ClassVar[dict[str, Any]] = {"type": "restart"}


class Restarting(Reply, frozen=True, kw_only=True, tag="restarting"):
    """The restart has begun. ``estimated_duration`` is how long the last start of this relay took, in whole seconds, up."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "type": "restarting",
        "timestamp": 1703001600,
        "status": "restarting",
        "estimated_duration": "30s",
        "restart_id": "restart-456",
    }

    status: str
    estimated_duration: str
    restart_id: str
