"""The client of relays for programs that run on Twisted: ``from sdkrelay.client import Client``; see ``docs/client.md``."""

from __future__ import annotations

from .client import Client
from .connection import Connection, connect
from .errors import ClientError, Closed, Insecure, NotConnected, RelayError, TimedOut
from .identity import identity_of
from .options import Options
from .relay import Relay
from .scan import Scan
from .state import FileState, State
from .trust import Trust

__all__ = [
    "Client",
    "ClientError",
    "Closed",
    "Connection",
    "FileState",
    "Insecure",
    "NotConnected",
    "Options",
    "Relay",
    "RelayError",
    "Scan",
    "State",
    "TimedOut",
    "Trust",
    "connect",
    "identity_of",
]
