"""What making the tweaks of a block costs beside its elliptic-curve work alone: 1,134 eligible transactions.

Run ``python bench/index_elliptic.py`` (``--quick`` for fewer rounds). The curve's part is called with everything prepared:
the keys found in the inputs, and the hashes. Median CPU time; parsing and storing have their own benches.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from timing import say, side_by_side

from sdkrelay.crypto.inputs import SpentInput, TweakComputer, input_hash, input_public_key
from sdkrelay.crypto.secp256k1 import (
    UNCOMPRESSED,
    add,
    context,
    ec_combine,
    ec_multiply,
    ec_parse,
    ec_serialize,
    ffi,
)
from tests.conformance.bip352_random import Generator

ELIGIBLE = 1_134


def elliptic_only(transactions: Sequence[Sequence[SpentInput]]) -> Callable[[], None]:
    """A function that does nothing but the curve's part of the tweaks of these eligible transactions."""
    prepared = []
    for inputs in transactions:
        keys = [key for key in map(input_public_key, inputs) if key]
        prepared.append((keys, input_hash(min(spent.outpoint for spent in inputs), add(keys))))
    slots = [ffi.new("secp256k1_pubkey *") for _ in range(max(len(keys) for keys, _ in prepared))]
    pointers, total = ffi.new("secp256k1_pubkey *[]", slots), ffi.new("secp256k1_pubkey *")
    output, size = ffi.new("unsigned char[65]"), ffi.new("size_t *", 65)

    def run() -> None:
        for keys, factor in prepared:
            for slot, key in zip(slots, keys, strict=False):
                ec_parse(context, slot, key, 33)
            ec_combine(context, total, pointers, len(keys))
            ec_multiply(context, total, factor)
            ec_serialize(context, output, size, total, UNCOMPRESSED)

    return run


def eligible_transactions(count: int) -> list[list[SpentInput]]:
    """Random inputs of that many transactions, of every kind, all of which have a tweak."""
    generator, computer = Generator(random.Random(1134)), TweakComputer()
    made: list[list[SpentInput]] = []
    while len(made) < count:
        inputs: list[SpentInput] = list(generator.inputs().spent)
        if computer.tweak(inputs) is not None:
            made.append(inputs)
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    quick = parser.parse_args().quick
    transactions = eligible_transactions(ELIGIBLE)
    computer = TweakComputer()
    curve = elliptic_only(transactions)
    spent = side_by_side({"tweaks": lambda: computer.tweaks_of(transactions), "curve": curve}, 7 if quick else 31)
    inputs = sum(map(len, transactions))
    say(
        f"{ELIGIBLE} transactions, {inputs} inputs: {1000 * spent['tweaks']:.1f} ms, curve alone {1000 * spent['curve']:.1f} ms"
    )
    say(
        f"tweaks against the curve alone: {spent['tweaks'] / spent['curve']:.3f} (the whole of indexing has a goal of 1.4)"
    )


if __name__ == "__main__":
    main()
