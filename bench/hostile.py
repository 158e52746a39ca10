"""How long a transaction made to hurt takes: 23,250 taproot outputs, 2,324 of them to one wallet, which finds 2,323.

Run ``python bench/hostile.py`` (``--quick`` for fewer rounds). Beside it, libsecp256k1's own scan of as many outputs with
only a few paid, since it compares each output for each k; paid outputs stand last, in reverse. Median CPU time.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from btclib_secp256k1 import silentpayments as library
from timing import say, side_by_side, verdict

from sdkrelay.crypto.derivation import shared_secret_state, tweak_at
from sdkrelay.crypto.inputs import input_hash
from sdkrelay.crypto.secp256k1 import ORDER, add, multiply
from sdkrelay.crypto.silent import K_MAX, Address, PrivateInput, Scanner, create_outputs, decompress, public_key

OUTPUTS = 23_250


class Hostile:
    """The transaction's outputs and the wallet's keys; ``strangers`` are points nobody here has the key of."""

    def __init__(self) -> None:
        self.random = random.Random(2323)
        self.scan_secret, self.input_secret = self.secret(), self.secret()
        self.spend_key = public_key(self.secret())
        self.outpoint = self.random.randbytes(36)
        self.summary = library.prevouts_summary(self.outpoint, (), [public_key(self.input_secret)])
        self.strangers = [public_key(self.secret())[1:] for _ in range(OUTPUTS)]

    def secret(self) -> bytes:
        """A random secret key."""
        return self.random.randrange(1, ORDER).to_bytes(32, "big")

    def tweak(self) -> bytes:
        """T, from what the indexer sees: the input key times the input hash."""
        key = public_key(self.input_secret)
        return decompress(multiply(key, input_hash(self.outpoint, key)))

    def paying(self, count: int) -> list[bytes]:
        """``count`` outputs for the wallet, in order of k; beyond the limit by hand, as no sender makes them."""
        address = Address("sp", public_key(self.scan_secret), self.spend_key)
        made = create_outputs([PrivateInput(self.outpoint, self.input_secret)], [address] * min(count, K_MAX))
        state = shared_secret_state(Scanner(self.scan_secret, self.spend_key).shared_secret(self.tweak()))
        return made + [add([self.spend_key, public_key(tweak_at(state, k))])[1:] for k in range(K_MAX, count)]

    def keys(self, count: int) -> list[bytes]:
        """All outputs, with ``count`` for the wallet at the end, the first of them last."""
        return self.strangers[: OUTPUTS - count] + self.paying(count)[::-1]


def main() -> None:
    """Check what both find, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer outputs for the library")
    quick = parser.parse_args().quick
    hostile, few = Hostile(), 5 if quick else 25
    tweak, many_keys, few_keys = hostile.tweak(), hostile.keys(K_MAX + 1), hostile.keys(few)
    labels = dict([library.label(hostile.scan_secret, 0)])
    variants: dict[str, Callable[[], object]] = {
        "ours": lambda: Scanner(hostile.scan_secret, hostile.spend_key).outputs(tweak, many_keys),
        "ours, few": lambda: Scanner(hostile.scan_secret, hostile.spend_key).outputs(tweak, few_keys),
        "library, few": lambda: library.scan_outputs(
            few_keys, hostile.scan_secret, hostile.summary, hostile.spend_key, labels
        ),
    }
    found = {name: len(run()) for name, run in variants.items()}  # type: ignore[arg-type]
    assert found == {"ours": K_MAX, "ours, few": few, "library, few": few}, found
    spent = side_by_side(variants, 3 if quick else 9)
    for name, seconds in spent.items():
        say(f"{name}: {found[name]} found among {OUTPUTS} in {seconds:.3f} s")
    say(f"library against ours, {few} found: {spent['library, few'] / spent['ours, few']:.0f} times as long")
    verdict("seconds for the hostile transaction", spent["ours"], 1.0, at_least=False)


if __name__ == "__main__":
    main()
