"""Bech32m (BIP350) for strings longer than segwit's 90 characters, as silent payment addresses are.

Words are integers from 0 to 31. Decoding says what is wrong, for the message a user sees.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

_CONSTANT = 0x2BC830A3
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_VALUES = {character: value for value, character in enumerate(ALPHABET)}


def encode(prefix: str, words: Sequence[int]) -> str:
    """The lower-case string for a human-readable prefix and words; ValueError for a prefix or words out of range."""
    _check_prefix(prefix)
    if prefix != prefix.lower():
        raise ValueError("the prefix must be in lower case")
    if not all(0 <= word < 32 for word in words):
        raise ValueError("words are from 0 to 31")
    remainder = _remainder([*_expand(prefix), *words, *([0] * 6)]) ^ _CONSTANT
    checksum = [remainder >> 5 * (5 - place) & 31 for place in range(6)]
    return prefix + "1" + "".join(ALPHABET[word] for word in (*words, *checksum))


def decode(text: str, limit: int) -> tuple[str, list[int]]:
    """Prefix (lower case) and words, checksum removed, of a string of at most ``limit`` characters; ValueError says why not."""
    if len(text) > limit:
        raise ValueError(f"longer than {limit} characters")
    if text != text.lower() and text != text.upper():
        raise ValueError("upper and lower case are mixed")
    prefix, separator, data = text.lower().rpartition("1")
    if not separator:
        raise ValueError("there is no separator 1")
    _check_prefix(prefix)
    if len(data) < 6:
        raise ValueError("too short for a checksum")
    if not all(character in _VALUES for character in data):
        raise ValueError("a character that bech32m does not have")
    words = [_VALUES[character] for character in data]
    if _remainder([*_expand(prefix), *words]) != _CONSTANT:
        raise ValueError("the checksum is wrong")
    return prefix, words[:-6]


def to_words(data: bytes) -> list[int]:
    """Bytes as words of five bits, the last one filled with zero bits."""
    bits = 8 * len(data)
    count = -(-bits // 5)
    number = int.from_bytes(data, "big") << (5 * count - bits)
    return [number >> 5 * (count - 1 - place) & 31 for place in range(count)]


def from_words(words: Sequence[int]) -> bytes:
    """The bytes that words make; ValueError unless what is left over is less than a word, and zero."""
    number = 0
    for word in words:
        number = number << 5 | word
    size, spare = divmod(5 * len(words), 8)
    if spare > 4 or number & ((1 << spare) - 1):
        raise ValueError("the padding is wrong")
    return (number >> spare).to_bytes(size, "big")


def _check_prefix(prefix: str) -> None:
    if not 1 <= len(prefix) <= 83 or not all("!" <= character <= "~" for character in prefix):
        raise ValueError("the prefix must be 1 to 83 visible ASCII characters")


def _expand(prefix: str) -> list[int]:
    return [ord(character) >> 5 for character in prefix] + [0] + [ord(character) & 31 for character in prefix]


def _remainder(words: Iterable[int]) -> int:
    remainder = 1
    for word in words:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ word
        for place, generator in enumerate(_GENERATORS):
            if top >> place & 1:
                remainder ^= generator
    return remainder
