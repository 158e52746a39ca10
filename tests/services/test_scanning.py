"""Scans on request, over the real services on a simulated node."""

from __future__ import annotations

from typing import Any

from sdkrelay.crypto.silent import encode_address, public_key
from sdkrelay.domain.problem import Code, Problem
from sdkrelay.messages.native.scan import ScanCancel, ScanKeys, ScanProgress, ScanRequest, ScanResponse
from sdkrelay.messages.native.session import Error
from tests.services.test_wallets import WalletCase
from tests.support.simulated import Listener, Owner, payment, spending


class ScanCase(WalletCase):
    """A relay, an owner whose wallet nobody registered, and somebody who scans."""

    def keys(self, owner: Owner | None = None, labels: tuple[int, ...] = ()) -> ScanKeys:
        request = (owner or self.owner).registration()
        return ScanKeys(
            scan_private_key=request.scan_private_key, spend_public_key=request.spend_public_key, labels=labels
        )

    def ask(self, first: int, last: int, addresses: tuple[str, ...] = (), **fields: Any) -> ScanProgress:
        request = ScanRequest(from_block=first, to_block=last, addresses=addresses, **fields)
        answer: ScanProgress = self.relay.run(self.relay.scans.scan(request, self.listener))
        return answer

    def results(self, first: int, last: int, **fields: Any) -> list[ScanResponse]:
        self.ask(first, last, **fields)
        self.wait()
        return [message for message in self.listener.told if isinstance(message, ScanResponse)]

    def given_an_old_payment(self) -> None:
        """A payment in block 5, which the node must be asked for again."""
        self.node.mine((payment(self.source, self.owner),))
        for _ in range(60):
            self.node.mine()
        self.wait(300)

    def refused(self, *arguments: Any, **fields: Any) -> Problem:
        with self.assertRaises(Problem) as caught:
            self.ask(*arguments, **fields)
        return caught.exception


class ScanTests(ScanCase):
    """What a scan finds."""

    def test_finds_what_was_paid_in_the_range(self) -> None:
        """Only blocks of the range count; amounts, places and keys are those of the transaction."""
        paid = payment(self.source, self.owner, 77_000)
        self.node.mine((payment(self.source, self.owner),))
        self.node.mine((paid,))
        self.node.mine((payment(self.source, self.owner),))
        self.wait()

        (response,) = self.results(6, 6, scan_keys=(self.keys(),))

        (found,) = response.results[0].transactions
        self.assertEqual(
            (paid.txid[::-1].hex(), 0, 77_000, "0.00077", 6),
            (found.txid, found.vout, found.amount_sats, found.amount, found.block_height),
        )
        self.assertEqual(paid.outputs[0].script[2:].hex(), found.output)
        self.assertFalse(response.more)

    def test_spends_are_known_up_to_the_tip(self) -> None:
        """An output of the range is spent when a later block spends it, or the mempool."""
        first, second = payment(self.source, self.owner), payment(self.source, self.owner)
        self.node.mine((first, second, payment(self.source, self.owner)))
        self.node.mine((spending(self.source, first),))
        self.node.add(spending(self.source, second))
        self.wait()

        (response,) = self.results(5, 5, scan_keys=(self.keys(),))

        self.assertEqual([True, True, False], [found.spent for found in response.results[0].transactions])

    def test_wallet_that_is_held_needs_no_keys(self) -> None:
        """The address of a held wallet, and a labelled one of it, can be scanned for."""
        registered = self.relay.run(self.relay.wallets.register(self.owner.registration(labels=(4,)), self.listener))
        self.node.mine((payment(self.source, self.owner),))
        self.wait()

        (response,) = self.results(0, 5, addresses=(registered.address,))

        self.assertEqual(1, len(response.results[0].transactions))

    def test_long_results_come_in_several(self) -> None:
        """Answers after the first 500 outputs, and after each address but the last, say that there is more."""
        self.node.mine(tuple(payment(self.source, self.owner) for _ in range(502)))
        self.wait()

        responses = self.results(5, 5, scan_keys=(self.keys(), self.keys(Owner.make(self.source))))

        self.assertEqual([True, True, False], [response.more for response in responses])
        self.assertEqual([500, 2, 0], [len(response.results[0].transactions) for response in responses])

    def test_a_reorganisation_in_between(self) -> None:
        """A scan that the chain changed under starts again, and finds what the best chain holds."""
        self.node.mine((payment(self.source, self.owner),))
        self.wait()
        self.ask(0, 5, scan_keys=(self.keys(),))
        self.node.undo()
        self.node.mine()
        self.node.mine()
        self.wait(400)

        (response,) = [message for message in self.listener.told if isinstance(message, ScanResponse)]
        self.assertEqual((), response.results[0].transactions)

    def test_cancelled(self) -> None:
        """A cancelled scan says so and tells nothing more; a second cancel finds nothing."""
        progress = self.ask(0, 4, scan_keys=(self.keys(),))
        cancel = ScanCancel(scan_id=progress.scan_id)

        self.assertTrue(self.relay.run(self.relay.scans.cancel(cancel, self.listener)).cancelled)
        self.wait()
        self.assertEqual([], [message for message in self.listener.told if isinstance(message, ScanResponse)])
        with self.assertRaises(Problem) as caught:
            self.relay.run(self.relay.scans.cancel(cancel, self.listener))
        self.assertEqual(Code.NOT_FOUND, caught.exception.code)

    def test_a_foreign_scan_cannot_be_cancelled(self) -> None:
        """Another session's scan is not found."""
        progress = self.ask(0, 4, scan_keys=(self.keys(),))
        with self.assertRaises(Problem):
            cancel = ScanCancel(scan_id=progress.scan_id)
            self.relay.run(self.relay.scans.cancel(cancel, Listener(self.time, "other")))

    def test_a_node_that_stays_away(self) -> None:
        """A block that cannot be had is an error in the end, never an empty answer."""
        self.given_an_old_payment()
        self.node.failing = 1.0

        self.ask(0, 5, scan_keys=(self.keys(),))
        self.wait(3_000)

        (error,) = [message for message in self.listener.told if isinstance(message, Error)]
        self.assertEqual(Code.UNAVAILABLE, error.error_code)


