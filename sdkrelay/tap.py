"""twistd's way in: the options of ``twistd sdkrelay``, and the service made from them.

Secrets are never options: they would be seen in the list of processes. They come from files or the environment.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from twisted.application.service import IService
from twisted.python import usage

from .command import CommandLine, this_command
from .config.fault import ConfigurationError
from .config.model import Config
from .levels import Levels
from .logs import LoggedService, make_observer, open_log
from .origin import Origin
from .preflight import tell, try_out
from .settings import Settings, load_settings

#: Which key each option sets.
OPTION_KEYS = {
    "network": "network",
    "data-dir": "data_dir",
    "ws": "ws_url",
    "http": "http_url",
    "bitcoin-url": "bitcoin_core.url",
    "bitcoin-cookie": "bitcoin_core.cookie_path",
    "bitcoin-zmq": "bitcoin_core.zmq_url",
    "mesh-token-file": "mesh.token_file",
}


class Options(usage.Options):
    """The options; ``settings`` holds what they, the environment and the file amount to."""

    synopsis = "[options]"
    longdesc = (
        "Follows a bitcoind and tells wallets of their silent payments. Every option has a key in the configuration file, "
        "which `sdkrelay config` prints with its documentation."
    )
    optFlags: ClassVar[list[list[Any]]] = [
        ["check", None, "Read the settings, try what they need, print every problem, and exit with 0 or 1."],
    ]
    optParameters: ClassVar[list[list[Any]]] = [
        ["config", "c", None, "The TOML file with the settings (else $SDKRELAY_CONFIG, else defaults)."],
        ["network", None, None, "main, test, testnet4, signet or regtest; must be the node's."],
        ["data-dir", "d", None, "Folder of the database and the key file."],
        ["ws", None, None, "Where WebSocket clients connect, host:port."],
        ["http", None, None, "Where the REST interface listens, host:port."],
        ["bitcoin-url", None, None, "bitcoind's RPC and REST address, without user and password."],
        ["bitcoin-cookie", None, None, "bitcoind's cookie file."],
        ["bitcoin-zmq", None, None, "bitcoind's ZMQ address; several separated by commas."],
        ["mesh-token-file", None, None, "The file with the token that all relays of a mesh share."],
    ]
    settings: Config
    loaded: Settings
    command: CommandLine
    levels: Levels

    def __init__(self) -> None:
        super().__init__()
        self.peers: list[str] = []

    def opt_peer(self, address: str) -> None:
        """Another relay to join, as ws://host:port; may be given several times."""
        self.peers.append(address)

    def postOptions(self) -> None:
        """Read the settings; what is wrong with them ends the process before it becomes a daemon."""
        given = {key: self[option] for option, key in OPTION_KEYS.items() if self[option] is not None}
        if self.peers:
            given["mesh.peers"] = ",".join(self.peers)
        try:
            self.loaded = load_settings(self["config"], given)
        except ConfigurationError as error:
            raise SystemExit(tell(error.faults)) from error
        self.settings = self.loaded.config
        self.levels = Levels(self.settings.logging, self.settings.dev_mode)
        twistd: Mapping[str, Any] = self.parent or {}
        self.command = this_command(twistd.get("pidfile"))
        for warning in self.loaded.sources.warnings:
            sys.stderr.write(f"warning: {self['config']}: {warning}\n")
        if self["check"]:
            raise SystemExit(tell(try_out(self.settings)))


def makeService(options: Options) -> IService:
    """The relay as one service, from the settings read, and with their log unless twistd was told to use syslog."""
    from .build import make_service  # after twistd has chosen the reactor

    origin = Origin(options.loaded.sources, options.loaded.kept, options.command, options.levels)
    return with_log(options, make_service(options.settings, origin))


def with_log(options: Options, relay: IService) -> IService:
    """The service with the log of the settings: in twistd's file, or on the terminal in the foreground."""
    twistd: Mapping[str, Any] = options.parent or {}
    if twistd.get("syslog"):
        return relay
    file = open_log(options.settings.logging, twistd.get("logfile"), bool(twistd.get("nodaemon", True)))
    logged = LoggedService(make_observer(options.settings.logging, file, options.levels))
    relay.setServiceParent(logged)
    return logged
