"""Index rows of blocks, look-ups into them, and the cutting of rows into pieces of work."""

from __future__ import annotations

import random
import struct
from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto.silent import compress
from sdkrelay.domain.chain import Txid, TxOut
from sdkrelay.ports import RawBlock
from sdkrelay.services.blocks import BlockView, view_block
from sdkrelay.services.keys import checked_keys
from sdkrelay.services.matching import cut, find_rows, join_rows, prefix_sets, select
from tests.support.blocks import Spending, Written, WrittenBlock, coinbase, p2tr, random_transaction
from tests.support.simulated import Owner, payment, spending


def view_of(*transactions: Written, first: Written | None = None) -> BlockView:
    block = WrittenBlock(7, bytes(32), 1_700_000_000, (first or coinbase(7), *transactions))
    return view_block(RawBlock(7, block.raw, block.undo), {})


class IndexRowTests(SynchronousTestCase):
    """One row of packed columns a block."""

    def setUp(self) -> None:
        self.source = random.Random(1)
        self.owner = Owner.make(self.source)

    def test_columns_of_an_eligible_transaction(self) -> None:
        """Txid, number of taproot outputs, their prefixes and the largest value stand in the row; the digest is of the tweak."""
        paid = payment(self.source, self.owner, 9_000)

        row = view_of(paid).row

        self.assertEqual((7, 1, paid.txid, b"\1\0\0\0"), (row.height, row.count, row.txids, row.counts))
        self.assertEqual(paid.outputs[0].script[2:10], row.prefixes)
        self.assertEqual((9_000).to_bytes(8, "little"), row.largest)
        self.assertEqual(sha256(compress(row.tweaks)).digest(), row.digest)

    def test_ineligible_outputs_are_kept_apart(self) -> None:
        """The coinbase's taproot outputs, and those of transactions without a usable input, are among the others."""
        first = coinbase(7, (TxOut(5, p2tr(b"\7" * 32)),))
        unknown = Spending(self.source.randbytes(36), TxOut(10, b"\x52\x20" + bytes(32)), b"", (b"",))
        odd = Written((unknown,), (TxOut(4, p2tr(b"\x08" * 32)),))

        row = view_of(odd, first=first).row

        self.assertEqual((0, b"\7" * 8 + b"\x08" * 8), (row.count, row.others))

    def test_spent_keys(self) -> None:
        """Each spend of a taproot output leaves the start of the key it spends."""
        paid = payment(self.source, self.owner)

        view = view_of(paid, spending(self.source, paid))

        self.assertEqual(paid.outputs[0].script[2:10], view.row.spent)
        self.assertEqual([paid.outpoint(0)], list(view.spends))

    def test_known_tweaks_are_taken(self) -> None:
        """A tweak computed in the mempool is not computed again, and one known as ineligible stays out."""
        first, second = payment(self.source, self.owner), payment(self.source, self.owner)
        block = WrittenBlock(7, bytes(32), 1_700_000_000, (coinbase(7), first, second))

        view = view_block(RawBlock(7, block.raw, block.undo), {Txid(first.txid): b"\5" * 64, Txid(second.txid): None})

        self.assertEqual((1, b"\5" * 64), (view.row.count, view.row.tweaks))
        self.assertEqual(second.outputs[0].script[2:10], view.row.others)

    def test_look_ups(self) -> None:
        """Transactions are found by txid and by the start of a key they pay."""
        paid = payment(self.source, self.owner)

        view = view_of(paid, random_transaction(self.source, taproot=True))

        self.assertEqual(paid.txid, view.by_txid[Txid(paid.txid)].txid)
        self.assertEqual([paid.txid], [one.txid for one in view.paying[paid.outputs[0].script[2:10]]])


class PieceTests(SynchronousTestCase):
    """Rows are cut and chosen without losing or mixing any."""

    def setUp(self) -> None:
        source = random.Random(2)
        self.owner = Owner.make(source)
        self.transactions = [
            payment(source, self.owner) if number % 4 == 3 else random_transaction(source, True, outputs=1 + number % 3)
            for number in range(23)
        ]
        self.row = view_of(*self.transactions).row
        request = self.owner.registration()
        self.keys = checked_keys(request.scan_private_key.reveal(), request.spend_public_key, ())

    def test_cut_pieces_join_to_the_whole(self) -> None:
        """Pieces of any size hold the same rows in order."""
        whole = join_rows([self.row])
        for size in (1, 2, 7, 22, 23, 24):
            pieces = cut(whole, size)
            self.assertEqual(whole.tweaks, b"".join(piece.tweaks for piece in pieces))
            self.assertEqual(whole.counts, b"".join(piece.counts for piece in pieces))
            self.assertEqual(whole.prefixes, b"".join(piece.prefixes for piece in pieces))
            for piece in pieces:
                self.assertEqual(len(piece.prefixes), 8 * sum(struct.unpack(f"<{piece.count}I", piece.counts)))

    def test_hits_are_the_payments(self) -> None:
        """The rows found are those of the wallet's payments, whatever the pieces."""
        payments = {one.txid for one in self.transactions[3::4]}
        txids = [self.row.txids[32 * row : 32 * row + 32] for row in range(self.row.count)]
        expected = [row for row, txid in enumerate(txids) if txid in payments]

        self.assertEqual(expected, find_rows(self.keys, join_rows([self.row])))
        chosen = select(self.row, [0, expected[0], expected[1]])
        self.assertEqual([1, 2], find_rows(self.keys, chosen))

    def test_prefix_sets(self) -> None:
        """A block's keys, paid or spent, are all in its set."""
        (prefixes,) = prefix_sets([self.row])

        paid = {out.script[2:10] for one in self.transactions for out in one.outputs if len(out.script) == 34}
        self.assertTrue(paid <= prefixes)
        self.assertEqual(len(self.row.prefixes + self.row.others + self.row.spent) // 8, len(prefixes))
