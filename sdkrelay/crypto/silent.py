"""Silent payments (BIP352 1.1.1), the receiver's side: finding what transactions pay to a scan and a spend key.

Every possible output key is computed and looked up, instead of subtracting from every output: a transaction with
tens of thousands of outputs then costs no more than what it really pays. The rest of BIP352 (inputs, addresses,
labels, sending) has its own modules and is offered here too.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, count, pairwise
from itertools import compress as select
from typing import Any

from attrs import frozen

from .address import Address, decode_address, encode_address, labelled_address
from .derivation import (
    CHANGE_LABEL,
    K_MAX,
    MAX_LABELS,
    add_tweaks,
    check_labels,
    check_scan_secret,
    check_spend_key,
    label_tweak,
    labelled_spend_key,
    shared_secret_state,
    tweak_at,
)
from .inputs import SpentInput, TweakComputer, input_public_key, spends_unknown_segwit, transaction_tweak
from .rows import BATCH, Rows
from .secp256k1 import (
    COMPRESSED,
    compress,
    context,
    decompress,
    ec_combine,
    ec_create,
    ec_multiply,
    ec_parse,
    ec_serialize,
    ffi,
    parse,
    public_key,
)
from .sending import PrivateInput, create_outputs, private_input

__all__ = [
    "CHANGE_LABEL",
    "K_MAX",
    "MAX_LABELS",
    "Address",
    "Found",
    "PrivateInput",
    "Scanner",
    "SpentInput",
    "TweakComputer",
    "check_labels",
    "check_scan_secret",
    "check_spend_key",
    "compress",
    "create_outputs",
    "decode_address",
    "decompress",
    "encode_address",
    "input_public_key",
    "label_tweak",
    "labelled_address",
    "labelled_spend_key",
    "private_input",
    "public_key",
    "spends_unknown_segwit",
    "transaction_tweak",
]


@frozen
class Found:
    """An output that pays the wallet: its index among the keys given, k, the label (0 change, None without one).

    ``output_tweak`` (32 bytes: t_k plus the label's) is what the wallet adds to its spend secret. ``ambiguous``: the same
    key stands twice in the transaction, or this k is met under two labels, so that wallets may differ in what they see.
    """

    index: int
    k: int
    label: int | None
    output_tweak: bytes
    ambiguous: bool


class Scanner:
    """One wallet's keys made ready, with native buffers of its own: make one per job, never share it between threads.

    ``labels`` are 1 … 2³²-1, at most 100; change is implied. ValueError, which never shows the secret, for keys or labels
    out of range.
    """

    def __init__(self, scan_secret: bytes, spend_key: bytes, labels: Sequence[int] = ()) -> None:
        check_scan_secret(scan_secret)
        check_spend_key(spend_key)
        check_labels(labels)
        self._secret = ffi.new("unsigned char[32]", scan_secret)
        self._label_tweaks = {
            label: label_tweak(scan_secret, label) for label in dict.fromkeys((CHANGE_LABEL, *labels))
        }
        self._labels: list[int | None] = [None, *self._label_tweaks]
        labelled = [labelled_spend_key(scan_secret, spend_key, label) for label in self._label_tweaks]
        self._spend_points = [parse(key) for key in (spend_key, *labelled)]
        self._make_buffers()

    def _make_buffers(self) -> None:
        self._point = ffi.new("secp256k1_pubkey *")
        self._tweak_point = ffi.new("secp256k1_pubkey *")
        self._output_point = ffi.new("secp256k1_pubkey *")
        self._pairs = [ffi.new("secp256k1_pubkey *[2]", [self._tweak_point, point]) for point in self._spend_points]
        self._uncompressed = ffi.new("unsigned char[65]", b"\x04")
        self._shared = ffi.new("unsigned char[33]")
        self._key = ffi.new("unsigned char[33]")
        self._size = ffi.new("size_t *", 33)
        self._tweak_bytes = ffi.buffer(self._uncompressed)
        self._shared_bytes = ffi.buffer(self._shared)
        self._key_bytes = ffi.buffer(self._key)

    @cached_property
    def _rows(self) -> Rows:
        """Made when first asked for: a job that only looks into transactions needs no batches."""
        return Rows(self._secret, self._spend_points)

    def hits(self, tweaks: bytes, counts: bytes, prefixes: bytes) -> list[int]:
        """The rows that may pay the wallet, ascending: an output begins with the 8 bytes that one of its keys for k = 0 has.

        ``tweaks`` is 64 bytes x ‖ y a row, ``counts`` u32 LE a row, ``prefixes`` 8 bytes an output, in order. ValueError if
        their lengths disagree or a tweak is not on the curve.
        """
        ends = _row_ends(tweaks, counts, prefixes)
        own = [prefixes[start:end] for start, end in pairwise([0, *ends])]
        found: set[int] = set()
        for first in range(0, len(own), BATCH):
            for keys in self._rows.first_prefixes(tweaks[64 * first : 64 * (first + BATCH)]):
                matches = map(_begins_one, keys, own[first : first + BATCH])
                found.update(select(count(first), matches))
        return sorted(found)

    def outputs(self, tweak: bytes, keys: Sequence[bytes]) -> list[Found]:
        """Everything a transaction pays to the wallet, by k, then label, then index (BIP352, "Scanning").

        ``tweak`` is 64 bytes x ‖ y, ``keys`` the 32 bytes of *all* its taproot outputs, in order, spent and dust included.
        ValueError for a tweak that is not on the curve.
        """
        indexes: dict[bytes, list[int]] = {}
        for index, key in enumerate(keys):
            indexes.setdefault(key, []).append(index)
        state = shared_secret_state(self.shared_secret(tweak))
        found: list[Found] = []
        for k in range(K_MAX):
            hits = self._found_at(k, tweak_at(state, k), indexes)
            if not hits:
                break
            found += hits
        return found

    def shared_secret(self, tweak: bytes) -> bytes:
        """The scan secret times T, 33 bytes, of a tweak of 64 bytes x ‖ y; ValueError if that is not on the curve."""
        self._tweak_bytes[1:65] = tweak
        if not ec_parse(context, self._point, self._uncompressed, 65):
            raise ValueError("the tweak is not a point of the curve")
        ec_multiply(context, self._point, self._secret)
        ec_serialize(context, self._shared, self._size, self._point, COMPRESSED)
        secret: bytes = self._shared_bytes[:]
        return secret

    def _output_key(self, pair: Any) -> bytes:
        """The x-only key of the sum of two points; of no output at all if that is infinity."""
        if not ec_combine(context, self._output_point, pair, 2):
            return b""
        ec_serialize(context, self._key, self._size, self._output_point, COMPRESSED)
        key: bytes = self._key_bytes[1:33]
        return key

    def _found_at(self, k: int, tweak: bytes, indexes: dict[bytes, list[int]]) -> list[Found]:
        """What is found for one k, without and with each label; none for a tweak out of range."""
        if not ec_create(context, self._tweak_point, tweak):
            return []
        matches = [
            (index, label)
            for label, pair in zip(self._labels, self._pairs, strict=True)
            for index in indexes.get(self._output_key(pair), ())
        ]
        return [Found(index, k, label, self._output_tweak(tweak, label), len(matches) > 1) for index, label in matches]

    def _output_tweak(self, tweak: bytes, label: int | None) -> bytes:
        return tweak if label is None else add_tweaks(tweak, self._label_tweaks[label])


def _row_ends(tweaks: bytes, counts: bytes, prefixes: bytes) -> list[int]:
    """Where the prefixes of each row end; ValueError unless the three columns fit together."""
    if len(tweaks) % 64 or len(counts) * 16 != len(tweaks):
        raise ValueError("a row has 64 bytes of tweak and 4 bytes of count")
    ends = [8 * total for total in accumulate(struct.unpack(f"<{len(counts) // 4}I", counts))]
    if len(prefixes) != (ends[-1] if ends else 0):
        raise ValueError("the prefixes are not 8 bytes for every output counted")
    return ends


def _begins_one(prefix: bytes, prefixes: bytes) -> bool:
    """Whether one of the 8-byte prefixes is this one; what lies across two does not count."""
    return prefix in prefixes and any(prefixes.startswith(prefix, start) for start in range(0, len(prefixes), 8))
