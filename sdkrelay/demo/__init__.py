"""``sdkrelay demo``: a private chain, a relay, and a wallet that is paid and told of it, on a machine that has nothing.

It has no private way into the relay: it is a client like any other. Everything it makes lies in one folder and is gone at
the end, unless the folder was named.
"""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread

from ..client import Connection, connect
from ..crypto.silent import public_key
from ..io.bitcoind.obtain import NotObtained, default_cache, find_bitcoind
from ..io.bitcoind.process import NodeFailed, RegtestNode, free_port
from ..io.world import SystemEntropy
from .payer import Payer
from .relay import RelayFailed, RelayProcess

#: What the wallet is paid first.
AMOUNT = 250_000
#: Blocks until a coinbase can be spent, and one more.
FIRST_BLOCKS = 101


def main(arguments: Sequence[str]) -> int:
    """Run the demonstration; the exit status."""
    options = _options(arguments)
    try:
        with ExitStack() as endings:
            _run(options, endings)
    except (NotObtained, NodeFailed, RelayFailed) as error:
        say(f"The demonstration cannot go on: {error}")
        return 1
    except KeyboardInterrupt:
        return 0
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else 0
    return 0


def say(text: str = "") -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _options(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser("sdkrelay demo", description="A private chain and a relay that tells you of a payment.")
    parser.add_argument("--once", action="store_true", help="end after the first confirmation")
    parser.add_argument("--folder", type=Path, help="keep chain and relay in this folder (else a temporary one)")
    parser.add_argument("--ws-port", type=int, default=8090, help="WebSocket port (default 8090)")
    parser.add_argument("--http-port", type=int, default=8091, help="HTTP port (default 8091)")
    parser.add_argument("--block-every", type=float, default=30.0, metavar="SECONDS", help="a block now and then")
    return parser.parse_args(arguments)


def _run(options: Namespace, endings: ExitStack) -> None:
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sdkrelay-demo-"))
    if options.folder is None:
        endings.callback(shutil.rmtree, folder, ignore_errors=True)
    node = RegtestNode(find_bitcoind(default_cache(), say), folder / "bitcoind")
    say("Starting bitcoind on a private chain (regtest)")
    node.start()
    endings.callback(node.stop)
    payer = Payer(node, SystemEntropy().bytes(32))
    say(f"Mining {FIRST_BLOCKS} blocks, so that there is something to spend")
    payer.mine(FIRST_BLOCKS)
    ports = [_free(options.ws_port, "WebSocket"), _free(options.http_port, "HTTP")]
    relay = RelayProcess(folder / "relay", node, ws_port=ports[0], http_port=ports[1])
    say(f"Starting the relay (its log: {relay.log_path})")
    relay.start()
    endings.callback(relay.stop)
    react(lambda reactor: Deferred.fromCoroutine(_show(reactor, options, relay, payer)))


def _free(port: int, purpose: str) -> int:
    """The port, or another one where it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            other = free_port()
            say(f"Port {port} is taken: {purpose} is on {other}")
            return other
    return port


async def _show(reactor: Any, options: Namespace, relay: RelayProcess, payer: Payer) -> None:
    """Register a wallet, pay it, and show what the relay tells."""
    connection = await connect(reactor, relay.ws_url, client_id="demo", capabilities=["silent_payments"])
    entropy = SystemEntropy()
    wallet = await connection.request(
        "register_wallet",
        scan_private_key=entropy.bytes(32).hex(),
        spend_public_key=public_key(entropy.bytes(32)).hex(),
    )
    say()
    say(f"A wallet is registered: {wallet['address']}")
    txid = await deferToThread(payer.pay, [(wallet["address"], AMOUNT)])
    say(f"Paid it {AMOUNT} sat by a silent payment, transaction {txid}")
    _tell(await _await_kind(connection, "payment_detected"))
    say("Mining a block")
    await deferToThread(payer.mine)
    _tell(await _await_kind(connection, "payment_confirmed"))
    _tell_urls(relay, wallet)
    if not options.once:
        await _go_on(reactor, options, connection, payer, wallet["address"])


async def _await_kind(connection: Connection, kind: str) -> dict[str, Any]:
    while True:
        message = await connection.next()
        if message.get("notification_type") == kind:
            return message


def _tell(message: dict[str, Any]) -> None:
    data = message["data"]
    if message["notification_type"].startswith("payment"):
        place = f"in block {data['block_height']}" if data["block_height"] is not None else "in the mempool"
        say(f"  told: {message['notification_type']}, {data['amount']} BTC {place}, position {message['position']}")
    else:
        say(f"  told: {message['notification_type']}, height {data['block_height']}")


def _tell_urls(relay: RelayProcess, wallet: dict[str, Any]) -> None:
    say()
    say(f"The relay goes on: WebSocket {relay.ws_url}, HTTP {relay.http_url}. Try:")
    say(f"  curl {relay.http_url}/health")
    say(f"  curl {relay.http_url}/bitcoin/info")
    say(f"  curl -H 'X-Wallet-Token: {wallet['wallet_token']}' {relay.http_url}/wallets")
    say()


async def _go_on(reactor: Any, options: Namespace, connection: Connection, payer: Payer, address: str) -> None:
    """A payment and a block now and then, until Ctrl-C."""
    say(f"A payment and a block come every {options.block_every:g} seconds. Ctrl-C ends it all.")
    while True:
        await deferLater(reactor, options.block_every / 2, lambda: None)
        await deferToThread(payer.pay, [(address, AMOUNT // 10)])
        _tell(await _await_kind(connection, "payment_detected"))
        await deferLater(reactor, options.block_every / 2, lambda: None)
        await deferToThread(payer.mine)
        _tell(await _await_kind(connection, "payment_confirmed"))
