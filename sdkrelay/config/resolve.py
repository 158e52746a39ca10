"""What was left empty, filled in from the network, the environment and the home folder, all passed in."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import asdict, replace

from ..domain.chain import Network
from .guarding import Tls
from .model import BitcoinCore, Config, Database

#: bitcoind's usual RPC port, and the folder below its data folder, by network.
RPC_PORT = {
    Network.MAIN: 8332,
    Network.TEST: 18332,
    Network.TESTNET4: 48332,
    Network.SIGNET: 38332,
    Network.REGTEST: 18443,
}
CHAIN_FOLDER = {
    Network.MAIN: "",
    Network.TEST: "testnet3/",
    Network.TESTNET4: "testnet4/",
    Network.SIGNET: "signet/",
    Network.REGTEST: "regtest/",
}


def expand_home(path: str, home: str) -> str:
    """The path with a leading ``~/`` replaced by the home folder."""
    return f"{home}/{path[2:]}" if path.startswith("~/") else path


def default_data_dir(environment: Mapping[str, str], home: str) -> str:
    """systemd's state folder (the first, if it lists several), else the user's own."""
    return environment.get("STATE_DIRECTORY", "").partition(":")[0] or f"{home}/.local/share/sdkrelay"


def default_cookie_path(network: Network, home: str) -> str:
    """Where bitcoind keeps its cookie when nothing else was said to it."""
    return f"{home}/.bitcoin/{CHAIN_FOLDER[network]}.cookie"


def _node(node: BitcoinCore, network: Network, home: str) -> BitcoinCore:
    """Address and cookie; no cookie where there is a user."""
    cookie = expand_home(node.cookie_path, home)
    if not cookie and not node.user:
        cookie = default_cookie_path(network, home)
    return replace(node, url=node.url or f"http://127.0.0.1:{RPC_PORT[network]}", cookie_path=cookie)


def resolve(config: Config, environment: Mapping[str, str], home: str) -> Config:
    """The settings with every default put in that depends on the machine.

    ``relay_id`` and ``auth.master_key_file`` stay empty when not set: both are made once, by who keeps them.
    """
    data_dir = expand_home(config.data_dir, home) or default_data_dir(environment, home)
    return replace(
        config,
        data_dir=data_dir,
        bitcoin_core=_node(config.bitcoin_core, config.network, home),
        database=Database(url=config.database.url or f"sqlite:///{data_dir}/sdkrelay.sqlite"),
        auth=replace(config.auth, master_key_file=expand_home(config.auth.master_key_file, home)),
        mesh=replace(
            config.mesh,
            token_file=expand_home(config.mesh.token_file, home),
            ca_file=expand_home(config.mesh.ca_file, home),
        ),
        tls=Tls(**{name: expand_home(path, home) for name, path in asdict(config.tls).items()}),
    )
