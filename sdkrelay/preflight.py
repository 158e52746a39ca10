"""Everything that can be tried before a start, so that an operator sees all that is missing in one run of ``--check``.

It is synchronous and short on purpose: it runs before there is a reactor, and leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .config.address import Address, parse_address
from .config.check import listening
from .config.fault import Fault
from .config.model import BitcoinCore, Config
from .crypto import pem
from .mesh_token import TokenFileError, read_token
from .node_probe import ChainFigures, ask_node

T = TypeVar("T")

#: Seconds to wait for the node, and for each ZMQ address.
PATIENCE = 5.0


def try_out(config: Config) -> list[Fault]:
    """What would hinder these settings now: folders, key file, ports, node. The settings must be resolved and sound."""
    tries: list[Callable[[Config], Iterator[Fault]]] = [
        _folders,
        _master_key,
        _mesh,
        _nostr,
        _tls,
        _ports,
        _node,
        _feed,
    ]
    return [fault for attempt in tries for fault in attempt(config)]


def tell(faults: list[Fault]) -> int:
    """Print every fault to standard error, or that there is none; the exit status that says the same."""
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    if not faults:
        sys.stdout.write("The settings are sound and everything they need is there.\n")
    return 1 if faults else 0


def _folders(config: Config) -> Iterator[Fault]:
    """The data folder, and the database's, are writable or can be made."""
    if Path(config.data_dir).is_file() or not _can_write(Path(config.data_dir)):
        yield Fault("data_dir", f"{config.data_dir} is no folder that can be written to")
    file = config.database.url.removeprefix("sqlite:///")
    if file != config.database.url and not _can_write(Path(file)):
        yield Fault("database.url", f"{file} cannot be written to")


def _can_write(path: Path) -> bool:
    """Whether the path takes writes; one that is not there yet, whether the nearest folder above it does."""
    if path.is_file():
        return os.access(path, os.W_OK)
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _master_key(config: Config) -> Iterator[Fault]:
    """A file that is named is there; whichever key is there, only its owner can read it."""
    named = config.auth.master_key_file
    path = Path(named or f"{config.data_dir}/master.key")
    if not path.exists():
        if named:
            yield Fault("auth.master_key_file", f"{path} is not there; a file that is named is never made")
    elif not (path.is_file() and os.access(path, os.R_OK)):
        yield Fault("auth.master_key_file", f"{path} cannot be read")
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield Fault("auth.master_key_file", f"{path} can be read by others: chmod 600")


def _mesh(config: Config) -> Iterator[Fault]:
    """The token's file can be read by its owner alone and holds a token; the authorities are some."""
    mesh = config.mesh
    if mesh.token_file:
        try:
            read_token(Path(mesh.token_file))
        except TokenFileError as error:
            yield Fault("mesh.token_file", str(error))
    if mesh.ca_file:
        yield from filter(None, (_parsed("mesh.ca_file", mesh.ca_file, pem.certificates)[1],))


def _nostr(config: Config) -> Iterator[Fault]:
    """The events' database can be written, and the operator's judge of events can be run."""
    nostr = config.nostr
    file = nostr.database.removeprefix("sqlite:///")
    if nostr.enabled and file != nostr.database and not _can_write(Path(file)):
        yield Fault("nostr.database", f"{file} cannot be written to")
    for program in nostr.write_policy[:1]:
        if nostr.enabled and not (Path(program).is_file() and os.access(program, os.X_OK)):
            yield Fault("nostr.write_policy", f"{program} is no program that can be run")


def _tls(config: Config) -> Iterator[Fault]:
    """The certificate, its key and the clients' authorities can be read, and go together."""
    files = config.tls
    if files.certificate:
        chain, fault = _parsed("tls.certificate", files.certificate, pem.certificates)
        key, key_fault = _parsed("tls.key", files.key, pem.private_key)
        authorities_fault = _parsed("tls.client_ca", files.client_ca, pem.certificates)[1] if files.client_ca else None
        yield from filter(None, (fault, key_fault, authorities_fault))
        if chain and key:
            yield from _pair(files.key, chain[0], key)


def _pair(path: str, certificate: Any, key: Any) -> Iterator[Fault]:
    try:
        pem.check_pair(certificate, key)
    except ValueError as error:
        yield Fault("tls.key", f"{path} {error}")
    if stat.S_IMODE(Path(path).stat().st_mode) & 0o007:
        yield Fault("tls.key", f"{path} can be read by everybody: chmod 600")


def _parsed(key: str, path: str, parse: Callable[[bytes], T]) -> tuple[T | None, Fault | None]:
    """What is in a file, or what is wrong with it."""
    try:
        return parse(Path(path).read_bytes()), None
    except OSError as error:
        return None, Fault(key, f"{path} cannot be read ({error.strerror})")
    except ValueError as error:
        return None, Fault(key, f"{path} {error}")


def _ports(config: Config) -> Iterator[Fault]:
    for key, text in listening(config).items():
        address = parse_address(text)
        why = _cannot_listen(address) if address else None
        if why:
            yield Fault(key, f"cannot listen on {text}: {why}")


def _cannot_listen(address: Address) -> str | None:
    """Why the address cannot be listened on, None if it can."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address.host, address.port))
            listener.listen(1)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        return "the port is taken (is the relay running already?)" if taken else error.strerror or str(error)
    return None


def _node(config: Config) -> Iterator[Fault]:
    """The credentials can be read, the node answers, and it is on our network with the blocks that are needed."""
    node = config.bitcoin_core
    if node.cookie_path and not os.access(node.cookie_path, os.R_OK):
        yield Fault("bitcoin_core.cookie_path", f"{node.cookie_path} cannot be read (is bitcoind running?)")
        return
    answer = ask_node(node.url, _credentials(node), PATIENCE)
    if answer.refused:
        yield Fault("bitcoin_core.cookie_path" if node.cookie_path else "bitcoin_core.password", answer.reason)
    elif answer.chain is None:
        yield Fault("bitcoin_core.url", answer.reason)
    else:
        yield from _fits(config, answer.chain)


def _credentials(node: BitcoinCore) -> str:
    """``user:password`` for the node."""
    if node.cookie_path:
        return Path(node.cookie_path).read_text(encoding="utf-8", errors="replace").strip()
    return f"{node.user}:{node.password}"


def _fits(config: Config, chain: ChainFigures) -> Iterator[Fault]:
    if chain.chain != config.network:
        yield Fault("network", f"is {config.network}, but the node is on {chain.chain[:20]}")
    if chain.pruneheight > config.start_height:
        why = f"is {config.start_height}, but the node has pruned all below {chain.pruneheight}"
        yield Fault("sync.start_height", why)


def _feed(config: Config) -> Iterator[Fault]:
    """Something accepts connections where bitcoind is said to publish."""
    for address in config.bitcoin_core.zmq_url:
        parts = urlsplit(address)
        if parts.scheme != "tcp":
            continue
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), PATIENCE).close()
        except OSError as error:
            yield Fault("bitcoin_core.zmq_url", f"nothing answers at {address}: {error.strerror or error}")
