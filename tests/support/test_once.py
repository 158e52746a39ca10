"""What tests install: once, tried again when it fails, and with a reason that says why it is not there."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from .once import fetch, made_once


def python(program: str) -> tuple[str, ...]:
    """A command that runs this program."""
    return (sys.executable, "-c", program)


class OnceTests(SynchronousTestCase):
    """Folders and the commands that fill them."""

    def test_filled_once(self) -> None:
        """What is complete is not made again."""
        folder, made = Path(self.mktemp()), list[Path]()
        self.assertEqual([folder, folder], [made_once(folder, made.append) for _ in range(2)])
        self.assertEqual([folder], made)

    def test_what_cannot_be_had_is_not_asked_for_again(self) -> None:
        """Every test that needs it is skipped for the same reason, at once."""
        folder, asked = Path(self.mktemp()), list[Path]()

        def make(folder: Path) -> None:
            asked.append(folder)
            raise SkipTest("no such package")

        for _ in range(2):
            with self.assertRaisesRegex(SkipTest, "no such package"):
                made_once(folder, make)
        self.assertEqual([folder], asked)

    def test_tried_again(self) -> None:
        """A registry that fails once is asked once more, in the folder that was named."""
        folder = Path(self.mktemp())
        folder.mkdir()
        fetch(
            ["it"],
            python("open('tried', 'x') and 1/0 if not __import__('os').path.exists('tried') else 0"),
            folder=folder,
        )
        self.assertTrue((folder / "tried").exists())

    def test_the_reason(self) -> None:
        """It has the last words of the command."""
        with self.assertRaisesRegex(SkipTest, "it cannot be installed: .*certificate in chain"):
            fetch(["it"], python("import sys; sys.exit('certificate in chain')"))
        with self.assertRaisesRegex(SkipTest, "it cannot be installed: .*no-such-program"):
            fetch(["it"], ("no-such-program",))
