"""When an alert fires and clears, and how figures are said."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.domain.alert import DEFAULT_RULES, AlertState, Standing
from sdkrelay.domain.expression import parse_condition
from sdkrelay.domain.figure import FIGURES
from tests.support.source import ROOT

EPOCH = 1_700_000_000.0
START = Standing(AlertState.OK, EPOCH)


def walked(*looks: tuple[float, bool], delays: tuple[float, float] = (30, 60)) -> list[str]:
    """The states after looks at these seconds, with what the condition said."""
    standing, states = START, []
    for second, holds in looks:
        standing = standing.judged(holds, delays, second, EPOCH + second)
        states.append(standing.state.value)
    return states


class StandingTests(SynchronousTestCase):
    """A condition that comes and goes."""

    def test_it_fires_once_the_condition_has_lasted(self) -> None:
        """Not before."""
        self.assertEqual(walked((0, True), (29.9, True), (30, True)), ["pending", "pending", "firing"])

    def test_a_break_begins_the_wait_anew(self) -> None:
        """A figure that wavers never fires."""
        self.assertEqual(
            walked((0, True), (20, False), (25, True), (50, True)), ["pending", "ok", "pending", "pending"]
        )

    def test_it_clears_once_the_condition_is_gone_for_long_enough(self) -> None:
        """A return in between begins that wait anew."""
        looks = (0, True), (30, True), (40, False), (90, False), (95, True), (100, False), (159, False), (160, False)
        self.assertEqual(walked(*looks), ["pending", *["firing"] * 6, "ok"])

    def test_without_delays_it_follows_the_condition(self) -> None:
        """At once, in both directions."""
        self.assertEqual(walked((0, True), (0, False), (1, True), delays=(0, 0)), ["firing", "ok", "firing"])

    def test_since_is_when_the_state_began(self) -> None:
        """Looks that change nothing do not move it."""
        firing = START.judged(True, (0, 60), 5, EPOCH + 5).judged(True, (0, 60), 9, EPOCH + 9)
        self.assertEqual((firing.state, firing.since), (AlertState.FIRING, EPOCH + 5))
        self.assertEqual(firing.judged(False, (0, 60), 12, EPOCH + 12).since, EPOCH + 5)


class WordsTests(SynchronousTestCase):
    """The built-in rules and the list of figures."""

    def test_the_built_in_rules_are_conditions(self) -> None:
        """The four that the documents name, and one about other relays."""
        documented = ["cpu_usage > 80", "latency > 1", "error_rate > 5", "bitcoin_connected == false"]
        conditions = [*documented, "differing_digests > 0"]
        self.assertEqual([rule.condition for rule in DEFAULT_RULES], conditions)
        self.assertEqual([len(parse_condition(text).figures()) for text in conditions], [1] * 5)

    def test_figures_are_said_in_words(self) -> None:
        """With their value, or that there is none."""
        self.assertEqual(FIGURES["cpu_usage"].sentence(85.0), "CPU usage is 85%")
        self.assertEqual(FIGURES["bitcoin_connected"].sentence(False), "bitcoind is not connected")
        self.assertEqual(FIGURES["latency"].sentence(None), "latency is not known")

    def test_every_figure_has_its_words(self) -> None:
        """A number's sentence has a place for it, a truth has its contrary; each says what it is."""
        for figure in FIGURES.values():
            self.assertEqual("{}" in figure.said, not figure.is_boolean, figure.name)
            self.assertRegex(figure.about, r"\A[A-Z].*\.\Z")

    def test_the_manual_names_every_figure_and_alert(self) -> None:
        """With its unit, or its condition."""
        manual = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
        for figure in FIGURES.values():
            unit = "true, false" if figure.is_boolean else figure.unit
            self.assertRegex(manual, rf"\n\| [^|]*`{figure.name}`[^|]*\| {unit} ?\|", figure.name)
        for rule in DEFAULT_RULES:
            self.assertIn(f"| `{rule.alert_id}` | `{rule.condition}` | {rule.severity} |", manual)
