"""The sample file is what the types say, and a file that works."""

from __future__ import annotations

import re

from msgspec.structs import replace
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.check import check
from sdkrelay.config.model import Config
from sdkrelay.config.parse import KEYS, parse
from sdkrelay.config.sample import sample, toml_value

from ..support.source import ROOT


class SampleTests(SynchronousTestCase):
    """``etc/sdkrelay.toml``."""

    def test_it_is_current(self) -> None:
        """The file of the repository is the one printed now (make sample)."""
        self.assertEqual((ROOT / "etc/sdkrelay.toml").read_text(encoding="utf-8"), sample())

    def test_as_it_stands_it_sets_nothing(self) -> None:
        """Reading it gives the defaults."""
        self.assertEqual(parse(sample(), {}, {}), Config())

    def test_with_every_key_uncommented_it_is_read(self) -> None:
        """Each value shown is one that its key takes; only the two ways to log in exclude each other."""
        text = re.sub(r"^#(?=\w)", "", sample(), flags=re.MULTILINE)
        config = parse(text, {}, {})
        self.assertEqual([fault.key for fault in check(config)], ["bitcoin_core.cookie_path", "mesh.token"])
        limits = replace(config.limits, remote_ip_header="", trusted_proxies=(), exempt=())
        self.assertEqual(limits, Config().limits)

    def test_every_key_stands_in_it(self) -> None:
        """With a sentence above it."""
        for key in KEYS:
            self.assertRegex(sample(), rf"\n# [^\n]+\n#{key.rpartition('.')[2]} = ")

    def test_values_are_toml(self) -> None:
        """Strings are quoted, tables written inline."""
        values = ['a"b', 5, False, ["x"], {"a.b": "c"}]
        self.assertEqual([toml_value(value) for value in values], ['"a\\"b"', "5", "false", '["x"]', '{"a.b" = "c"}'])
