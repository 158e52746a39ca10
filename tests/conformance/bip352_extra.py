"""Checks of BIP352 that the official vectors leave out, each for a given implementation; :data:`EXTRA` lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from sdkrelay.crypto import bech32m
from sdkrelay.crypto.digest import hash160

from .bip352 import Implementation, Spent

NUMS = bytes.fromhex("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")
SCRIPT = b"\x51"
SIGNATURE = b"\x01" * 64
ANNEX = b"\x50annex"
SCAN_SECRET = b"\x11" * 32
SPEND_SECRET = b"\x22" * 32
#: An x for which the curve has no y.
OFF_CURVE = bytes(31) + b"\x05"
EXTRA: list[Callable[[Implementation], None]] = []


def extra(check: Callable[[Implementation], None]) -> Callable[[Implementation], None]:
    """List a check."""
    EXTRA.append(check)
    return check


def secret(number: int) -> bytes:
    """A small secret key."""
    return number.to_bytes(32, "big")


def outpoint(number: int) -> bytes:
    """An outpoint that sorts by ``number``."""
    return number.to_bytes(4, "big") + bytes(32)


def key(implementation: Implementation, number: int) -> bytes:
    """The public key of a small secret."""
    made: bytes = implementation.silent.public_key(secret(number))
    return made


def taproot(implementation: Implementation, *witness: bytes, number: int = 7) -> Spent:
    """An input that spends a taproot output with this witness."""
    return Spent(outpoint(number), b"", witness, b"\x51\x20" + key(implementation, number)[1:])


def witness_key(implementation: Implementation, number: int = 3, place: int = 3) -> Spent:
    """A P2WPKH input."""
    made = key(implementation, number)
    return Spent(outpoint(place), b"", (SIGNATURE, made), b"\x00\x14" + hash160(made))


def payment(implementation: Implementation, k: int, label: int | None = None) -> tuple[bytes, bytes, bytes]:
    """The tweak of one fixed transaction, and the output key and its tweak that pay the wallet at k, by sums of points."""
    curve, silent = implementation.curve, implementation.silent
    tweak = silent.decompress(key(implementation, 99))
    shared = curve.multiply(key(implementation, 99), SCAN_SECRET)
    tag = hashlib.sha256(b"BIP0352/SharedSecret").digest()
    scalar = int.from_bytes(hashlib.sha256(tag + tag + shared + k.to_bytes(4, "big")).digest(), "big")
    if label is not None:
        label_tag = hashlib.sha256(b"BIP0352/Label").digest()
        message = label_tag + label_tag + SCAN_SECRET + label.to_bytes(4, "big")
        scalar += int.from_bytes(hashlib.sha256(message).digest(), "big")
    output_tweak = (scalar % curve.ORDER).to_bytes(32, "big")
    spend_key = silent.public_key(SPEND_SECRET)
    return tweak, curve.add([spend_key, silent.public_key(output_tweak)])[1:], output_tweak


def scanner(implementation: Implementation, *labels: int) -> Any:
    """The wallet's scanner."""
    return implementation.silent.Scanner(SCAN_SECRET, implementation.silent.public_key(SPEND_SECRET), labels)


def found(implementation: Implementation, keys: list[bytes], *labels: int) -> list[tuple[int, int, int | None, bool]]:
    """What the wallet finds among these keys of the fixed transaction: index, k, label, ambiguous."""
    tweak = payment(implementation, 0)[0]
    return [
        (one.index, one.k, one.label, one.ambiguous) for one in scanner(implementation, *labels).outputs(tweak, keys)
    ]


@extra
def annex_after_signature(implementation: Implementation) -> None:
    """A key path spend with an annex adds its key, even if the annex looks like a control block with the NUMS point."""
    expected = b"\x02" + key(implementation, 7)[1:]
    for annex in (ANNEX, b"\x50" + NUMS, b"\x50"):
        assert implementation.silent.input_public_key(taproot(implementation, SIGNATURE, annex)) == expected


@extra
def annex_alone(implementation: Implementation) -> None:
    """A single witness item is never an annex, whatever it starts with."""
    assert (
        implementation.silent.input_public_key(taproot(implementation, ANNEX)) == b"\x02" + key(implementation, 7)[1:]
    )


@extra
def script_path_with_annex(implementation: Implementation) -> None:
    """A script path spend adds its output key, with or without annex, but not under the NUMS point."""
    read = implementation.silent.input_public_key
    for annex in ((), (ANNEX,)):
        known = b"\xc1" + key(implementation, 8)[1:]
        assert read(taproot(implementation, SIGNATURE, SCRIPT, known, *annex)) == b"\x02" + key(implementation, 7)[1:]
        for control in (b"\xc0" + NUMS, b"\xc1" + NUMS, b"\xc0" + NUMS + bytes(64)):
            assert read(taproot(implementation, SIGNATURE, SCRIPT, control, *annex)) is None


