"""Conditions as texts: what they mean, and what is no condition."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.expression import DEEPEST, LONGEST, MOST, ConditionError, parse_condition
from sdkrelay.domain.figure import FIGURES, Value

NUMBERS = [name for name, figure in FIGURES.items() if not figure.is_boolean]
BOOLEANS = [name for name, figure in FIGURES.items() if figure.is_boolean]
SIGNS = {"==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@frozen
class Sample:
    """The text of a condition, and what it means."""

    text: str
    means: Callable[[dict[str, Any]], bool]


def compared(name: str, sign: str, value: Any) -> Sample:
    """A comparison."""
    return Sample(f"{name} {sign} {str(value).lower()}", lambda values: bool(SIGNS[sign](values[name], value)))


def joined(first: Sample, word: str, second: Sample) -> Sample:
    """Two conditions, in parentheses."""
    both = all if word == "and" else any
    text = f"({first.text} {word} {second.text})"
    return Sample(text, lambda values: both((first.means(values), second.means(values))))


comparisons = st.one_of(
    st.builds(compared, st.sampled_from(NUMBERS), st.sampled_from(list(SIGNS)), st.integers(-3, 3)),
    st.builds(compared, st.sampled_from(BOOLEANS), st.sampled_from(["==", "!="]), st.booleans()),
)
samples = st.recursive(
    comparisons, lambda inner: st.builds(joined, inner, st.sampled_from(["and", "or"]), inner), max_leaves=8
)
figures = st.fixed_dictionaries(
    {**{name: st.integers(-3, 3) for name in NUMBERS}, **{name: st.booleans() for name in BOOLEANS}}
)


def holds(text: str, **values: Value) -> bool:
    """Whether a condition holds with these figures."""
    return parse_condition(text).holds(values)


class MeaningTests(SynchronousTestCase):
    """What conditions mean."""

    def test_the_four_of_the_documents(self) -> None:
        """Each holds beyond its bound, and not at it."""
        self.assertEqual(
            [holds("cpu_usage > 80", cpu_usage=value) for value in (79.9, 80.0, 80.1)], [False, False, True]
        )
        self.assertEqual([holds("latency > 1", latency=value) for value in (1.0, 1.001)], [False, True])
        self.assertEqual([holds("error_rate > 5", error_rate=value) for value in (5, 6)], [False, True])
        self.assertEqual(
            [holds("bitcoin_connected == false", bitcoin_connected=value) for value in (True, False)], [False, True]
        )

    def test_and_binds_closer_than_or(self) -> None:
        """Parentheses bind closest."""
        given_figures = {"cpu_usage": 1.0, "latency": 1.0, "error_rate": 0.0}
        self.assertTrue(holds("cpu_usage > 0 or latency > 0 and error_rate > 0", **given_figures))
        self.assertFalse(holds("(cpu_usage > 0 or latency > 0) and error_rate > 0", **given_figures))

    def test_space_and_case_do_not_matter(self) -> None:
        """Any of both, or none."""
        self.assertTrue(holds("\n CPU_usage>80\tAND bitcoin_connected==FALSE ", cpu_usage=81, bitcoin_connected=False))

    def test_numbers_may_be_negative_and_have_decimals(self) -> None:
        """A fraction is exact enough to be compared."""
        self.assertTrue(holds("latency >= -0.5 and latency < 0.25", latency=0.249))

    def test_without_a_sample_nothing_holds(self) -> None:
        """Neither a comparison nor its contrary."""
        for sign in (">", "<=", "!="):
            self.assertFalse(holds(f"latency {sign} 1", latency=None))
        self.assertFalse(holds("latency > 1"))

    @settings(deadline=None, max_examples=150)
    @given(samples, figures)
    def test_any_condition_means_what_its_parts_mean(self, sample: Sample, values: dict[str, Any]) -> None:
        """However they are joined."""
        self.assertEqual(parse_condition(sample.text).holds(values), sample.means(values))

    def test_figures_are_named_once_in_order(self) -> None:
        """However often they are compared."""
        condition = parse_condition("latency > 1 or (cpu_usage > 80 and latency > 0.5)")
        self.assertEqual([figure.name for figure in condition.figures()], ["latency", "cpu_usage"])


class RefusalTests(SynchronousTestCase):
    """What is no condition, and where."""

    def refused(self, text: str) -> ConditionError:
        """The error about a text."""
        return self.assertRaises(ConditionError, parse_condition, text)

    def test_errors_name_the_position(self) -> None:
        """The first character that cannot be, from 1 on."""
        for text, position in (
            ("", 1), ("   ", 4), ("cpu_usage", 10), ("cpu_usage >", 12), ("cpu_usage > 80%", 15), ("cpu > 80", 1),
            ("cpu_usage > 80 latency > 1", 16), ("(cpu_usage > 80", 16), ("cpu_usage > 80)", 15), ("cpu_usage > true", 13),
            ("bitcoin_connected == 0", 22), ("bitcoin_connected > true", 19), ("cpu_usage = 80", 11), ("80 > cpu_usage", 1),
            ("cpu_usage > 80 and", 19), ("and cpu_usage > 80", 1), ("()", 2), ("cpu_usage > latency", 13), ("not cpu_usage > 1", 1),
        ):  # fmt: skip
            self.assertEqual(self.refused(text).position, position, text)

    def test_nothing_is_evaluated(self) -> None:
        """Words of other languages are unknown figures or have no meaning."""
        for text in (
            "__import__('os')",
            "cpu_usage > 1 or exec",
            "cpu_usage.real > 1",
            "1e999 < cpu_usage",
            "cpu_usage > 1_0",
        ):
            self.refused(text)

    def test_an_unknown_figure_is_answered_with_the_known(self) -> None:
        """All of them."""
        said = str(self.refused("cpu_use > 80"))
        self.assertIn("not 'cpu_use'", said)
        self.assertIn(", ".join(FIGURES), said)

    def test_length_is_bounded(self) -> None:
        """And so is what is said about it."""
        parse_condition("cpu_usage > 80".ljust(LONGEST))
        self.assertEqual(self.refused("cpu_usage > 80".ljust(LONGEST + 1)).position, LONGEST + 1)
        self.assertLess(len(str(self.refused("x" * LONGEST))), 500)
        self.refused("(" * 10_000_000)

    def test_depth_is_bounded(self) -> None:
        """The error points at the first that is too deep."""
        parse_condition("(" * DEEPEST + "latency > 1" + ")" * DEEPEST)
        deeper = "(" * (DEEPEST + 1) + "latency > 1" + ")" * (DEEPEST + 1)
        self.assertEqual(self.refused(deeper).position, DEEPEST + 1)

    def test_the_number_of_comparisons_is_bounded(self) -> None:
        """However they are joined."""
        parse_condition(" or ".join(["latency>1"] * MOST))
        self.assertIn("at most", str(self.refused(" or ".join(["latency>1"] * (MOST + 1)))))

    def test_numbers_are_those_of_the_grammar(self) -> None:
        """No digits of other scripts, no exponents, nothing endless."""
        for number in ("\u0661", "1e3", "inf", "nan", "0x10", "9" * 16, "1.", ".5", "+1", "--1"):
            self.refused(f"latency > {number}")

    @settings(deadline=None, max_examples=300)
    @given(
        st.one_of(
            st.text(max_size=60),
            st.lists(st.sampled_from(["(", ")", "latency", ">", "1", "and", "true"])).map(" ".join),
        )
    )
    def test_any_text_is_a_condition_or_an_error(self, text: str) -> None:
        """Nothing else is ever raised, and the position is in the text or right behind it."""
        try:
            parse_condition(text)
        except ConditionError as error:
            self.assertTrue(1 <= error.position <= len(text) + 1)
