"""Silent payments, the sender's side (BIP352, "Creating outputs"): from the inputs' secrets to the outputs' keys.

Sums of secrets are Python integers, whose time depends on their value: meant for the demonstration, for tests, and for
programs that pay from keys on the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen

from .address import Address
from .derivation import K_MAX, shared_secret_state, tweak_at
from .inputs import SpentInput, input_hash, input_public_key, smallest_outpoint, spends_unknown_segwit
from .secp256k1 import ORDER, add, multiply, public_key


@frozen
class PrivateInput:
    """An input its owner spends: 36-byte outpoint, and the 32-byte secret if the input adds its key, else None.

    ``taproot`` says that the key is the output key of a taproot output, hence taken with an even y.
    """

    outpoint: bytes
    secret: bytes | None = field(default=None, repr=False)
    taproot: bool = False


def private_input(spent: SpentInput, secret: bytes) -> PrivateInput:
    """A signed input with the secret of its key, which is left out where it does not count.

    ValueError for an input that spends an unknown witness version: its transaction cannot make silent payments.
    """
    if spends_unknown_segwit(spent):
        raise ValueError("an input spends an unknown witness version: no silent payment can be made with it")
    counts = input_public_key(spent) is not None
    return PrivateInput(spent.outpoint, secret if counts else None, len(spent.prevout_script) == 34)


def input_secret_sum(inputs: Sequence[PrivateInput]) -> bytes:
    """The sum of the secrets, taproot ones negated to an even y, 32 bytes; ValueError without any, or if it is zero."""
    secrets = [_signed(one.secret, one.taproot) for one in inputs if one.secret is not None]
    if not secrets:
        raise ValueError("no input adds a key: a silent payment needs at least one")
    total = sum(secrets) % ORDER
    if not total:
        raise ValueError("the keys of the inputs add up to zero: choose other inputs")
    return total.to_bytes(32, "big")


def create_outputs(inputs: Sequence[PrivateInput], recipients: Sequence[Address]) -> list[bytes]:
    """The x-only key, 32 bytes, of the taproot output for each recipient, in their order; all must be in the transaction.

    ``inputs`` are all inputs of the transaction. Recipients with one scan key are a group, in which k grows by one.
    ValueError for inputs that cannot pay, or for more than 2323 recipients in a group.
    """
    groups: dict[bytes, list[int]] = {}
    for place, recipient in enumerate(recipients):
        groups.setdefault(recipient.scan_key, []).append(place)
    if any(len(places) > K_MAX for places in groups.values()):
        raise ValueError(f"more than {K_MAX} recipients with one scan key")
    keys: dict[int, bytes] = {}
    for scan_key, places in groups.items():
        state = shared_secret_state(sender_shared_secret(inputs, scan_key))
        for k, place in enumerate(places):
            keys[place] = add([recipients[place].spend_key, public_key(tweak_at(state, k))])[1:]
    return [keys[place] for place in range(len(recipients))]


def sender_shared_secret(inputs: Sequence[PrivateInput], scan_key: bytes) -> bytes:
    """What the sender shares with the owner of a scan key: input_hash · a · B_scan, 33 bytes; ValueError as above."""
    total = input_secret_sum(inputs)
    factor = input_hash(smallest_outpoint(one.outpoint for one in inputs), public_key(total))
    scalar = int.from_bytes(factor, "big") * int.from_bytes(total, "big") % ORDER
    return multiply(scan_key, scalar.to_bytes(32, "big"))


def _signed(secret: bytes, taproot: bool) -> int:
    """The secret as a number, negated for a taproot key with an odd y; ValueError if it is out of range."""
    number = int.from_bytes(secret, "big")
    odd = public_key(secret)[0] == 3
    return ORDER - number if taproot and odd else number