@extra
def unknown_witness_versions(implementation: Implementation) -> None:
    """An input of version 2 to 16, of any length, excludes its transaction; a script that only resembles one does not."""
    silent, good = implementation.silent, witness_key(implementation)
    for opcode in range(0x52, 0x61):
        for size in (2, 20, 32, 40):
            spent = Spent(outpoint(9), b"", (), bytes([opcode, size]) + bytes(size))
            assert silent.spends_unknown_segwit(spent) and silent.transaction_tweak([good, spent]) is None
    alone = silent.transaction_tweak([good])
    for script in (b"\x52\x03ab", b"\x52\x01a", b"\x61\x02ab", b"\x52\x29" + bytes(41), b"\x52", b"", b"\x50\x02ab"):
        spent = Spent(outpoint(9), b"", (), script)
        assert not silent.spends_unknown_segwit(spent) and silent.transaction_tweak([good, spent]) == alone


@extra
def other_programs_of_version_one(implementation: Implementation) -> None:
    """Pay-to-anchor and version 1 programs that are not 32 bytes add nothing and exclude nothing."""
    silent, good = implementation.silent, witness_key(implementation)
    for size in (2, 31, 33, 40):
        spent = Spent(outpoint(9), b"", (SIGNATURE,), bytes([0x51, size]) + bytes(size))
        assert silent.input_public_key(spent) is None
        assert silent.transaction_tweak([good, spent]) == silent.transaction_tweak([good])


@extra
def nothing_that_counts(implementation: Implementation) -> None:
    """Inputs that are all P2WSH, P2PK, bare multisig or none at all make no tweak."""
    made = key(implementation, 3)
    scripts = (b"\x00\x20" + bytes(32), b"\x21" + made + b"\xac", b"\x51\x21" + made + b"\x51\xae")
    spent = [Spent(outpoint(place), made, (SIGNATURE, made), script) for place, script in enumerate(scripts)]
    for one in spent:
        assert implementation.silent.input_public_key(one) is None
    assert implementation.silent.transaction_tweak(spent) is None
    assert implementation.silent.transaction_tweak([]) is None


@extra
def taproot_key_off_the_curve(implementation: Implementation) -> None:
    """A spent taproot key whose x is on no point adds nothing; as an output it disturbs no scan."""
    silent, good = implementation.silent, witness_key(implementation)
    spent = Spent(outpoint(9), b"", (SIGNATURE,), b"\x51\x20" + OFF_CURVE)
    assert silent.input_public_key(spent) is None
    assert silent.transaction_tweak([spent]) is None
    assert silent.transaction_tweak([good, spent]) == silent.transaction_tweak([good])
    keys = [OFF_CURVE, payment(implementation, 0)[1], b"\xff" * 32]
    assert found(implementation, keys) == [(1, 0, None, False)]


@extra
def uncompressed_keys(implementation: Implementation) -> None:
    """Uncompressed, hybrid, empty and broken keys in P2WPKH and P2SH-P2WPKH add nothing."""
    silent = implementation.silent
    point = silent.decompress(key(implementation, 3))
    nested = b"\x16\x00\x14" + bytes(20)
    for bad in (b"\x04" + point, b"\x06" + point, b"", b"\x05" + point[:32], b"\x02" + OFF_CURVE, b"\x02" + point[:31]):
        for script_sig, script in ((b"", b"\x00\x14" + bytes(20)), (nested, b"\xa9\x14" + bytes(20) + b"\x87")):
            spent = Spent(outpoint(9), script_sig, (SIGNATURE, bad), script)
            assert silent.input_public_key(spent) is None and silent.transaction_tweak([spent]) is None


@extra
def empty_last_item(implementation: Implementation) -> None:
    """An empty last witness item is no annex and no NUMS point; no witness at all adds nothing."""
    silent = implementation.silent
    expected = b"\x02" + key(implementation, 7)[1:]
    assert silent.input_public_key(taproot(implementation, SIGNATURE, b"")) == expected
    assert silent.input_public_key(taproot(implementation, b"")) == expected
    assert silent.input_public_key(taproot(implementation)) is None
    assert silent.input_public_key(Spent(outpoint(9), b"", (), b"\x00\x14" + bytes(20))) is None


