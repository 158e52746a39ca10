"""Which binding to libsecp256k1 is fastest at what scanning does: raw cffi and objects of two packages, side by side.

Run ``python bench/binding.py`` (``--quick`` for fewer rounds). Each row: parse, multiply, serialize, hash, create, combine,
serialize. Median CPU time. The choice is explained in ``sdkrelay/crypto/secp256k1.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import btclib_secp256k1
import coincurve
from btclib_secp256k1 import context as btclib_context
from btclib_secp256k1 import keys as btclib_keys
from coincurve import _libsecp256k1 as coincurve_native
from coincurve.context import GLOBAL_CONTEXT
from timing import say, side_by_side

ROWS = 256
SECRET, SPEND_SECRET = b"\x11" * 32, b"\x22" * 32
STATE = hashlib.sha256(hashlib.sha256(b"BIP0352/SharedSecret").digest() * 2)


def first_tweak(shared_secret: bytes) -> bytes:
    """The tweak of the first output."""
    state = STATE.copy()
    state.update(shared_secret + bytes(4))
    return state.digest()


def raw(ffi: Any, lib: Any, context: Any, tweaks: list[bytes]) -> Callable[[], list[bytes]]:
    """The rows by the C functions themselves, with one set of buffers."""
    point, tweak, total, spend = (ffi.new("secp256k1_pubkey *") for _ in range(4))
    pair, key, size = (
        ffi.new("secp256k1_pubkey *[2]", [tweak, spend]),
        ffi.new("unsigned char[33]"),
        ffi.new("size_t *", 33),
    )
    read, write, multiply = (
        lib.secp256k1_ec_pubkey_parse,
        lib.secp256k1_ec_pubkey_serialize,
        lib.secp256k1_ec_pubkey_tweak_mul,
    )
    create, combine, key_bytes = lib.secp256k1_ec_pubkey_create, lib.secp256k1_ec_pubkey_combine, ffi.buffer(key)

    def run() -> list[bytes]:
        create(context, spend, SPEND_SECRET)  # named here, the point stays alive behind the pointer in the pair
        made = []
        for row in tweaks:
            read(context, point, row, 65)
            multiply(context, point, SECRET)
            write(context, key, size, point, 258)
            create(context, tweak, first_tweak(key_bytes[:]))
            combine(context, total, pair, 2)
            write(context, key, size, total, 258)
            made.append(key_bytes[:])
        return made

    return run


def coincurve_objects(tweaks: list[bytes]) -> list[bytes]:
    """The rows by coincurve's classes."""
    spend, made = coincurve.PublicKey.from_secret(SPEND_SECRET), []
    for row in tweaks:
        tweak = first_tweak(coincurve.PublicKey(row).multiply(SECRET).format())
        made.append(coincurve.PublicKey.combine_keys([coincurve.PublicKey.from_secret(tweak), spend]).format())
    return made


def btclib_functions(tweaks: list[bytes]) -> list[bytes]:
    """The rows by btclib's functions on bytes."""
    spend, made = btclib_keys.pubkey_from_prvkey(SPEND_SECRET), []
    for row in tweaks:
        tweak = first_tweak(btclib_keys.pubkey_tweak_mul(row, SECRET))
        made.append(btclib_keys.pubkey_combine([btclib_keys.pubkey_from_prvkey(tweak), spend]))
    return made


def main() -> None:
    """Check that all make the same keys, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    quick = parser.parse_args().quick
    source = random.Random(1)
    tweaks = [btclib_keys.pubkey_from_prvkey(source.randbytes(31) + b"\x01", compressed=False) for _ in range(ROWS)]
    variants: dict[str, Callable[[], list[bytes]]] = {
        "btclib-secp256k1, raw": raw(btclib_secp256k1.ffi, btclib_secp256k1.lib, btclib_context.ctx, tweaks),
        "btclib-secp256k1, functions": lambda: btclib_functions(tweaks),
        "coincurve, raw": raw(coincurve_native.ffi, coincurve_native.lib, GLOBAL_CONTEXT.ctx, tweaks),
        "coincurve, objects": lambda: coincurve_objects(tweaks),
    }
    assert len({b"".join(run()) for run in variants.values()}) == 1
    spent = side_by_side(variants, 9 if quick else 41)
    best = min(spent.values())
    for name, seconds in spent.items():
        say(f"{name}: {1e6 * seconds / ROWS:.1f} µs a row, {seconds / best:.2f} times the best")


if __name__ == "__main__":
    main()
