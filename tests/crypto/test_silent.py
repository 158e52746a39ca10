"""Scanner, labels, addresses and sender meet bad input: each refusal is a ValueError that shows no secret."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import bech32m, silent
from sdkrelay.crypto.inputs import TweakComputer
from sdkrelay.crypto.secp256k1 import ORDER, decompress, public_key
from sdkrelay.crypto.silent import (
    Address,
    PrivateInput,
    Scanner,
    create_outputs,
    decode_address,
    encode_address,
    label_tweak,
    labelled_address,
    labelled_spend_key,
)
from sdkrelay.domain.chain import Input

SCAN_SECRET = bytes(range(1, 33))
SCAN_KEY = public_key(SCAN_SECRET)
SPEND_KEY = public_key(b"\x22" * 32)
OFF_CURVE = b"\x02" + bytes(31) + b"\x05"
TWEAK = decompress(public_key(b"\x33" * 32))
ONE, NONE = b"\x01\0\0\0", b""


class RefusalCase(SynchronousTestCase):
    """Tests that expect a ValueError."""

    def refused(self, reason: str, function: object, *arguments: object) -> None:
        """The call fails for this reason, and says nothing of the scan secret."""
        problem = str(self.assertRaises(ValueError, function, *arguments))
        self.assertIn(reason, problem)
        self.assertNotIn(SCAN_SECRET.hex(), problem)
        self.assertNotIn(repr(SCAN_SECRET), problem)


class ScannerTests(RefusalCase):
    """What a scanner takes and refuses."""

    def test_keys(self) -> None:
        """Secrets out of range and spend keys off the curve are refused."""
        for bad in (bytes(32), ORDER.to_bytes(32, "big"), SCAN_SECRET[:31], SCAN_SECRET + b"\0", b""):
            self.refused("the scan secret must be", Scanner, bad, SPEND_KEY)
        for bad in (OFF_CURVE, SPEND_KEY[1:], b"\x04" + decompress(SPEND_KEY), b""):
            self.refused("the spend key must be", Scanner, SCAN_SECRET, bad)

    def test_labels(self) -> None:
        """A hundred labels from 1 to 2³²-1 are taken; 101, or one out of range, are not."""
        Scanner(SCAN_SECRET, SPEND_KEY, range(1, 101))
        Scanner(SCAN_SECRET, SPEND_KEY, [2**32 - 1])
        self.refused("at most 100 labels", Scanner, SCAN_SECRET, SPEND_KEY, range(1, 102))
        for bad in (0, -1, 2**32):
            self.refused("from 1 to 4294967295", Scanner, SCAN_SECRET, SPEND_KEY, [5, bad])

    def test_label_twice(self) -> None:
        """A label given twice counts once: nothing becomes ambiguous by it."""
        scanner = Scanner(SCAN_SECRET, SPEND_KEY, [4, 4])
        paid = create_outputs(
            [PrivateInput(bytes(36), b"\x55" * 32)],
            [Address("sp", SCAN_KEY, labelled_spend_key(SCAN_SECRET, SPEND_KEY, 4))],
        )
        spent = Input(bytes(36), b"", (b"", public_key(b"\x55" * 32)), b"\x00\x14" + bytes(20))
        tweak = silent.transaction_tweak([spent])
        assert tweak is not None
        self.assertEqual([(one.label, one.ambiguous) for one in scanner.outputs(tweak, paid)], [(4, False)])

    def test_columns_that_disagree(self) -> None:
        """Packed columns whose lengths do not fit together are refused before anything is read."""
        hits = Scanner(SCAN_SECRET, SPEND_KEY).hits
        self.assertEqual(hits(b"", b"", b""), [])
        self.refused("a row has", hits, TWEAK[:-1], ONE, bytes(8))
        self.refused("a row has", hits, TWEAK, ONE + ONE, bytes(16))
        self.refused("a row has", hits, TWEAK, ONE[:3], bytes(8))
        self.refused("the prefixes are not", hits, TWEAK, ONE, bytes(7))
        self.refused("the prefixes are not", hits, TWEAK, ONE, bytes(16))
        self.refused("the prefixes are not", hits, TWEAK, b"\xff" * 4, bytes(8))

    def test_tweaks_off_the_curve(self) -> None:
        """A tweak that is no point, or no 64 bytes, is refused; the scanner works afterwards."""
        scanner = Scanner(SCAN_SECRET, SPEND_KEY)
        self.refused("not a point", scanner.hits, TWEAK + bytes(64), ONE + ONE, bytes(16))
        self.refused("not a point", scanner.outputs, bytes(64), [])
        self.assertRaises(ValueError, scanner.outputs, TWEAK[:63], [])
        self.assertEqual(scanner.hits(TWEAK, ONE, bytes(8)), [])

    def test_shows_nothing(self) -> None:
        """Neither scanner nor input shows a secret when printed."""
        shown = repr(Scanner(SCAN_SECRET, SPEND_KEY)) + repr(PrivateInput(bytes(36), SCAN_SECRET))
        self.assertNotIn(SCAN_SECRET.hex(), shown)
        self.assertNotIn(repr(SCAN_SECRET)[2:-1], shown)

    def test_keeps_what_it_points_to(self) -> None:
        """What native pointers point to lives as long as the scanner, whatever else is allocated."""
        scanner = Scanner(bytes(bytearray(SCAN_SECRET)), bytes(bytearray(SPEND_KEY)), list(range(1, 50)))
        expected = scanner.shared_secret(TWEAK)
        gc.collect()
        others = [Scanner(public_key(bytes([value]) * 32)[1:], SPEND_KEY) for value in range(1, 60)]
        self.assertEqual(scanner.shared_secret(TWEAK), expected)
        self.assertEqual(len({other.shared_secret(TWEAK) for other in others}), len(others))

    def test_spend_key_that_cancels_its_label(self) -> None:
        """A spend key that a label takes to infinity is refused: it has no address under it."""
        opposite = (ORDER - int.from_bytes(label_tweak(SCAN_SECRET, 3), "big")).to_bytes(32, "big")
        self.refused("infinity", Scanner, SCAN_SECRET, public_key(opposite), [3])
        Scanner(SCAN_SECRET, public_key(opposite), [4])


class LabelTests(RefusalCase):
    """Labels and labelled addresses."""

    def test_range(self) -> None:
        """Label 0 is change, and has a tweak but no address; beyond 32 bits there is none."""
        self.assertEqual(len(label_tweak(SCAN_SECRET, 0)), 32)
        self.refused("label 0 is for change", labelled_address, SCAN_SECRET, SPEND_KEY, 0, "sp")
        for bad in (-1, 2**32):
            self.refused("a label must be", label_tweak, SCAN_SECRET, bad)
        self.refused("the scan secret must be", label_tweak, bytes(32), 1)

    def test_address(self) -> None:
        """A labelled address has the scan key as it is and the spend key moved by the label."""
        address = decode_address(labelled_address(SCAN_SECRET, SPEND_KEY, 9, "tsp"))
        self.assertEqual(address, Address("tsp", SCAN_KEY, labelled_spend_key(SCAN_SECRET, SPEND_KEY, 9)))
        self.assertNotEqual(address.spend_key, SPEND_KEY)


class AddressTests(RefusalCase):
    """Addresses and what is none."""

    def text(self, payload: bytes, prefix: str = "sp", version: int = 0) -> str:
        """An address with any payload."""
        return bech32m.encode(prefix, [version, *bech32m.to_words(payload)])

    def test_round_trip(self) -> None:
        """Both networks' addresses come back, in upper case too."""
        for prefix in ("sp", "tsp"):
            text = encode_address(SCAN_KEY, SPEND_KEY, prefix)
            self.assertEqual(len(text), len(prefix) + 114)
            self.assertEqual(decode_address(text.upper()), Address(prefix, SCAN_KEY, SPEND_KEY))
            self.assertEqual(str(decode_address(text)), text)

    def test_refusals(self) -> None:
        """Each fault is named."""
        keys = SCAN_KEY + SPEND_KEY
        self.refused("checksum", decode_address, self.text(keys)[:-1] + "q")
        self.refused("the prefix must be", decode_address, self.text(keys, "bc"))
        self.refused("shorter than two keys", decode_address, self.text(keys[:65]))
        self.refused("longer than the two keys", decode_address, self.text(keys + b"\0"))
        self.refused("version 31", decode_address, self.text(keys, version=31))
        self.refused("no version", decode_address, bech32m.encode("sp", []))
        self.refused("the scan key must be", decode_address, self.text(OFF_CURVE + SPEND_KEY))
        self.refused("the spend key must be", decode_address, self.text(SCAN_KEY + OFF_CURVE))
        self.refused("padding", decode_address, bech32m.encode("sp", [0, *bech32m.to_words(keys)[:-1], 31]))

    def test_length(self) -> None:
        """A later version may fill 1023 characters, and no more."""
        payload = SCAN_KEY + SPEND_KEY + bytes(567)
        text = self.text(payload, version=1)
        self.assertEqual(len(text), 1023)
        self.assertEqual(decode_address(text).spend_key, SPEND_KEY)
        self.refused("longer than 1023 characters", decode_address, self.text(payload + b"\0", version=1))

    def test_encoding(self) -> None:
        """Keys off the curve and other prefixes are not encoded."""
        self.refused("the scan key must be", encode_address, OFF_CURVE, SPEND_KEY, "sp")
        self.refused("the spend key must be", encode_address, SCAN_KEY, OFF_CURVE, "sp")
        self.refused("the prefix must be", encode_address, SCAN_KEY, SPEND_KEY, "bc")


