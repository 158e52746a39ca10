"""The ``sdkrelay`` command."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay import __version__
from sdkrelay.cli import main
from sdkrelay.config.sample import sample


class CommandTests(SynchronousTestCase):
    """Each subcommand, in this process."""

    def said(self, *arguments: str) -> tuple[int | str | None, str, str]:
        """Status, standard output and standard error of a command line."""
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            try:
                status: int | str | None = main(arguments)
            except SystemExit as end:
                status = end.code
        return status, out.getvalue(), err.getvalue()

    def test_the_sample_is_printed(self) -> None:
        """``sdkrelay config`` is the commented file."""
        self.assertEqual(self.said("config"), (0, sample(), ""))

    def test_the_version_is_printed(self) -> None:
        """``sdkrelay version`` is the package's."""
        self.assertEqual(self.said("version"), (0, f"sdkrelay {__version__}\n", ""))

    def test_settings_are_checked(self) -> None:
        """``sdkrelay check`` prints each fault and says so by its status."""
        file = Path(self.mktemp())
        file.write_text("netwrk = 1\nws_url = 2\n")
        status, out, err = self.said("check", "--config", str(file))
        self.assertEqual((status, out, len(err.splitlines())), (1, "", 2))

    def test_what_can_be_done_is_listed(self) -> None:
        """Help names every subcommand; without one, or with an unknown one, the status is 2."""
        _, help_text, _ = self.said("--help")
        for command in ("run", "demo", "check", "reindex", "config", "version"):
            self.assertIn(f"    {command} ", help_text)
        self.assertEqual([self.said()[0], self.said("dance")[0]], [2, 2])

    def test_run_has_the_options_of_twistd(self) -> None:
        """Its help is the plugin's."""
        status, out, _ = self.said("run", "--help")
        self.assertEqual(status, 0)
        self.assertIn("--bitcoin-url=", out)
