"""What the log shows at the levels of the settings, and where it goes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import Logging
from sdkrelay.logs import make_observer, open_log


class LevelsTests(SynchronousTestCase):
    """Lines by level and module."""

    def shown(self, settings: Logging) -> list[str]:
        """Which of four lines, of two modules and two levels, are written."""
        file = io.StringIO()
        observer = make_observer(settings, file)
        for namespace in ("sdkrelay.io.net.websocket", "sdkrelay.services"):
            logger = Logger(namespace=namespace, observer=observer)
            logger.debug("fine {what}", what=namespace)
            logger.info("coarse {what}", what=namespace)
        return [line.partition("] ")[2] for line in file.getvalue().splitlines()]

    def test_info_is_the_default(self) -> None:
        """Details are not shown."""
        self.assertEqual(self.shown(Logging()), ["coarse sdkrelay.io.net.websocket", "coarse sdkrelay.services"])

    def test_a_module_can_have_its_own_level(self) -> None:
        """It holds for the modules below it too."""
        settings = Logging(level="error", levels={"sdkrelay.io.net": "debug"})
        expected = ["fine sdkrelay.io.net.websocket", "coarse sdkrelay.io.net.websocket"]
        self.assertEqual(self.shown(settings), expected)


class PlacesTests(SynchronousTestCase):
    """As twistd itself chooses."""

    def test_the_terminal_in_the_foreground(self) -> None:
        """Without a file, or with a dash."""
        self.assertIs(open_log(None, True), sys.stdout)
        self.assertIs(open_log("-", True), sys.stdout)

    def test_a_file_that_is_named(self) -> None:
        """In the foreground too."""
        name = self.mktemp()
        log = open_log(name, True)
        self.addCleanup(log.close)
        log.write("a line\n")
        log.flush()
        self.assertEqual(Path(name).read_text(), "a line\n")
