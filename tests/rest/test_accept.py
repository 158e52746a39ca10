"""What a client would rather have."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.rest.accept import preferred

OFFERS = ("application/json", "text/plain", "application/openmetrics-text")
PROMETHEUS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"


class AcceptTests(SynchronousTestCase):
    """JSON unless something else is wanted more."""

    def test_each_header_has_its_choice(self) -> None:
        """Browsers, curl, scrapers and people."""
        for header, chosen in (
            (None, 0), ("", 0), ("*/*", 0), ("application/json", 0), ("text/html,application/xml;q=0.9,*/*;q=0.8", 0),
            ("text/plain", 1), ("TEXT/PLAIN; version=0.0.4", 1), ("text/*", 1), ("text/plain,application/json;q=0.9", 1),
            ("application/json,text/plain;q=0.9", 0), (PROMETHEUS, 2), ("application/openmetrics-text, text/plain;q=0.5", 2),
            ("application/json;q=0,text/plain;q=0.1", 1), ("image/png", 0),
        ):  # fmt: skip
            self.assertEqual(preferred(header, OFFERS), OFFERS[chosen], header)

    def test_what_is_out_of_form_counts_for_nothing(self) -> None:
        """And hurts nobody."""
        for header in ("text/plain;q=x", "text/plain;q=-1", "text/plain;q=nan", "text/plain;q=1e9", ";;q=,,=", "text"):
            self.assertEqual(preferred(header, OFFERS), OFFERS[0], header)

    @settings(deadline=None, max_examples=200)
    @given(st.text(alphabet="text/plain*;q=.0159,json applicatin\x00é"))
    def test_whatever_comes_there_is_one_choice(self, header: str) -> None:
        """Never a failure."""
        self.assertIn(preferred(header, OFFERS), OFFERS)
