"""Blocks and transactions as bytes: what is written is read, and anything else is refused by one exception."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.chain import Block, TxOut, display
from sdkrelay.messages.bitcoin import Malformed
from sdkrelay.messages.bitcoin.block import (
    decode_block,
    decode_header,
    decode_outpoints,
    decode_output,
    decode_transaction,
    encode_compact,
    encode_undo,
)
from tests.support.blocks import (
    Spending,
    Written,
    WrittenBlock,
    coinbase,
    compact,
    p2tr,
    p2wpkh,
    random_block,
    random_transaction,
    undo_of,
)

scripts = st.one_of(
    st.binary(max_size=300), st.builds(p2tr, st.binary(min_size=32, max_size=32)), st.just(bytes.fromhex("51024e73"))
)
outputs = st.builds(TxOut, st.integers(0, 10**12), scripts)
spendings = st.builds(
    Spending,
    st.binary(min_size=36, max_size=36),
    st.builds(TxOut, st.integers(10**13, 10**14), scripts),
    st.binary(max_size=300),
    st.lists(st.binary(max_size=300), max_size=3).map(tuple),
)
transactions = st.builds(
    Written,
    st.lists(spendings, min_size=1, max_size=4).map(tuple),
    st.lists(outputs, max_size=4).map(tuple),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)
bounded = settings(deadline=None, max_examples=80)


def is_taproot(script: bytes) -> bool:
    """Said another way than in the parser."""
    return len(script) == 34 and script[:2] == b"\x51\x20"


def keys_paid(transaction: Written) -> list[tuple[int, int, bytes]]:
    """Index, value and key of the taproot outputs."""
    return [(n, out.value, out.script[2:]) for n, out in enumerate(transaction.outputs) if is_taproot(out.script)]


class PropertyTests(SynchronousTestCase):
    """For any transactions at all."""

    @bounded
    @given(transactions)
    def test_a_transaction_is_read_as_written(self, written: Written) -> None:
        """Txid, inputs with witnesses and prevouts, taproot outputs, fee and size."""
        read, spends = decode_transaction(written.raw, written.prevouts)
        segwit = any(each.witness for each in written.inputs)
        self.assertEqual((read.txid, read.size), (written.txid, len(written.raw)))
        self.assertEqual(
            [(i.outpoint, i.script_sig, i.witness, i.prevout_script) for i in read.inputs],
            [
                (s.outpoint, s.script_sig, s.witness if segwit else (), s.prevout.script)
                for s in written.inputs
                if s.prevout
            ],
        )
        self.assertEqual([(o.vout, o.value, o.key) for o in read.outputs], keys_paid(written))
        self.assertEqual(read.fee, sum(o.value for o in written.prevouts) - sum(o.value for o in written.outputs))
        spent = [
            (s.outpoint, s.prevout.script[2:]) for s in written.inputs if s.prevout and is_taproot(s.prevout.script)
        ]
        self.assertEqual([(s.outpoint, s.key, s.spender) for s in spends], [(*each, written.txid) for each in spent])

    @bounded
    @given(st.lists(transactions, max_size=5))
    def test_a_block_is_read_as_written(self, written: list[Written]) -> None:
        """Its transactions that pay taproot, in order, as each alone; and every spend of taproot."""
        block = WrittenBlock(5, bytes(32), 6, (coinbase(5), *written))
        read = decode_block(block.raw, block.undo)
        alone = [decode_transaction(each.raw, each.prevouts) for each in written]
        self.assertEqual(list(read.transactions), [transaction for transaction, _ in alone if transaction.outputs])
        self.assertEqual(list(read.spends), [spend for _, spends in alone for spend in spends])
        self.assertEqual((read.header.hash, read.transaction_count), (block.hash, len(written) + 1))

    @bounded
    @given(transactions)
    def test_outpoints_and_outputs_are_found_alone(self, written: Written) -> None:
        """What the mempool needs of a parent and of a child."""
        self.assertEqual(decode_outpoints(written.raw), tuple(each.outpoint for each in written.inputs))
        for vout, output in enumerate(written.outputs):
            self.assertEqual(decode_output(written.raw, vout), output)
        self.assertIsNone(decode_output(written.raw, len(written.outputs)))

    @bounded
    @given(st.lists(transactions, max_size=4))
    def test_undo_data_is_written_as_bitcoind_writes_it(self, written: list[Written]) -> None:
        """The JSON path makes the bytes of the REST path."""
        self.assertEqual(encode_undo([each.prevouts for each in written]), undo_of(written))

    @bounded
    @given(st.integers(0, 2**64 - 1))
    def test_lengths_are_written_shortest(self, number: int) -> None:
        """CompactSize of every width."""
        self.assertEqual(encode_compact(number), compact(number))


class HostileTests(SynchronousTestCase):
    """Whatever else comes, only Malformed is raised, soon."""

    block = random_block(3, 12, 6)

    def assertRefused(self, raw: bytes, undo: bytes) -> None:
        """This is no block."""
        self.assertRaises(Malformed, decode_block, raw, undo)

    def test_every_truncation_is_refused(self) -> None:
        """Of the block, and of its undo data."""
        raw, undo = self.block.raw, self.block.undo
        for end in range(len(raw)):
            self.assertRefused(raw[:end], undo)
        for end in range(len(undo)):
            self.assertRefused(raw, undo[:end])

    def test_trailing_bytes_are_refused(self) -> None:
        """After the block, its undo data, a transaction."""
        self.assertRefused(self.block.raw + b"\0", self.block.undo)
        self.assertRefused(self.block.raw, self.block.undo + b"\0")
        one = self.block.transactions[1]
        self.assertRaises(Malformed, decode_transaction, one.raw + b"\0", one.prevouts)

    def test_undo_data_of_another_block_is_refused(self) -> None:
        """By the numbers of transactions and inputs, or by what is paid."""
        for seed in range(20):
            self.assertRefused(self.block.raw, random_block(seed + 10, 12, 6).undo)
        self.assertRefused(self.block.raw, random_block(3, 13, 6).undo)

    def test_absurd_counts_are_refused_at_once(self) -> None:
        """A count of 2^64 - 1, wherever counts stand."""
        most = b"\xff" * 9
        header, undo = self.block.raw[:80], self.block.undo
        self.assertRefused(header + most, undo)
        self.assertRefused(self.block.raw, most)
        for start in range(81, len(self.block.raw), 7):
            try:
                decode_block(self.block.raw[:start] + most + self.block.raw[start + 9 :], undo)
            except Malformed:
                continue

    def test_a_length_written_too_long_is_refused(self) -> None:
        """There is one way to write a number."""
        self.assertRefused(self.block.raw[:80] + b"\xfd\x0c\x00" + self.block.raw[81:], self.block.undo)

    def test_a_block_without_transactions_is_refused(self) -> None:
        """There is always a coinbase."""
        self.assertRefused(self.block.raw[:80] + b"\0", b"\0")

    def test_a_coinbase_elsewhere_is_refused(self) -> None:
        """Only the first transaction creates money."""
        block = WrittenBlock(5, bytes(32), 6, (coinbase(5), coinbase(6)))
        self.assertRefused(block.raw, block.undo)
        source = random.Random(1)
        first = WrittenBlock(5, bytes(32), 6, (random_transaction(source, True), coinbase(5)))
        self.assertRefused(first.raw, first.undo)

    def test_more_money_than_exists_is_refused(self) -> None:
        """In what is spent and in what is paid."""
        rich = TxOut(2**63, p2tr(bytes(32)))
        spending = Spending(bytes(36), rich)
        self.assertRaises(Malformed, decode_transaction, Written((spending,), (rich,)).raw, (rich,))
        poor = TxOut(1, p2tr(bytes(32)))
        self.assertRaises(Malformed, decode_transaction, Written((spending,), (rich,)).raw, (poor,))

    def test_no_inputs_is_refused(self) -> None:
        """A zero there is the marker of witnesses, and only flag 1 is known."""
        self.assertRaises(Malformed, decode_transaction, bytes.fromhex("0200000000020000000000"), ())
        self.assertRaises(Malformed, decode_outpoints, bytes.fromhex("02000000000200"))

    @bounded
    @given(st.binary(max_size=400), st.binary(max_size=100))
    def test_random_bytes(self, raw: bytes, undo: bytes) -> None:
        """Nothing but Malformed."""
        for call in (
            lambda: decode_block(bytes(80) + raw, undo),
            lambda: decode_transaction(raw, ()),
            lambda: decode_outpoints(raw),
            lambda: decode_output(raw, 3),
            lambda: decode_header(raw),
        ):
            try:
                call()
            except Malformed:
                continue

    @bounded
    @given(st.data())
    def test_one_byte_changed(self, data: st.DataObject) -> None:
        """A changed block is read as some block, or refused."""
        raw, undo = bytearray(self.block.raw), bytearray(self.block.undo)
        target = data.draw(st.sampled_from((raw, undo)))
        target[data.draw(st.integers(0, len(target) - 1))] = data.draw(st.integers(0, 255))
        try:
            self.assertIsInstance(decode_block(bytes(raw), bytes(undo)), Block)
        except Malformed:
            return


class FormTests(SynchronousTestCase):
    """What counts as what."""

    def parse(self, *outs: TxOut) -> list[int]:
        """The indexes of the outputs taken for taproot."""
        written = Written((Spending(bytes(36), TxOut(10**9, p2wpkh(b"k"))),), outs)
        return [output.vout for output in decode_transaction(written.raw, written.prevouts)[0].outputs]

    def test_only_version_1_with_32_bytes_is_taproot(self) -> None:
        """P2A, other versions and other lengths are not."""
        key = bytes(range(32))
        forms = (b"\x51\x20" + key, b"\x51\x02\x4e\x73", b"\x52\x20" + key, b"\x51\x21" + key + b"x", b"\x00\x20" + key)
        self.assertEqual(self.parse(*(TxOut(1, form) for form in forms)), [0])

    def test_a_key_off_the_curve_is_still_an_output(self) -> None:
        """The parser reads; whether a key is one is for the scanner."""
        self.assertEqual(self.parse(TxOut(0, p2tr(b"\xff" * 32))), [0])

    def test_a_coinbase_that_pays_taproot(self) -> None:
        """It is kept, without inputs and fee."""
        block = WrittenBlock(9, bytes(32), 1, (coinbase(9, [TxOut(5, p2tr(bytes(32)))]),))
        (kept,) = decode_block(block.raw, block.undo).transactions
        self.assertEqual((kept.inputs, kept.fee, kept.txid), ((), 0, block.transactions[0].txid))

    def test_the_same_key_twice_is_two_outputs(self) -> None:
        """Duplicates are kept, in order."""
        self.assertEqual(self.parse(TxOut(1, p2tr(bytes(32))), TxOut(1, p2tr(bytes(32)))), [0, 1])

    def test_a_header(self) -> None:
        """Each field where it belongs; 80 bytes and no other number."""
        block = WrittenBlock(1, bytes(range(32)), 77, (coinbase(1),))
        header = decode_header(block.raw[:80])
        self.assertEqual((header.hash, header.prev_hash, header.time), (block.hash, block.prev_hash, 77))
        self.assertEqual(header.merkle_root, block.transactions[0].txid)
        self.assertEqual(display(header.hash), block.hash[::-1].hex())
        self.assertRaises(Malformed, decode_header, block.raw[:79])