class SendingTests(RefusalCase):
    """What the sender refuses."""

    def test_secrets_out_of_range(self) -> None:
        """An input's secret that is none is refused without being shown."""
        recipient = Address("sp", SCAN_KEY, SPEND_KEY)
        for bad in (bytes(32), b"\xff" * 32, b""):
            self.refused("not a secret key", create_outputs, [PrivateInput(bytes(36), bad)], [recipient])

    def test_no_recipients(self) -> None:
        """Nobody to pay, nothing made."""
        self.assertEqual(create_outputs([PrivateInput(bytes(36), SCAN_SECRET)], []), [])

    def test_unknown_version(self) -> None:
        """An input that spends an unknown witness version cannot be used."""
        self.refused(
            "unknown witness version", silent.private_input, Input(bytes(36), b"", (), b"\x52\x02ab"), SCAN_SECRET
        )


class TweakTests(SynchronousTestCase):
    """Tweaks of many transactions with one set of buffers."""

    def spent(self, count: int) -> list[Input]:
        """So many P2WPKH inputs."""
        keys = [public_key(value.to_bytes(32, "big")) for value in range(1, count + 1)]
        places = [value.to_bytes(36, "little") for value in range(count)]
        return [Input(place, b"", (b"", key), b"\x00\x14" + bytes(20)) for place, key in zip(places, keys, strict=True)]

    def test_many_inputs(self) -> None:
        """Room is made for as many keys as come, and a small transaction afterwards is right again."""
        computer = TweakComputer()
        sizes = (1, 64, 65, 300, 2)
        expected = [silent.transaction_tweak(self.spent(size)) for size in sizes]
        self.assertEqual(computer.tweaks_of([self.spent(size) for size in sizes]), expected)
        self.assertEqual(len(set(expected)), len(sizes))
