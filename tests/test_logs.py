"""What the log shows at the levels of the settings, in which form, and where it goes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.config.model import Logging
from sdkrelay.levels import Levels
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
        expected = ["coarse sdkrelay.io.net.websocket", "coarse sdkrelay.services"]
        self.assertEqual(self.shown(Logging(format="text")), expected)

    def test_a_module_can_have_its_own_level(self) -> None:
        """It holds for the modules below it too."""
        settings = Logging(level="error", levels={"sdkrelay.io.net": "debug"}, format="text")
        expected = ["fine sdkrelay.io.net.websocket", "coarse sdkrelay.io.net.websocket"]
        self.assertEqual(self.shown(settings), expected)

    def test_levels_can_change_while_it_runs(self) -> None:
        """For the observer that exists."""
        file, levels = io.StringIO(), Levels(Logging())
        logger = Logger(observer=make_observer(Logging(), file, levels))
        levels.apply(Logging(level="debug"), False)
        logger.debug("now shown")
        self.assertIn("now shown", file.getvalue())


class Terminal(io.StringIO):
    """A file that people look at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


class FormatTests(SynchronousTestCase):
    """Text for people, JSON for programs."""

    def lines(self, file: io.StringIO, settings: Logging, **fields: Any) -> list[str]:
        """What is written of one event."""
        Logger(observer=make_observer(settings, file)).info("of {what}\nand more", what="one", **fields)
        return file.getvalue().splitlines()

    def test_a_terminal_gets_text(self) -> None:
        """Everything else gets JSON, unless told otherwise."""
        self.assertTrue(self.lines(Terminal(), Logging())[0].endswith("of one"))
        self.assertTrue(self.lines(io.StringIO(), Logging(format="text"))[0].endswith("of one"))
        self.assertTrue(self.lines(Terminal(), Logging(format="json"))[0].startswith("{"))

    def test_a_json_line_is_one_whole_event(self) -> None:
        """Whatever is in its message."""
        (line,) = self.lines(io.StringIO(), Logging())
        event = json.loads(line)
        self.assertEqual((event["level"], event["message"], event["module"]), ("info", "of one\nand more", __name__))
        self.assertEqual(sorted(event), ["level", "line", "message", "module", "timestamp"])

    def test_fields_of_an_event_are_not_written(self) -> None:
        """Only what its message says of them."""
        (line,) = self.lines(io.StringIO(), Logging(), token="5e" * 32)
        self.assertNotIn("5e5e", line)

    def test_a_failure_brings_its_traceback(self) -> None:
        """In the same line."""
        file = io.StringIO()
        Logger(observer=make_observer(Logging(), file)).failure("it failed", Failure(ValueError("seven")))
        (line,) = file.getvalue().splitlines()
        self.assertIn("ValueError: seven", json.loads(line)["traceback"])


class PlacesTests(SynchronousTestCase):
    """As twistd itself chooses, unless the settings name a file."""

    def test_the_terminal_in_the_foreground(self) -> None:
        """Without a file, or with a dash."""
        self.assertIs(open_log(Logging(), None, True), sys.stdout)
        self.assertIs(open_log(Logging(), "-", True), sys.stdout)

    def test_a_file_that_is_named(self) -> None:
        """In the foreground too."""
        name = self.mktemp()
        log = open_log(Logging(), name, True)
        self.addCleanup(log.close)
        log.write("a line\n")
        log.flush()
        self.assertEqual(Path(name).read_text(), "a line\n")

    def test_the_file_of_the_settings_is_rotated(self) -> None:
        """At its size, in a folder that is made; so many files are kept and no more."""
        path = Path(self.mktemp()) / "deep" / "relay.log"
        log = open_log(Logging(file=str(path), max_bytes=10_000, keep=2), None, False)
        self.addCleanup(log.close)
        for _ in range(60):
            log.write("x" * 999 + "\n")
        self.assertEqual(
            sorted(file.name for file in path.parent.iterdir()), ["relay.log", "relay.log.1", "relay.log.2"]
        )

    def test_a_file_that_cannot_be_written_stops_the_start(self) -> None:
        """With its key and the reason."""
        Path(name := self.mktemp()).write_text("no folder")
        stop = self.assertRaises(SystemExit, open_log, Logging(file=f"{name}/relay.log"), None, True)
        self.assertIn("logging.file", str(stop))