class RefusedScanTests(ScanCase):
    """What cannot be scanned is refused, with the reason."""

    def test_blocks_that_are_not_indexed(self) -> None:
        """UNAVAILABLE with the range that is, never an empty answer."""
        problem = self.refused(0, 5, scan_keys=(self.keys(),))

        self.assertEqual(
            (Code.UNAVAILABLE, 0, 4), (problem.code, problem.details["first_block"], problem.details["last_block"])
        )

    def test_range_backwards(self) -> None:
        """The last block may not be before the first."""
        self.assertEqual("to_block", self.refused(3, 2, scan_keys=(self.keys(),)).details["field"])

    def test_address_without_keys(self) -> None:
        """An address alone cannot be scanned for."""
        address = encode_address(*(public_key(self.source.randbytes(32)) for _ in range(2)), "tsp")

        problem = self.refused(0, 1, addresses=(address,))

        self.assertEqual("addresses[0]", problem.details["field"])
        self.assertIn("alone", problem.message)

    def test_address_of_another_network(self) -> None:
        """A mainnet address is told to be one of another network."""
        address = encode_address(*(public_key(self.source.randbytes(32)) for _ in range(2)), "sp")

        self.assertIn("network", self.refused(0, 1, addresses=(address,)).message)

    def test_no_address_at_all(self) -> None:
        """Broken addresses are refused with what is wrong; so is a request for nobody."""
        self.assertEqual("addresses[0]", self.refused(0, 1, addresses=("tsp1nonsense",)).details["field"])
        self.assertEqual("addresses", self.refused(0, 1).details["field"])

    def test_bad_keys(self) -> None:
        """Keys of a scan are checked as those of a wallet, and never repeated."""
        keys = ScanKeys(scan_private_key=self.keys().scan_private_key, spend_public_key="02" + "00" * 31 + "05")
        problem = self.refused(0, 1, scan_keys=(keys,))

        self.assertEqual("scan_keys[0].spend_public_key", problem.details["field"])

    def test_too_many_scans(self) -> None:
        """A fifth scan beside four, which wait for a node that is away, is refused; the others go on."""
        self.given_an_old_payment()
        self.node.failing = 1.0
        for _ in range(4):
            self.ask(0, 5, scan_keys=(self.keys(),))

        self.assertEqual(Code.LIMIT_EXCEEDED, self.refused(0, 5, scan_keys=(self.keys(),)).code)
        self.node.failing = 0.0
        self.wait(200)
        self.assertEqual(4, len([one for one in self.listener.told if isinstance(one, ScanResponse)]))