@extra
def nested_forms(implementation: Implementation) -> None:
    """P2SH adds a key only if scriptSig is exactly one push of a P2WPKH program."""
    made = key(implementation, 3)
    program = b"\x00\x14" + hash160(made)
    script = b"\xa9\x14" + bytes(20) + b"\x87"

    def read(script_sig: bytes) -> Any:
        return implementation.silent.input_public_key(Spent(outpoint(9), script_sig, (SIGNATURE, made), script))

    assert read(b"\x16" + program) == made
    for script_sig in (program, b"\x16" + program + b"\x51", b"\x51\x16" + program, b"\x4c\x16" + program, b""):
        assert read(script_sig) is None


@extra
def key_anywhere_in_script_sig(implementation: Implementation) -> None:
    """P2PKH finds its key, of either parity, wherever scriptSig has it, and no other key."""
    for number in (1, 2, 3, 4, 5, 6):
        made = key(implementation, number)
        script = b"\x76\xa9\x14" + hash160(made) + b"\x88\xac"
        decoy = b"\x21" + key(implementation, 77)
        for script_sig in (
            b"\x21" + made,
            made,
            made + b"\x51",
            b"\x21" + made + decoy + b"\x75",
            decoy + b"\x75" + made,
        ):
            assert implementation.silent.input_public_key(Spent(outpoint(9), script_sig, (), script)) == made
        for script_sig in (b"", made[:32], decoy):
            assert implementation.silent.input_public_key(Spent(outpoint(9), script_sig, (), script)) is None


@extra
def scripts_of_the_right_length(implementation: Implementation) -> None:
    """A script that has only the length of a known kind adds nothing."""
    made = key(implementation, 3)
    good = b"\x76\xa9\x14" + hash160(made) + b"\x88\xac"
    for script in (
        good[:-1] + b"\xad",
        b"\x75" + good[1:],
        b"\x01" * 25,
        b"\x00\x15" + bytes(20),
        b"\xa9\x14" + bytes(21),
    ):
        spent = Spent(outpoint(9), b"\x21" + made, (SIGNATURE, made), script)
        assert implementation.silent.input_public_key(spent) is None


@extra
def smallest_of_all_outpoints(implementation: Implementation) -> None:
    """The smallest outpoint is taken over inputs that add nothing, too."""
    silent = implementation.silent
    other = Spent(outpoint(1), b"", (), b"\x00\x20" + bytes(32))
    late, early = witness_key(implementation, place=3), witness_key(implementation, place=1)
    assert silent.transaction_tweak([late, other]) == silent.transaction_tweak([early])
    assert silent.transaction_tweak([other, late]) == silent.transaction_tweak([early])
    assert silent.transaction_tweak([late, witness_key(implementation, 4, 2)]) is not None


@extra
def same_key_twice(implementation: Implementation) -> None:
    """An output key that stands twice is reported twice, ambiguous, and the scan goes on to the next k."""
    first, second = payment(implementation, 0)[1], payment(implementation, 1)[1]
    assert found(implementation, [first, second, first]) == [
        (0, 0, None, True),
        (2, 0, None, True),
        (1, 1, None, False),
    ]


@extra
def same_k_under_two_labels(implementation: Implementation) -> None:
    """The same k with two labels, or with and without, is reported for each, ambiguous, and the scan goes on."""
    keys = [payment(implementation, 0, label)[1] for label in (None, 4, 0)] + [payment(implementation, 1, 5)[1]]
    expected = [(0, 0, None, True), (2, 0, 0, True), (1, 0, 4, True), (3, 1, 5, False)]
    assert found(implementation, keys, 4, 5) == expected


@extra
def label_then_dust(implementation: Implementation) -> None:
    """A label at k = 0 and an unlabelled output at k = 1 are both found: values are not asked for."""
    keys = [payment(implementation, 1)[1], bytes(32), payment(implementation, 0, 2)[1]]
    assert found(implementation, keys, 2) == [(2, 0, 2, False), (0, 1, None, False)]


@extra
def stops_at_first_gap(implementation: Implementation) -> None:
    """After a k that is not met nothing more is found."""
    assert found(implementation, [payment(implementation, k)[1] for k in (0, 2)]) == [(0, 0, None, False)]
    assert found(implementation, [payment(implementation, 1)[1]]) == []


@extra
def labels_not_registered(implementation: Implementation) -> None:
    """A label the wallet does not have is not found; change always is."""
    assert found(implementation, [payment(implementation, 0, 3)[1]], 2) == []
    assert found(implementation, [payment(implementation, 0, 0)[1]]) == [(0, 0, 0, False)]


