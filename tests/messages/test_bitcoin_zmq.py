"""ZMQ messages as bytes: read or refused, and their counters show what was lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.messages.bitcoin import Malformed
from sdkrelay.messages.bitcoin.zmq import Announcement, Event, Gaps, parse

HASH = bytes(range(32))


def message(topic: bytes, body: bytes, counter: int = 0) -> list[bytes]:
    """Three parts as bitcoind sends them."""
    return [topic, body, counter.to_bytes(4, "little")]


class ParseTests(SynchronousTestCase):
    """The two topics."""

    def test_a_block(self) -> None:
        """Hashes come in display order and are kept in internal order."""
        self.assertEqual(parse(message(b"hashblock", HASH, 7)), Announcement("hashblock", Event.BLOCK, HASH[::-1], 7))

    def test_blocks_in_the_sequence(self) -> None:
        """Connected and disconnected."""
        for letter, event in ((b"C", Event.CONNECTED), (b"D", Event.DISCONNECTED)):
            expected = Announcement("sequence", event, HASH[::-1], 1)
            self.assertEqual(parse(message(b"sequence", HASH + letter, 1)), expected)

    def test_transactions_in_the_sequence(self) -> None:
        """Added and removed, with the mempool's own number."""
        for letter, event in ((b"A", Event.ADDED), (b"R", Event.REMOVED)):
            expected = Announcement("sequence", event, HASH[::-1], 1, 2**40)
            self.assertEqual(parse(message(b"sequence", HASH + letter + (2**40).to_bytes(8, "little"), 1)), expected)

    def test_other_messages_are_malformed(self) -> None:
        """Other topics, lengths, letters and numbers of parts."""
        wrong = [
            [],
            [b"hashblock", HASH],
            [*message(b"hashblock", HASH), b""],
            [b"hashblock", HASH, b"\0\0\0"],
            message(b"hashblock", HASH[1:]),
            message(b"rawtx", HASH),
            message(b"sequence", HASH),
            message(b"sequence", HASH + b"A"),
            message(b"sequence", HASH + b"C" + bytes(8)),
            message(b"sequence", HASH + b"X"),
        ]
        for parts in wrong:
            self.assertRaises(Malformed, parse, parts)

    @settings(deadline=None, max_examples=80)
    @given(
        st.lists(st.one_of(st.binary(max_size=50), st.sampled_from([b"sequence", b"hashblock", bytes(4)])), max_size=4)
    )
    def test_random_parts(self, parts: list[bytes]) -> None:
        """Nothing but Malformed."""
        try:
            parse(parts)
        except Malformed:
            return


class GapTests(SynchronousTestCase):
    """Whether anything was lost."""

    def setUp(self) -> None:
        self.gaps = Gaps()

    def missed(self, counter: int, topic: str = "sequence", publisher: str = "a") -> bool:
        """What is said of this counter."""
        return self.gaps.missed(publisher, Announcement(topic, Event.BLOCK, HASH, counter))

    def test_consecutive_messages(self) -> None:
        """From number 0 on nothing is missing."""
        self.assertEqual([self.missed(counter) for counter in range(3)], [False] * 3)

    def test_the_first_message(self) -> None:
        """What was sent before we listened was missed."""
        self.assertEqual([self.missed(7), self.missed(8)], [True, False])

    def test_a_gap_and_a_restart(self) -> None:
        """A number left out, a number again, and bitcoind counting from 0 again."""
        self.missed(0)
        self.assertEqual([self.missed(each) for each in (2, 3, 3, 0, 1)], [True, False, True, True, False])

    def test_topics_and_publishers_count_for_themselves(self) -> None:
        """Each has its own counter."""
        self.assertEqual([self.missed(0, "sequence"), self.missed(0, "hashblock")], [False, False])
        self.assertEqual([self.missed(1, "sequence", "a"), self.missed(0, "sequence", "b")], [False, False])

    def test_a_new_connection(self) -> None:
        """Forgets one publisher's counters only."""
        self.missed(0), self.missed(0, publisher="b")
        self.gaps.forget("a")
        self.assertEqual([self.missed(5), self.missed(1, publisher="b")], [True, False])

    def test_the_counter_wraps(self) -> None:
        """After 2^32 - 1 comes 0."""
        self.missed(2**32 - 1)
        self.assertFalse(self.missed(0))
