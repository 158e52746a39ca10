"""The commands of the bus: the requests of the catalog that a client may make, by the names they have there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...messages.bus.names import AUTOCONNECT
from ...messages.bus.registry import Entry, write_registry
from ...messages.message import Request
from ...messages.native.encryption import EncryptedMessage
from ...messages.native.session import Authenticate, Handshake
from ...messages.rest.archive import ExportData, ImportData
from ...messages.rest.sync import ForceSync, GetSyncHistory, GetSyncStatus
from ...messages.schema import fields_of, plain, without

NAMESPACE = "relay"
#: The bus opens conversations its own way, and has no place for documents as large as an archive.
ELSEWHERE = frozenset({Handshake, EncryptedMessage, ExportData, ImportData})
#: Names that do not follow from the wire's.
NAMES: Mapping[type[Request], str] = {
    ForceSync: "sync.force",
    GetSyncStatus: "sync.status",
    GetSyncHistory: "sync.history",
}

#: What the bus has of its own: the name, what it does, and what it takes.
DISCONNECT, BROADCAST, AUTH = "disconnect", "broadcast", "auth"
_OWN = {
    AUTOCONNECT: "Say which event connection is yours: its token comes with the answer, there and nowhere else.",
    DISCONNECT: "Say goodbye; the connections are yours to close.",
    BROADCAST: "Publish `msg` (an envelope, of which `data` is taken) under `topic` to all clients.",
}


def command_name(request: type[Request]) -> str:
    """A request's command: ``get_health`` is ``relay.health``, ``scan_request`` is ``relay.scan``."""
    name = NAMES.get(request) or request.wire_name().removeprefix("get_").removesuffix("_request")
    return f"{NAMESPACE}.{name}"


class Commands:
    """The commands by name. ValueError for two of one name."""

    def __init__(self, requests: Iterable[type[Request]], version: str, broadcast: bool = False) -> None:
        offered = [request for request in requests if request not in ELSEWHERE]
        self._requests: dict[str, type[Request]] = {
            AUTH: Authenticate,
            **{command_name(request): request for request in offered},
        }
        if len(self._requests) != len(offered) + 1:
            raise ValueError("two commands of the bus have the same name")
        self._version = version
        self._own = {name: about for name, about in _OWN.items() if broadcast or name != BROADCAST}

    def __getitem__(self, name: str) -> type[Request]:
        """The request that a command makes. KeyError where there is none."""
        return self._requests[name]

    def registry(self) -> dict[str, Any]:
        """All commands as clients are told of them, by name."""
        entries = [Entry(name=name, desc=about) for name, about in self._own.items()]
        return write_registry([*entries, *(self._entry(name, request) for name, request in self._requests.items())])

    def _entry(self, name: str, request: type[Request]) -> Entry:
        fields, _ = fields_of(request)
        properties = without(fields, "id")["properties"]
        required = [field for field in fields.get("required", ()) if field in properties]
        optional = [field for field in properties if field not in required]
        return Entry(
            name=name,
            desc=f"{plain(request.__doc__)}\n\nAccess {request.ACCESS}, cost {request.COST}.",
            info={"name": "sdkrelay", "version": self._version, "hot": False},
            options={"params": {"required": required, "optional": optional}},
            parallel=True,
        )