@extra
def tweaks_that_spend(implementation: Implementation) -> None:
    """The output tweak added to the spend secret gives the key of the output, with and without a label."""
    for label in (None, 0, 3, 2**32 - 1):
        tweak, output, expected = payment(implementation, 0, label)
        (one,) = scanner(implementation, 3, 2**32 - 1).outputs(tweak, [output])
        assert (one.label, one.output_tweak) == (label, expected)


@extra
def colliding_prefixes(implementation: Implementation) -> None:
    """A key that shares only its first 8 bytes is a hit of the packed rows, and then nothing is found."""
    tweak, output, _ = payment(implementation, 0)
    twin = output[:8] + bytes(24)
    assert scanner(implementation).hits(tweak, b"\x01\0\0\0", twin[:8]) == [0]
    assert found(implementation, [twin]) == []
    assert found(implementation, [twin, output]) == [(1, 0, None, False)]


@extra
def prefixes_across_outputs(implementation: Implementation) -> None:
    """Eight bytes that lie across two prefixes are no hit."""
    tweak, output, _ = payment(implementation, 0)
    shifted = bytes(3) + output[:8] + bytes(5)
    assert scanner(implementation).hits(tweak, b"\x02\0\0\0", shifted) == []
    assert scanner(implementation).hits(tweak, b"\x03\0\0\0", shifted + output[:8]) == [0]


@extra
def rows_and_their_prefixes(implementation: Implementation) -> None:
    """Each row is compared with its own prefixes only, and hits under every label are told once."""
    tweak, output, _ = payment(implementation, 0)
    labelled, change = payment(implementation, 0, 6)[1], payment(implementation, 0, 0)[1]
    other = implementation.silent.decompress(key(implementation, 98))
    rows = [
        (other, [output]),
        (tweak, [bytes(32), output]),
        (other, []),
        (tweak, [labelled, change]),
        (tweak, [change]),
    ]
    rows += [(tweak, []), (tweak, [labelled])]
    columns = (
        b"".join(row for row, _ in rows),
        b"".join(len(keys).to_bytes(4, "little") for _, keys in rows),
        b"".join(one[:8] for _, keys in rows for one in keys),
    )
    assert scanner(implementation, 6).hits(*columns) == [1, 3, 4, 6]
    assert scanner(implementation).hits(*columns) == [1, 3, 4]


@extra
def many_rows(implementation: Implementation) -> None:
    """However many rows there are, and wherever a batch ends, each hit has its number."""
    tweak, output, _ = payment(implementation, 0)
    other = implementation.silent.decompress(key(implementation, 98))
    change = payment(implementation, 0, 0)[1]
    for size in (1, 127, 128, 129, 300):
        paid = {row for row in (0, 126, 127, 128, 255, 256, 299) if row < size}
        tweaks = b"".join(tweak if row in paid else other for row in range(size))
        prefixes = b"".join((output if row % 2 else change)[:8] for row in range(size))
        assert scanner(implementation).hits(tweaks, b"\x01\0\0\0" * size, prefixes) == sorted(paid)


@extra
def address_versions(implementation: Implementation) -> None:
    """Version 0 holds exactly two keys, versions 1 to 30 at least two, 31 is refused."""
    keys = key(implementation, 1) + key(implementation, 2)

    def decodes(version: int, payload: bytes) -> bool:
        try:
            address = implementation.silent.decode_address(bech32m.encode("sp", [version, *bech32m.to_words(payload)]))
        except ValueError:
            return False
        return bool(address.scan_key + address.spend_key == keys)

    assert decodes(0, keys) and not decodes(0, keys + b"\0") and not decodes(0, keys[:-1])
    for version in (1, 30):
        assert decodes(version, keys) and decodes(version, keys + bytes(500)) and not decodes(version, keys[:-1])
    assert not decodes(31, keys)


@extra
def taproot_secret_is_negated(implementation: Implementation) -> None:
    """A sender's taproot secret counts with an even y, another one as it is: sender and receiver meet."""
    silent = implementation.silent
    address = silent.Address("sp", silent.public_key(SCAN_SECRET), silent.public_key(SPEND_SECRET))
    for number in range(1, 9):
        for spent in (taproot(implementation, SIGNATURE, number=number), witness_key(implementation, number)):
            outputs = silent.create_outputs([silent.private_input(spent, secret(number))], [address] * 2)
            hits = scanner(implementation).outputs(silent.transaction_tweak([spent]), outputs)
            assert [one.k for one in hits] == [0, 1]


def extra_checks(implementation: Implementation) -> list[tuple[str, Callable[[], None]]]:
    """All of these with what they are about."""
    return [(check.__doc__ or check.__name__, partial(check, implementation)) for check in EXTRA]
