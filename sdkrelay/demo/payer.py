"""Somebody who pays: keys of their own on a regtest chain, coins from mining, silent payments made by our own sender.

bitcoind signs and broadcasts; what BIP352 asks of a sender is done here. Blocking, like the node it talks to.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from ..crypto.secp256k1 import public_key
from ..crypto.silent import PrivateInput, create_outputs, decode_address
from ..domain.chain import from_display
from ..io.bitcoind.process import RegtestNode

#: Satoshi left to the miner of a payment.
FEE = 1_000
#: A coinbase can be spent after so many blocks.
MATURITY = 100
_COIN = 100_000_000
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def wallet_import_format(secret: bytes) -> str:
    """A secret in the form that bitcoind takes on test networks, for a compressed key."""
    payload = b"\xef" + secret + b"\x01"
    number = int.from_bytes(payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4], "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    return text


@frozen
class Coin:
    """An output that the payer can spend; ``taproot``: its key is the output key itself."""

    txid: str
    vout: int
    sats: int
    secret: bytes = field(repr=False)
    taproot: bool = False

    @property
    def outpoint(self) -> bytes:
        """36 bytes, as in a transaction."""
        return from_display(self.txid) + self.vout.to_bytes(4, "little")

    @property
    def private_input(self) -> PrivateInput:
        """The coin as BIP352's sender needs it."""
        return PrivateInput(self.outpoint, self.secret, self.taproot)


class Payer:
    """Mines, and pays from what was mined; ``secret`` is the key of everything it owns."""

    def __init__(self, node: RegtestNode, secret: bytes) -> None:
        self._node = node
        self._secret = secret
        self._key = public_key(secret)
        # A key of its own: with one key for both kinds of input, their sum could be zero (taproot takes it with an even y).
        self._taproot_secret = hashlib.sha256(b"taproot" + secret).digest()
        self.address = self._address(f"wpkh({self._key.hex()})")
        self._mined: deque[tuple[int, Coin]] = deque()
        self._coins: deque[Coin] = deque()

    def mine(self, count: int = 1) -> list[str]:
        """Mine blocks to the payer; their hashes."""
        hashes: list[str] = self._node.call("generatetoaddress", count, self.address)
        for block_hash in hashes:
            block = self._node.call("getblock", block_hash, 2)
            coinbase = block["tx"][0]
            coin = Coin(coinbase["txid"], 0, _sats(coinbase["vout"][0]["value"]), self._secret)
            self._mined.append((block["height"], coin))
        return hashes

    def pay(self, payments: Sequence[tuple[str, int]], taproot_inputs: bool = False, broadcast: bool = True) -> str:
        """Pay satoshi to silent payment addresses in one transaction; its txid, or its hex if it is not broadcast."""
        if taproot_inputs:
            self._to_taproot()
        coins = self._take(sum(sats for _, sats in payments) + FEE)
        keys = create_outputs([coin.private_input for coin in coins], [decode_address(text) for text, _ in payments])
        outputs = [(self._address(f"rawtr({key.hex()})"), sats) for key, (_, sats) in zip(keys, payments, strict=True)]
        return self._send(coins, outputs, broadcast)

    def pay_address(self, address: str, sats: int) -> str:
        """Pay satoshi to an ordinary address; the txid."""
        return self._send(self._take(sats + FEE), [(address, sats)], True)

    def spend(self, coin: Coin) -> str:
        """Spend somebody's coin, whose secret it brings, to the payer; the txid."""
        return self._send([coin], [], True)

    def key_address(self, key: bytes) -> str:
        """The ordinary taproot address of an x-only output key."""
        return self._address(f"rawtr({key.hex()})")

    def _send(self, coins: Sequence[Coin], outputs: Sequence[tuple[str, int]], broadcast: bool) -> str:
        change = sum(coin.sats for coin in coins) - sum(sats for _, sats in outputs) - FEE
        inputs = [{"txid": coin.txid, "vout": coin.vout} for coin in coins]
        paid = [{address: _amount(sats)} for address, sats in [*outputs, (self.address, change)]]
        unsigned = self._node.call("createrawtransaction", inputs, paid)
        signed = self._sign(unsigned, coins)
        if not broadcast:
            return signed
        txid: str = self._node.call("sendrawtransaction", signed)
        self._coins.append(Coin(txid, len(outputs), change, self._secret))
        return txid

    def _sign(self, unsigned: str, coins: Sequence[Coin]) -> str:
        keys = [wallet_import_format(coin.secret) for coin in coins]
        spent = [
            {"txid": coin.txid, "vout": coin.vout, "scriptPubKey": self._script(coin), "amount": _amount(coin.sats)}
            for coin in coins
        ]
        signed: dict[str, Any] = self._node.call("signrawtransactionwithkey", unsigned, keys, spent)
        if not signed["complete"]:
            raise ValueError(f"bitcoind could not sign: {signed.get('errors')}")
        text: str = signed["hex"]
        return text

    def _script(self, coin: Coin) -> str:
        key = public_key(coin.secret)
        address = self._address(f"rawtr({key[1:].hex()})" if coin.taproot else f"wpkh({key.hex()})")
        script: str = self._node.call("validateaddress", address)["scriptPubKey"]
        return script

    def _to_taproot(self) -> None:
        """Move a coin to a taproot output, to be spent next."""
        coins = self._take(1)
        sats = sum(coin.sats for coin in coins) // 2
        key = public_key(self._taproot_secret)
        txid = self._send(coins, [(self.key_address(key[1:]), sats)], True)
        self._coins.appendleft(Coin(txid, 0, sats, self._taproot_secret, taproot=True))

    def _take(self, sats: int) -> list[Coin]:
        """Coins of at least so many satoshi; mines until there are enough."""
        taken: list[Coin] = []
        while sum(coin.sats for coin in taken) <= sats:
            taken.append(self._next_coin())
        return taken

    def _next_coin(self) -> Coin:
        if self._coins:
            return self._coins.popleft()
        height = self._node.call("getblockcount")
        if not self._mined:
            self.mine(1)
        mined_at, coin = self._mined.popleft()
        if height < mined_at + MATURITY:
            self.mine(mined_at + MATURITY - height)
        return coin

    def _address(self, descriptor: str) -> str:
        checked = self._node.call("getdescriptorinfo", descriptor)["descriptor"]
        addresses: list[str] = self._node.call("deriveaddresses", checked)
        return addresses[0]


def _sats(amount: Decimal) -> int:
    return int(amount * _COIN)


def _amount(sats: int) -> str:
    return f"{Decimal(sats) / _COIN:.8f}"
