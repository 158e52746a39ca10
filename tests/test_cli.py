"""The ``sdkrelay`` command."""

from __future__ import annotations

import io
from base64 import b64encode
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay import __version__
from sdkrelay.cli import main
from sdkrelay.config.sample import sample
from sdkrelay.crypto.channel import public_key
from sdkrelay.io.masterkey import identity_key
from tests.support.stores import CountedEntropy


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

    def test_the_identity_is_printed(self) -> None:
        """``sdkrelay identity`` is the public key of the data folder's file; before the first start it says so."""
        folder = Path(self.mktemp())
        folder.mkdir()
        file = Path(self.mktemp())
        file.write_text(f'data_dir = "{folder.absolute()}"\n')
        status, out, err = self.said("identity", "--config", str(file))
        self.assertEqual((status, out), (1, ""))
        self.assertIn("first start", err)
        private = identity_key(folder, CountedEntropy())
        said = self.said("identity", "--config", str(file))
        self.assertEqual(said, (0, b64encode(public_key(private)).decode() + "\n", ""))
        self.assertEqual((folder / "identity.key").stat().st_mode & 0o777, 0o600)

    def test_settings_are_checked(self) -> None:
        """``sdkrelay check`` prints each fault and says so by its status."""
        file = Path(self.mktemp())
        file.write_text("netwrk = 1\nws_url = 2\n")
        status, out, err = self.said("check", "--config", str(file))
        self.assertEqual((status, out, len(err.splitlines())), (1, "", 2))

    def test_what_can_be_done_is_listed(self) -> None:
        """Help names every subcommand; without one, or with an unknown one, the status is 2."""
        _, help_text, _ = self.said("--help")
        for command in ("run", "demo", "mesh-demo", "check", "reindex", "config", "version"):
            self.assertRegex(help_text, rf"(?m)^    {command}( |$)")
        self.assertEqual([self.said()[0], self.said("dance")[0]], [2, 2])

    def test_run_has_the_options_of_twistd(self) -> None:
        """Its help is the plugin's."""
        status, out, _ = self.said("run", "--help")
        self.assertEqual(status, 0)
        self.assertIn("--bitcoin-url=", out)
