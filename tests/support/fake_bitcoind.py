"""A bitcoind made of Python, as far as the relay asks one, with every fault a real one shows only now and then.

``tests/conformance/test_node.py`` holds it to what the real one does.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from klein import Klein
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.protocols.policies import WrappingFactory
from twisted.web.server import Request, Site

from sdkrelay.domain.chain import TxOut, display, from_display

from .blocks import Spending, Written, WrittenBlock, coinbase, p2tr

_encoder = msgspec.json.Encoder(decimal_format="number")
START_TIME = 1_700_000_000


class Refusal(Exception):
    """A JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class FakeBitcoind:
    """One node: a chain, the blocks that left it, a mempool, and a ``fault`` that takes over every answer while it is set."""

    app = Klein()

    def __init__(self) -> None:
        self.network = "regtest"
        self.rest = True
        self.pruned_below = 0
        self.downloading = False
        self.loaded = True
        self.secret = b"__cookie__:first"
        self.fault: Callable[[Request], Any] | None = None
        self.questions: list[str] = []
        self.chain: list[WrittenBlock] = []
        self.known: dict[str, WrittenBlock] = {}
        self.mempool: dict[str, Written] = {}
        self.mine()
        self._port: IListeningPort | None = None

    def listen(self, port: int = 0) -> str:
        """Serve on the loopback interface; the URL."""
        self._sockets = WrappingFactory(Site(self.app.resource()))
        self._port = reactor.listenTCP(port, self._sockets, interface="127.0.0.1")  # type: ignore[attr-defined]
        return f"http://127.0.0.1:{self._port.getHost().port}"

    @property
    def sockets(self) -> int:
        """How many connections are open to it."""
        return len(self._sockets.protocols)

    def drop(self) -> Callable[[], bool]:
        """Close all connections to it, as a node does with those that are idle; tells whether they are gone."""
        dropped = set(self._sockets.protocols)
        for connection in dropped:
            connection.loseConnection()
        return lambda: not dropped & set(self._sockets.protocols)

    def only(self, method: str, fault: Callable[[Request], Any]) -> None:
        """Let a fault take over the questions that name this method, and no others."""

        def answer(request: Request) -> Any:
            assert request.content is not None
            body = request.content.read()
            request.content.seek(0)
            if method.encode() in body:
                return fault(request)
            self.fault, kept = None, self.fault
            try:
                return self.rpc(request)
            finally:
                self.fault = kept

        self.fault = answer

    async def close(self) -> None:
        """Stop serving."""
        port, self._port = self._port, None
        if port is not None:
            await port.stopListening()  # type: ignore[misc]

    # What happens at the node.

    def mine(self, tag: bytes = b"") -> WrittenBlock:
        """A block with the whole mempool on top of the chain."""
        height = len(self.chain)
        paid = coinbase(height, [TxOut(5_000_000_000, p2tr(bytes([1]) * 32))], tag)
        previous = self.chain[-1].hash if self.chain else bytes(32)
        block = WrittenBlock(height, previous, START_TIME + 600 * height, (paid, *self.mempool.values()))
        self.mempool.clear()
        self.chain.append(block)
        self.known[display(block.hash)] = block
        return block

    def disconnect(self) -> None:
        """Take the highest block off the chain; its transactions are forgotten."""
        self.chain.pop()

    def pay(self, parent: Written, vout: int = 0) -> Written:
        """A mempool transaction that spends an output and pays taproot."""
        spent = parent.outputs[vout]
        spending = Spending(parent.outpoint(vout), spent, b"", (bytes(64),))
        written = Written((spending,), (TxOut(spent.value - 1000, p2tr(bytes([2]) * 32)),))
        self.mempool[display(written.txid)] = written
        return written

    # What it answers.

    @app.route("/", methods=["POST"])
    def rpc(self, request: Request) -> Any:
        """JSON-RPC, one question or a batch."""
        if self.fault is not None:
            return self.fault(request)
        if request.getHeader("Authorization") != "Basic " + b64encode(self.secret).decode():
            request.setResponseCode(401)
            return b""
        request.setHeader("Content-Type", "application/json")
        question = msgspec.json.decode(request.content.read())  # type: ignore[union-attr]
        if isinstance(question, list):
            return _encoder.encode([self._reply(each) for each in question])
        return _encoder.encode(self._reply(question))

    @app.route("/rest/<kind>/<name>", methods=["GET"])
    def binary(self, request: Request, kind: str, name: str) -> Any:
        """``/rest/block`` and ``/rest/spenttxouts``."""
        if self.fault is not None:
            return self.fault(request)
        name = name.removesuffix(".bin")
        if not self.rest or kind not in ("block", "spenttxouts"):
            request.setResponseCode(404)
            return b""
        if name not in self.known:
            request.setResponseCode(404)
            return name.encode() + b" not found\r\n"
        return self.known[name].raw if kind == "block" else self.known[name].undo

    def _reply(self, question: dict[str, Any]) -> dict[str, Any]:
        self.questions.append(question["method"])
        answer: Callable[..., Any] | None = getattr(self, f"_{question['method']}", None)
        try:
            if answer is None:
                raise Refusal(-32601, "Method not found")
            return {"jsonrpc": "2.0", "id": question["id"], "result": answer(*question["params"])}
        except Refusal as refusal:
            error = {"code": refusal.code, "message": refusal.message}
            return {"jsonrpc": "2.0", "id": question["id"], "error": error}

    def _getblockchaininfo(self) -> dict[str, Any]:
        tip = len(self.chain) - 1
        pruning = {"pruneheight": self.pruned_below} if self.pruned_below else {}
        return {
            "chain": self.network,
            "blocks": tip,
            "headers": tip,
            "bestblockhash": display(self.chain[-1].hash),
            "initialblockdownload": self.downloading,
            "pruned": bool(self.pruned_below),
            **pruning,
        }

    def _getnetworkinfo(self) -> dict[str, Any]:
        return {"version": 290400, "subversion": "/Fake:1/", "connections": 0}

    def _getmempoolinfo(self) -> dict[str, Any]:
        return {"loaded": self.loaded, "size": len(self.mempool)}

    def _getblockcount(self) -> int:
        return len(self.chain) - 1

    def _getblockhash(self, height: int) -> str:
        if not 0 <= height < len(self.chain):
            raise Refusal(-8, "Block height out of range")
        return display(self.chain[height].hash)

    def _getblockheader(self, name: str, verbose: bool = True) -> Any:
        block = self._block(name)
        if not verbose:
            return block.raw[:80].hex()
        earlier = sorted(START_TIME + 600 * at for at in range(max(0, block.height - 10), block.height + 1))
        return {"hash": name, "height": block.height, "time": block.time, "mediantime": earlier[len(earlier) // 2]}

    def _getblock(self, name: str, verbosity: int) -> dict[str, Any]:
        block = self._block(name)
        if block.height < self.pruned_below:
            raise Refusal(-1, "Block not available (pruned data)")
        transactions = [_verbose(each) if verbosity == 3 else display(each.txid) for each in block.transactions]
        return {"hash": name, "height": block.height, "nTx": len(transactions), "tx": transactions}

    def _getrawmempool(self) -> list[str]:
        return list(self.mempool)

    def _getrawtransaction(self, name: str, verbose: bool) -> str:
        if name not in self.mempool:
            raise Refusal(-5, "No such mempool transaction. Use -txindex")
        return self.mempool[name].raw.hex()

    def _gettxout(self, name: str, vout: int, include_mempool: bool) -> dict[str, Any] | None:
        outpoint = from_display(name) + vout.to_bytes(4, "little")
        confirmed = [each for block in self.chain for each in block.transactions]
        if any(spending.outpoint == outpoint for each in confirmed for spending in each.inputs):
            return None
        for each in confirmed:
            if display(each.txid) == name and vout < len(each.outputs):
                return _output(each.outputs[vout])
        return None

    def _block(self, name: str) -> WrittenBlock:
        if name not in self.known:
            raise Refusal(-5, "Block not found")
        return self.known[name]


def _verbose(transaction: Written) -> dict[str, Any]:
    spent = [
        {"coinbase": each.script_sig.hex()} if each.prevout is None else {"txid": "", "prevout": _output(each.prevout)}
        for each in transaction.inputs
    ]
    return {"txid": display(transaction.txid), "hex": transaction.raw.hex(), "vin": spent}


def _output(output: TxOut) -> dict[str, Any]:
    return {"value": Decimal(output.value) / 10**8, "scriptPubKey": {"hex": output.script.hex()}}


# Faults: what a fake answers to everything while one of them is set.


def warming_up(request: Request) -> bytes:
    """The node reads its block index."""
    request.setResponseCode(500)
    return b'{"result":null,"error":{"code":-28,"message":"Loading block index\\u2026"},"id":0}'


def status(code: int, body: bytes = b"") -> Callable[[Request], bytes]:
    """Only an HTTP status."""

    def answer(request: Request) -> bytes:
        request.setResponseCode(code)
        return body

    return answer


def body(content: bytes) -> Callable[[Request], bytes]:
    """Something with status 200."""
    return lambda request: content


def hang(request: Request) -> Deferred[None]:
    """Never answers."""
    return Deferred()


def hang_in_body(request: Request) -> Deferred[None]:
    """Begins to answer and stops."""
    request.setHeader("Content-Length", "1000")
    request.write(b'{"result":')
    return Deferred()


def half_a_body(request: Request) -> Deferred[None]:
    """Begins to answer and drops the connection."""
    request.setHeader("Content-Length", "1000")
    request.write(b'{"result":')
    request.transport.loseConnection()  # type: ignore[union-attr]
    return Deferred()


def huge(request: Request) -> Deferred[None]:
    """Announces more than memory holds."""
    request.setHeader("Content-Length", str(2**40))
    request.write(b"{")
    return Deferred()
