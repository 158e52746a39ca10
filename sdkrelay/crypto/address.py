"""Silent payment addresses (BIP352, "Address encoding"): a scan key and a spend key in bech32m."""

from __future__ import annotations

from attrs import frozen

from . import bech32m
from .derivation import check_spend_key, labelled_spend_key
from .secp256k1 import is_point, public_key

#: The human-readable prefix on mainnet, and the one on every other network.
MAIN_PREFIX = "sp"
TEST_PREFIX = "tsp"

#: Longer strings are refused; bech32m's checksum is good for so many characters.
MAX_CHARACTERS = 1023

_VERSION = 0
_RESERVED_VERSION = 31
_PAYLOAD = 66


@frozen
class Address:
    """Whom to pay: the prefix of the network, and two 33-byte keys; the spend key may carry a label."""

    hrp: str
    scan_key: bytes
    spend_key: bytes

    def __str__(self) -> str:
        return encode_address(self.scan_key, self.spend_key, self.hrp)


def encode_address(scan_key: bytes, spend_key: bytes, network_hrp: str) -> str:
    """The version 0 address of two 33-byte keys; ValueError for keys off the curve or a prefix that is not sp or tsp."""
    _check_prefix(network_hrp)
    _check_scan_key(scan_key)
    check_spend_key(spend_key)
    return bech32m.encode(network_hrp, [_VERSION, *bech32m.to_words(scan_key + spend_key)])


def labelled_address(scan_secret: bytes, spend_key: bytes, label: int, network_hrp: str) -> str:
    """The address that pays to a label of the wallet; ValueError for label 0, which is change and never announced."""
    if not label:
        raise ValueError("label 0 is for change and has no address to announce")
    return encode_address(public_key(scan_secret), labelled_spend_key(scan_secret, spend_key, label), network_hrp)


def decode_address(text: str) -> Address:
    """The address a string stands for; ValueError says what is wrong with it.

    Version 0 holds exactly 66 bytes; of versions 1 to 30, made later, the first 66 are used; 31 cannot be understood.
    """
    try:
        prefix, words = bech32m.decode(text, MAX_CHARACTERS)
        _check_prefix(prefix)
        payload = _payload(words)
        _check_scan_key(payload[:33])
        check_spend_key(payload[33:])
    except ValueError as problem:
        raise ValueError(f"not a silent payment address: {problem}") from None
    return Address(prefix, payload[:33], payload[33:])


def _payload(words: list[int]) -> bytes:
    """The 66 bytes of the two keys from version and data."""
    if not words:
        raise ValueError("there is no version")
    version, payload = words[0], bech32m.from_words(words[1:])
    if version == _RESERVED_VERSION:
        raise ValueError("version 31 is not backward compatible")
    if len(payload) < _PAYLOAD:
        raise ValueError("shorter than two keys")
    if version == _VERSION and len(payload) != _PAYLOAD:
        raise ValueError("longer than the two keys of version 0")
    return payload[:_PAYLOAD]


def _check_prefix(prefix: str) -> None:
    if prefix not in (MAIN_PREFIX, TEST_PREFIX):
        raise ValueError(f"the prefix must be {MAIN_PREFIX} or {TEST_PREFIX}")


def _check_scan_key(scan_key: bytes) -> None:
    if not is_point(scan_key):
        raise ValueError("the scan key must be 33 bytes, a compressed point of the curve")
