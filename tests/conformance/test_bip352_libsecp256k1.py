"""libsecp256k1's own silent payments module agrees with us on thousands of random transactions.

It shares the curve with our code, but no logic: it is given what each input was made to mean, finds outputs by
subtracting, and returns one output per k, so that what we add to that must be flagged ambiguous.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter

from attrs import Factory, frozen
from btclib_secp256k1 import keys as curve
from btclib_secp256k1 import silentpayments as oracle
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.derivation import add_tweaks, shared_secret_state, tweak_at
from sdkrelay.crypto.secp256k1 import add, compress, is_point, multiply, public_key
from sdkrelay.crypto.silent import (
    K_MAX,
    Address,
    Found,
    Scanner,
    TweakComputer,
    create_outputs,
    labelled_spend_key,
    private_input,
)

from .bip352_random import Generator, Inputs

TRANSACTIONS = 4000
#: How often each kind of input, and of transaction, must have been met at least.
LEAST_INPUTS = 150
LEAST = {
    "eligible": 2000,
    "excluded": 100,
    "no key": 100,
    "sum at infinity": 30,
    "sum at infinity in between": 30,
    "many inputs": 5,
    "found": 1500,
    "found with label": 500,
    "found change": 200,
    "several k": 300,
    "same key twice": 150,
    "same k under two labels": 100,
    "nothing found": 1000,
    "output off the curve": 100,
}


@frozen
class Purse:
    """A wallet of the test: its secrets, its labels, and these as libsecp256k1 makes them."""

    scan_secret: bytes
    spend_secret: bytes
    labels: tuple[int, ...]
    names: dict[bytes, int] = Factory(dict)
    table: dict[bytes, bytes] = Factory(dict)

    def __attrs_post_init__(self) -> None:
        for label in (0, *self.labels):
            made, tweak = oracle.label(self.scan_secret, label)
            self.names[made] = label
            self.table[made] = tweak

    def address(self, label: int | None) -> Address:
        """An address of the wallet, by libsecp256k1."""
        spend_key = public_key(self.spend_secret)
        for made, name in self.names.items():
            if name == label:
                spend_key = oracle.labeled_spend_pubkey(spend_key, made)
        return Address("sp", public_key(self.scan_secret), spend_key)

    def scan(self, summary: bytes, keys: list[bytes]) -> list[tuple[bytes, bytes, int | None]]:
        """What libsecp256k1 finds: key, tweak, label."""
        usable = [key for key in keys if is_point(b"\x02" + key)]
        if not usable:
            return []
        found = oracle.scan_outputs(usable, self.scan_secret, summary, public_key(self.spend_secret), self.table)
        return [(key, tweak, None if label is None else self.names[label]) for key, tweak, label in found]


def summary_of(inputs: Inputs) -> bytes | None:
    """Smallest outpoint and sum of keys by libsecp256k1; None where the transaction makes no payment."""
    counting = [one for one in inputs.meant if one.secret]
    taproot = [public_key(one.secret)[1:] for one in counting if one.taproot and one.secret]
    plain = [public_key(one.secret) for one in counting if not one.taproot and one.secret]
    if inputs.excluded or not counting:
        return None
    try:
        return oracle.prevouts_summary(inputs.smallest_outpoint, taproot, plain)
    except ValueError:
        return None


def tweak_of(summary: bytes) -> bytes:
    """T, 33 bytes, from a summary."""
    tag = hashlib.sha256(b"BIP0352/Inputs").digest()
    return bytes(curve.pubkey_tweak_mul(summary[36:], hashlib.sha256(tag + tag + summary).digest()))


def theirs(inputs: Inputs, recipients: list[Address]) -> list[bytes]:
    """The outputs libsecp256k1 makes."""
    taproot = [one.secret for one in inputs.meant if one.secret and one.taproot]
    plain = [one.secret for one in inputs.meant if one.secret and not one.taproot]
    pairs = [(one.scan_key, one.spend_key) for one in recipients]
    return list(oracle.create_outputs(pairs, inputs.smallest_outpoint, taproot, plain))


def ours(inputs: Inputs, recipients: list[Address]) -> list[bytes]:
    """The outputs we make; a secret that does not count is given too, for the rules to leave it out."""
    return create_outputs([private_input(one.spent, one.secret or b"\x01" * 32) for one in inputs.meant], recipients)


class AgreementTests(SynchronousTestCase):
    """Sender, indexer and scanner beside those of libsecp256k1."""

    def setUp(self) -> None:
        self.random = random.Random(352)
        self.generator = Generator(self.random)
        self.met: Counter[str] = Counter()
        secret = self.generator.secret
        labels = ((), (1,), (1, 2, 3), (7, 2**32 - 1), tuple(range(10, 30)))
        self.purses = [Purse(secret(), secret(), chosen) for chosen in labels]
        self.scanners = [Scanner(one.scan_secret, public_key(one.spend_secret), one.labels) for one in self.purses]
        self.computer = TweakComputer()

    def test_random_transactions(self) -> None:
        """On 4000 transactions of every kind both find the same; each kind was met often enough to count."""
        for _ in range(TRANSACTIONS):
            self.one_transaction(self.generator.inputs())
        self.assertEqual({kind: count for kind, count in self.generator.made.items() if count < LEAST_INPUTS}, {})
        self.assertEqual({kind: self.met[kind] for kind, least in LEAST.items() if self.met[kind] < least}, {})

    def test_most_outputs(self) -> None:
        """2323 payments to one scan key are made and found by both, one more is refused by both and not found by us."""
        for purse in self.purses[:2]:
            inputs, summary = self.payable()
            recipients = [purse.address(None)] * K_MAX
            keys = theirs(inputs, recipients)
            self.assertEqual(ours(inputs, recipients), keys)
            for sender in (ours, theirs):
                self.assertRaises(ValueError, sender, inputs, [*recipients, purse.address(None)])
            shared = multiply(tweak_of(summary), purse.scan_secret)
            beyond = add([purse.address(None).spend_key, public_key(tweak_at(shared_secret_state(shared), K_MAX))])[1:]
            self.compare_most(purse, summary, inputs, [beyond, *keys])

    def compare_most(self, purse: Purse, summary: bytes, inputs: Inputs, keys: list[bytes]) -> None:
        """Both find all but the first of the keys."""
        spend_key = public_key(purse.spend_secret)
        their = oracle.scan_outputs(keys, purse.scan_secret, summary, spend_key, None)
        tweak = self.computer.tweak(inputs.spent)
        assert tweak is not None
        found = Scanner(purse.scan_secret, spend_key).outputs(tweak, keys)
        self.assertEqual([one.k for one in found], list(range(K_MAX)))
        self.assertEqual(
            {(keys[one.index], one.output_tweak) for one in found}, {(key, made) for key, made, _ in their}
        )
        self.assertNotIn(0, [one.index for one in found])

    def payable(self) -> tuple[Inputs, bytes]:
        """Inputs that can pay."""
        while True:
            inputs = self.generator.inputs()
            summary = summary_of(inputs)
            if summary is not None:
                return inputs, summary

    def one_transaction(self, inputs: Inputs) -> None:
        """Compare tweak, outputs made and outputs found."""
        summary = summary_of(inputs)
        self.note_inputs(inputs, summary)
        tweak = self.computer.tweak(inputs.spent)
        self.assertEqual(tweak and compress(tweak), summary and tweak_of(summary))
        recipients = self.recipients()
        if tweak is None or summary is None:
            self.assertRaises(ValueError, ours, inputs, recipients)
            return
        keys = self.with_extras(self.paid(inputs, recipients), summary)
        for place in self.random.sample(range(len(self.purses)), 2):
            self.compare(place, tweak, summary, keys)

    def note_inputs(self, inputs: Inputs, summary: bytes | None) -> None:
        """Count what the inputs were an example of."""
        counts = [one for one in inputs.meant if one.secret]
        cancelling = any(one.kind == "cancelling" for one in inputs.meant)
        self.met["eligible"] += summary is not None
        self.met["excluded"] += inputs.excluded
        self.met["no key"] += not counts
        self.met["sum at infinity"] += cancelling and len(counts) == 2 and not inputs.excluded
        self.met["sum at infinity in between"] += cancelling and summary is not None
        self.met["many inputs"] += len(inputs.meant) > 64

    def recipients(self) -> list[Address]:
        """Up to four wallets, one of them often several times, under random labels."""
        chosen = self.random.choices(self.purses, k=self.random.randint(1, 4))
        return [purse.address(self.random.choice((None, None, 0, *purse.labels[:3]))) for purse in chosen]

    def paid(self, inputs: Inputs, recipients: list[Address]) -> list[bytes]:
        """The outputs one of the senders makes; both make the same where the order in a group is no question."""
        mine, their = ours(inputs, recipients), theirs(inputs, recipients)
        if len({one.scan_key for one in recipients}) == len(recipients):
            self.assertEqual(mine, their)
        return self.random.choice((mine, their))

    def with_extras(self, keys: list[bytes], summary: bytes) -> list[bytes]:
        """The outputs in random order with strangers, keys twice, k under two labels, and keys off the curve among them."""
        chance = self.random.random()
        if chance < 0.1:
            keys = [*keys, *self.random.choices(keys, k=2)]
        elif chance < 0.3:
            keys = [*keys, *self.second_label(keys, summary)]
        elif chance < 0.4:
            keys = [*keys, self.off_the_curve()]
        strangers = [public_key(self.generator.secret())[1:] for _ in range(self.random.randint(0, 3))]
        keys = [*keys, *strangers]
        self.random.shuffle(keys)
        return keys

    def second_label(self, keys: list[bytes], summary: bytes) -> list[bytes]:
        """The first output of each wallet that was paid without a label, under its change label too."""
        made = []
        for purse in self.purses:
            for _, tweak, label in purse.scan(summary, keys)[:1]:
                if label is None:
                    change = labelled_spend_key(purse.scan_secret, public_key(purse.spend_secret), 0)
                    made.append(add([change, public_key(tweak)])[1:])
        return made

    def off_the_curve(self) -> bytes:
        """A key that is no point."""
        self.met["output off the curve"] += 1
        while True:
            key = self.random.randbytes(32)
            if not is_point(b"\x02" + key):
                return key

    def compare(self, place: int, tweak: bytes, summary: bytes, keys: list[bytes]) -> None:
        """What both find for one wallet: the same for every k, but for what we flag as ambiguous."""
        purse, scanner = self.purses[place], self.scanners[place]
        found, their = scanner.outputs(tweak, keys), purse.scan(summary, keys)
        by_k: dict[int, list[Found]] = {}
        for one in found:
            by_k.setdefault(one.k, []).append(one)
            self.assertEqual(public_key(add_tweaks(purse.spend_secret, one.output_tweak))[1:], keys[one.index])
        self.assertEqual(list(by_k), list(range(len(their))))
        told = [{(keys[one.index], one.output_tweak, one.label) for one in same} for same in by_k.values()]
        for expected in their:
            self.assertTrue(any(expected in same for same in told))
        self.assertEqual([one.ambiguous for one in found], [len(by_k[one.k]) > 1 for one in found])
        row = len(keys).to_bytes(4, "little"), b"".join(key[:8] for key in keys)
        self.assertEqual(scanner.hits(tweak, *row), [0] if found else [])
        self.note_found(by_k)

    def note_found(self, by_k: dict[int, list[Found]]) -> None:
        """Count what the findings were an example of."""
        labels = [one.label for same in by_k.values() for one in same]
        self.met["found"] += bool(by_k)
        self.met["nothing found"] += not by_k
        self.met["several k"] += len(by_k) > 1
        self.met["found change"] += 0 in labels
        self.met["found with label"] += any(labels)
        for same in by_k.values():
            differing = len({one.label for one in same})
            self.met["same k under two labels"] += differing > 1
            self.met["same key twice"] += len(same) > differing
