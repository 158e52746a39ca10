"""A full block made of nothing, and how long parsing it takes: 2,500 transactions, 1,134 of them with a taproot output.

Its keys are on the curve and its scripts hold their hashes, so that all 1,134 are eligible and cost what real ones cost.
"""

from __future__ import annotations

import random
import statistics
import sys
import time

from sdkrelay.crypto.secp256k1 import public_key
from sdkrelay.messages.bitcoin.block import decode_block
from tests.support.blocks import WrittenBlock, random_block

TRANSACTIONS = 2_500
ELIGIBLE = 1_134


def full_block(seed: int = 1) -> WrittenBlock:
    """The block every bench uses."""
    return random_block(seed, TRANSACTIONS, ELIGIBLE, key_of=_real_key)


def _real_key(source: random.Random) -> bytes:
    return public_key(source.randbytes(32))


def main(rounds: int = 40) -> None:
    """Print the median CPU time of parsing the block."""
    block = full_block()
    times = []
    for _ in range(rounds):
        start = time.thread_time()
        parsed = decode_block(block.raw, block.undo)
        times.append(time.thread_time() - start)
    inputs = sum(len(each.inputs) for each in block.transactions)
    outputs = sum(len(each.outputs) for each in block.transactions)
    sys.stdout.write(
        f"{len(block.raw)} bytes, {parsed.transaction_count} transactions, {inputs} inputs, {outputs} outputs, "
        f"{len(parsed.transactions)} to taproot, {len(parsed.spends)} spends: "
        f"median {statistics.median(times) * 1000:.2f} ms, best {min(times) * 1000:.2f} ms\n"
    )


if __name__ == "__main__":
    main()
