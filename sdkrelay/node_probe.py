"""One question to bitcoind without a reactor: does it answer, does it let us in, on which chain is it?

The relay itself talks to its node through ``io.bitcoind``; this is for the check before a start only.
"""

from __future__ import annotations

from base64 import b64encode
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import msgspec
from attrs import frozen

#: More than any answer of getblockchaininfo; a server that sends more is no bitcoind.
_LARGEST = 1_000_000
_QUESTION = b'{"jsonrpc":"1.0","id":"check","method":"getblockchaininfo","params":[]}'


class ChainFigures(msgspec.Struct):
    """What is needed of ``getblockchaininfo``: the network's name, and the first block that is not pruned."""

    chain: str
    pruneheight: int = 0


@frozen
class Answer:
    """What the node said: its chain's figures, or None and the reason; ``refused`` when it did not accept who asks."""

    chain: ChainFigures | None
    reason: str = ""
    refused: bool = False


class _Error(msgspec.Struct):
    message: str = ""


class _Reply(msgspec.Struct):
    result: ChainFigures | None = None
    error: _Error | None = None


def ask_node(url: str, credentials: str, patience: float) -> Answer:
    """Ask for ``getblockchaininfo``; ``credentials`` is ``user:password``, ``patience`` seconds. No server makes it raise."""
    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=patience)
    try:
        connection.request("POST", parts.path or "/", _QUESTION, _headers(credentials))
        response = connection.getresponse()
        return _understand(response.status, response.read(_LARGEST))
    except (OSError, HTTPException) as error:
        return Answer(None, f"the node does not answer at {url}: {_why(error)}")
    finally:
        connection.close()


def _headers(credentials: str) -> dict[str, str]:
    token = b64encode(credentials.encode()).decode()
    return {"Authorization": f"Basic {token}", "Content-Type": "application/json"}


def _why(error: OSError | HTTPException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _understand(status: int, body: bytes) -> Answer:
    """bitcoind's own words for a refusal are its HTTP status; a starting node answers with an error that says so."""
    if status == 401:
        return Answer(None, "the node does not accept these credentials", refused=True)
    if status == 403:
        return Answer(None, "the node does not accept calls from this address (see its rpcallowip)")
    try:
        reply = msgspec.json.decode(body, type=_Reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Answer(None, f"what answers is no bitcoind (HTTP status {status})")
    if reply.result is not None:
        return Answer(reply.result)
    return Answer(None, f"the node says: {reply.error.message[:200]}" if reply.error else "the node gave no result")
