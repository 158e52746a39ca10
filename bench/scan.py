"""How fast packed rows are scanned for one wallet, beside a plain C loop and straightforward coincurve code.

Run ``python bench/scan.py`` (``--quick`` for a few seconds). Rows have two taproot outputs each, one row in sixteen pays
the wallet, and all variants do the same work: the key without a label and the one for change. They must find the same.
Medians of CPU time; two threads against one by wall clock, which needs two free cores.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import _btclib_secp256k1  # type: ignore[import-not-found]
import coincurve
from timing import say, side_by_side, verdict

from sdkrelay.crypto.secp256k1 import ORDER, context, ffi
from sdkrelay.crypto.silent import Scanner, decompress, labelled_spend_key, public_key

OUTPUTS = 2
FUNCTIONS = ("ec_pubkey_parse", "ec_pubkey_serialize", "ec_pubkey_tweak_mul", "ec_pubkey_create", "ec_pubkey_combine")


class Rows:
    """Packed rows for one wallet, with every sixteenth paying it, in turn without a label and to change."""

    def __init__(self, count: int, seed: int = 352) -> None:
        self.random = random.Random(seed)
        self.scan_secret, spend_secret = self.secret(), self.secret()
        self.spend_key = public_key(spend_secret)
        self.spend_keys = [self.spend_key, labelled_spend_key(self.scan_secret, self.spend_key, 0)]
        self.tweaks = b"".join(decompress(public_key(self.secret())) for _ in range(count))
        self.counts = struct.pack("<I", OUTPUTS) * count
        self.expected = list(range(0, count, 16))
        prefixes = bytearray(self.random.randbytes(8 * OUTPUTS * count))
        for row in self.expected:
            prefixes[8 * OUTPUTS * row + 8 : 8 * OUTPUTS * row + 16] = self.paying_prefix(row)
        self.prefixes = bytes(prefixes)
        self.count = count

    def secret(self) -> bytes:
        """A random secret key."""
        return self.random.randrange(1, ORDER).to_bytes(32, "big")

    def paying_prefix(self, row: int) -> bytes:
        """The first 8 bytes of an output that pays the wallet, by coincurve."""
        tweak = coincurve.PublicKey(b"\x04" + self.tweaks[64 * row : 64 * row + 64])
        output = output_tweak(tweak.multiply(self.scan_secret).format())
        spend = coincurve.PublicKey(self.spend_keys[row // 16 % 2])
        return spend.add(output).format()[1:9]


TAG = hashlib.sha256(b"BIP0352/SharedSecret").digest() * 2


def output_tweak(shared_secret: bytes) -> bytes:
    """The tweak of the first output."""
    return hashlib.sha256(TAG + shared_secret + bytes(4)).digest()


def with_coincurve(rows: Rows, first_key: Callable[[coincurve.PublicKey, bytes], coincurve.PublicKey]) -> list[int]:
    """The scan in coincurve's objects; ``first_key`` makes P from the spend key and its tweak."""
    spend, change = (coincurve.PublicKey(key) for key in rows.spend_keys)
    found = []
    for row in range(rows.count):
        tweak = coincurve.PublicKey(b"\x04" + rows.tweaks[64 * row : 64 * row + 64])
        factor = output_tweak(tweak.multiply(rows.scan_secret).format())
        start = 8 * OUTPUTS * row
        prefixes = {rows.prefixes[at : at + 8] for at in range(start, start + 8 * OUTPUTS, 8)}
        if first_key(spend, factor).format()[1:9] in prefixes or first_key(change, factor).format()[1:9] in prefixes:
            found.append(row)
    return found


