"""What every implementation of BIP352 must do, as checks of a given one: ours, or a mutant of it.

The official vectors are read from ``$SDKRELAY_TEST_VECTORS``, else from ``../shared/vectors`` beside the repository.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from unittest import SkipTest

_BESIDE = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors"


class Spent(NamedTuple):
    """An input with what it spends."""

    outpoint: bytes
    script_sig: bytes
    witness: tuple[bytes, ...]
    prevout_script: bytes


class Implementation:
    """The modules of one package ``crypto``, by the name it was imported under."""

    def __init__(self, package: str = "sdkrelay.crypto") -> None:
        self.silent: Any = import_module(f"{package}.silent")
        self.sending: Any = import_module(f"{package}.sending")
        self.curve: Any = import_module(f"{package}.secp256k1")


def cases() -> list[dict[str, Any]]:
    """The official cases; SkipTest where they are absent."""
    path = Path(os.environ.get("SDKRELAY_TEST_VECTORS") or _BESIDE) / "bip352" / "send_and_receive_test_vectors.json"
    if not path.exists():
        raise SkipTest(f"the official vectors of BIP352 are not at {path}: set SDKRELAY_TEST_VECTORS")
    loaded: list[dict[str, Any]] = json.loads(path.read_text())
    return loaded


def spent_of(vin: dict[str, Any]) -> Spent:
    """One input of a case."""
    outpoint = bytes.fromhex(vin["txid"])[::-1] + vin["vout"].to_bytes(4, "little")
    witness = tuple(_witness(bytes.fromhex(vin["txinwitness"])))
    script = bytes.fromhex(vin["prevout"]["scriptPubKey"]["hex"])
    return Spent(outpoint, bytes.fromhex(vin["scriptSig"]), witness, script)


def _witness(serialized: bytes) -> Iterator[bytes]:
    """The items of a witness; all of the cases' are shorter than 253 bytes."""
    position = 1
    for _ in range(serialized[0] if serialized else 0):
        size = serialized[position]
        assert size < 253
        yield serialized[position + 1 : position + 1 + size]
        position += 1 + size


def check_receiving(implementation: Implementation, test: dict[str, Any]) -> None:
    """Indexer and scanner give what a receiving test expects: key sum, tweak, shared secret, addresses, outputs."""
    silent, given, expected = implementation.silent, test["given"], test["expected"]
    spent = [spent_of(vin) for vin in given["vin"]]
    check_key_sum(implementation, spent, expected.get("input_pub_key_sum"))
    tweak = silent.transaction_tweak(spent)
    assert _hex(tweak and silent.compress(tweak)) == expected["tweak"], "tweak"
    scan_secret = bytes.fromhex(given["key_material"]["scan_priv_key"])
    spend_key = silent.public_key(bytes.fromhex(given["key_material"]["spend_priv_key"]))
    check_addresses(silent, scan_secret, spend_key, given["labels"], expected["addresses"])
    if tweak is None:
        assert not expected["outputs"] and expected["shared_secret"] is None
        return
    scanner = silent.Scanner(scan_secret, spend_key, [label for label in given["labels"] if label])
    assert scanner.shared_secret(tweak).hex() == expected["shared_secret"], "shared secret"
    check_found(scanner, tweak, given["outputs"], expected)


def check_key_sum(implementation: Implementation, spent: list[Spent], expected: str | None) -> None:
    """The keys of the inputs add up to what is expected; to infinity, or without any, nothing is."""
    keys = [key for key in map(implementation.silent.input_public_key, spent) if key]
    try:
        total = implementation.curve.add(keys).hex()
    except ValueError:
        total = None
    assert total == expected, "sum of keys"


def check_addresses(silent: Any, scan_secret: bytes, spend_key: bytes, labels: list[int], expected: list[str]) -> None:
    """The wallet's addresses, labelled ones included, are the expected ones."""
    keys = [spend_key, *(silent.labelled_spend_key(scan_secret, spend_key, label) for label in labels)]
    scan_key = silent.public_key(scan_secret)
    assert [silent.encode_address(scan_key, key, "sp") for key in keys] == expected, "addresses"


def check_found(scanner: Any, tweak: bytes, outputs: list[str], expected: dict[str, Any]) -> None:
    """The scan finds exactly the expected outputs with their tweaks, and the packed row is a hit iff there are some."""
    found = scanner.outputs(tweak, [bytes.fromhex(output) for output in outputs])
    prefixes = b"".join(bytes.fromhex(output)[:8] for output in outputs)
    hits = scanner.hits(tweak, len(outputs).to_bytes(4, "little"), prefixes)
    assert hits == ([0] if found else []), "hits"
    if "n_outputs" in expected:
        assert len(found) == expected["n_outputs"], "number of outputs"
        return
    pairs = sorted((outputs[one.index], one.output_tweak.hex()) for one in found)
    assert pairs == sorted((one["pub_key"], one["priv_key_tweak"]) for one in expected["outputs"]), "outputs"
    assert not any(one.ambiguous for one in found)


def check_sending(implementation: Implementation, test: dict[str, Any]) -> None:
    """The sender gives what a sending test expects: keys, sum of secrets, shared secrets, one of the sets of outputs."""
    silent, given, expected = implementation.silent, test["given"], test["expected"]
    spent = [spent_of(vin) for vin in given["vin"]]
    keys = [_hex(key) for key in map(silent.input_public_key, spent) if key]
    assert keys == expected["input_pub_keys"], "input keys"
    secrets = [bytes.fromhex(vin["private_key"]) for vin in given["vin"]]
    inputs = [silent.private_input(one, secret) for one, secret in zip(spent, secrets, strict=True)]
    recipients = [
        silent.decode_address(one["address"]) for one in given["recipients"] for _ in range(one.get("count", 1))
    ]
    check_secrets(implementation.sending, inputs, given["recipients"], expected)
    try:
        outputs = sorted(key.hex() for key in silent.create_outputs(inputs, recipients))
    except ValueError:
        outputs = []
    assert outputs in [sorted(one) for one in expected["outputs"]], "outputs"


def check_secrets(sending: Any, inputs: list[Any], recipients: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """The sum of the secrets, and what is shared with each recipient, are the expected ones."""
    if "input_private_key_sum" not in expected:
        return
    total = expected["input_private_key_sum"]
    if int(total, 16):
        assert sending.input_secret_sum(inputs).hex() == total, "sum of secrets"
    for recipient, secret in zip(recipients, expected["shared_secrets"], strict=True):
        if secret is not None:
            shared = sending.sender_shared_secret(inputs, bytes.fromhex(recipient["scan_pub_key"]))
            assert shared.hex() == secret, "shared secret"


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def failures(checks: Iterable[tuple[str, Callable[[], None]]]) -> Iterator[str]:
    """The names of the checks that do not hold, each with what went wrong."""
    for name, check in checks:
        try:
            check()
        except Exception as problem:
            yield f"{name}: {problem!r}"


def official(implementation: Implementation, direction: str) -> list[tuple[str, Callable[[], None]]]:
    """The checks of one direction (``receiving``, ``sending``) with the names of their cases."""
    check = check_receiving if direction == "receiving" else check_sending
    tests = [(case["comment"], test) for case in cases() for test in case[direction]]
    return [(comment, partial(check, implementation, test)) for comment, test in tests]
