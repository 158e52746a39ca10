"""Bech32m: round trips, refusals, and that a checksum notices damage."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.crypto import bech32m

PREFIXES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20).map(str.lower)
WORDS = st.lists(st.integers(0, 31), max_size=200)


class RoundTripTests(SynchronousTestCase):
    """What is encoded is decoded."""

    @settings(deadline=None, max_examples=100)
    @given(PREFIXES, WORDS)
    def test_strings(self, prefix: str, words: list[int]) -> None:
        """Any prefix and words come back, also from upper case."""
        text = bech32m.encode(prefix, words)
        self.assertEqual(bech32m.decode(text, 1023), (prefix, words))
        self.assertEqual(bech32m.decode(text.upper(), 1023), (prefix, words))

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=100))
    def test_bytes(self, data: bytes) -> None:
        """Bytes come back from words, of which there are as few as possible."""
        words = bech32m.to_words(data)
        self.assertEqual(bech32m.from_words(words), data)
        self.assertEqual(len(words), (8 * len(data) + 4) // 5)

    @settings(deadline=None, max_examples=100)
    @given(WORDS, st.data())
    def test_damage_is_noticed(self, words: list[int], data: st.DataObject) -> None:
        """One to three characters replaced make the checksum wrong."""
        text = bech32m.encode("sp", words)
        places = data.draw(st.sets(st.integers(3, len(text) - 1), min_size=1, max_size=3))
        for place in places:
            others = bech32m.ALPHABET.replace(text[place], "")
            text = text[:place] + data.draw(st.sampled_from(others)) + text[place + 1 :]
        self.assertRaises(ValueError, bech32m.decode, text, 1023)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=60))
    def test_any_text(self, text: str) -> None:
        """Whatever is decoded, only ValueError is raised."""
        try:
            bech32m.decode(text, 1023)
        except ValueError:
            return


class RefusalTests(SynchronousTestCase):
    """Each refusal says what is wrong."""

    def refused(self, text: str, reason: str, limit: int = 1023) -> None:
        """Decoding fails for this reason."""
        problem = self.assertRaises(ValueError, bech32m.decode, text, limit)
        self.assertIn(reason, str(problem))

    def test_length(self) -> None:
        """A string may be as long as the limit, and no longer."""
        text = bech32m.encode("sp", [0] * 1014)
        self.assertEqual(len(text), 1023)
        bech32m.decode(text, 1023)
        self.refused(text, "longer than 1022 characters", 1022)

    def test_case(self) -> None:
        """Mixed case is refused."""
        text = bech32m.encode("sp", [1, 2, 3])
        self.refused(text[:-1] + text[-1].upper() if text[-1].isalpha() else text[0].upper() + text[1:], "mixed")

    def test_parts(self) -> None:
        """Separator, prefix, checksum and alphabet must be there."""
        self.refused("qqqqqqqq", "no separator")
        self.refused("1qqqqqq", "prefix")
        self.refused("\x7f1qqqqqq", "prefix")
        self.refused("sp1qqqqq", "too short")
        self.refused("sp1bqqqqqq", "character")
        self.refused("sp1qqqqqq", "checksum")

    def test_padding(self) -> None:
        """What is left over must be less than a word, and zero."""
        for words in ([0], [0, 1], [0, 0, 0], [31, 31]):
            self.assertRaises(ValueError, bech32m.from_words, words)

    def test_encoding(self) -> None:
        """Words and prefixes out of range are not encoded."""
        for prefix, words in (("sp", [32]), ("sp", [-1]), ("", [0]), ("SP", [0]), ("s p", [0]), ("a" * 84, [0])):
            self.assertRaises(ValueError, bech32m.encode, prefix, words)