def plain_c(rows: Rows, folder: str) -> Callable[[], list[int]] | None:
    """The C loop as a function, on the very functions our binding calls; None without a compiler."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    target, source = Path(folder, "scan.so"), Path(__file__).with_name("scan.c")
    if not target.exists():
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(target), str(source)], check=True)
    scan = ctypes.CDLL(str(target)).scan
    scan.restype = ctypes.c_long
    curve = ctypes.CDLL(_btclib_secp256k1.__file__)
    names = [f"secp256k1_{name}" for name in (*FUNCTIONS, "tagged_sha256")]
    pointers = [ctypes.cast(getattr(curve, name), ctypes.c_void_p) for name in names]
    library = (ctypes.c_void_p * 7)(int(ffi.cast("uintptr_t", context)), *pointers)
    hits = (ctypes.c_uint32 * rows.count)()
    spend_keys = b"".join(rows.spend_keys)

    def run() -> list[int]:
        found = scan(
            library, rows.scan_secret, spend_keys, ctypes.c_size_t(len(rows.spend_keys)), ctypes.c_size_t(rows.count),
            rows.tweaks, rows.counts, rows.prefixes, hits,
        )  # fmt: skip
        return list(hits[:found])

    return run


def beside(jobs: list[Callable[[], object]]) -> None:
    """Run each job in a thread of its own, until all have ended."""
    workers = [threading.Thread(target=job) for job in jobs]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def scanning(rows: Rows) -> Callable[[], object]:
    """A job: all rows, with a scanner of its own."""
    return lambda: Scanner(rows.scan_secret, rows.spend_key).hits(rows.tweaks, rows.counts, rows.prefixes)


def threads(rounds: int, loop: Callable[[Rows], Callable[[], object] | None]) -> None:
    """Print how much faster two threads are than one; the C loop, which holds no lock, shows what the machine has to give."""
    whole, halves = Rows(8192), [Rows(4096), Rows(4096, seed=353)]
    variants: dict[str, Callable[[], object]] = {
        "1": lambda: beside([scanning(whole)]),
        "2": lambda: beside([scanning(half) for half in halves]),
    }
    loops = [made for made in map(loop, (whole, *halves)) if made is not None]
    if loops:
        variants |= {"C 1": lambda: beside(loops[:1]), "C 2": lambda: beside(loops[1:])}
    wall = side_by_side(variants, rounds, time.perf_counter)
    if loops:
        say(f"two threads against one, plain C: {wall['C 1'] / wall['C 2']:.3f} (what the machine has to give now)")
    verdict(f"two threads against one (wall clock, {os.cpu_count()} cores)", wall["1"] / wall["2"], 1.8)


def main() -> None:
    """Check that all find the same, measure, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds")
    quick = parser.parse_args().quick
    rows, rounds = Rows(256 if quick else 512), 9 if quick else 41
    scanner = Scanner(rows.scan_secret, rows.spend_key)
    variants: dict[str, Callable[[], list[int]]] = {
        "ours": lambda: scanner.hits(rows.tweaks, rows.counts, rows.prefixes),
        "coincurve, multiply and add": lambda: with_coincurve(rows, coincurve.PublicKey.add),
        "coincurve, from_secret and combine_keys": lambda: with_coincurve(
            rows, lambda key, factor: coincurve.PublicKey.combine_keys([coincurve.PublicKey.from_secret(factor), key])
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        loop = plain_c(rows, folder)
        if loop is not None:
            variants["plain C"] = loop
        for name, run in variants.items():
            assert run() == rows.expected, name
        report(rows, side_by_side(variants, rounds))
        threads(5 if quick else 15, lambda part: plain_c(part, folder))


def report(rows: Rows, spent: dict[str, float]) -> None:
    """Print what one row costs in each variant, and the ratios that have goals."""
    for name, seconds in spent.items():
        say(f"{name}: {1e6 * seconds / rows.count:.1f} µs a row, {rows.count / seconds:,.0f} rows/s")
    if "plain C" in spent:
        verdict("speed against plain C", spent["plain C"] / spent["ours"], 0.95)
    else:
        say("speed against plain C: no compiler here")
    verdict("speed against straightforward coincurve", spent["coincurve, multiply and add"] / spent["ours"], 1.25)
    say(
        f"speed against the best of its objects: {spent['coincurve, from_secret and combine_keys'] / spent['ours']:.3f}"
    )


if __name__ == "__main__":
    main()
