"""Where a bitcoind comes from: named, installed, unpacked before, or fetched; and what is said when there is none."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sdkrelay.io.bitcoind.obtain import PACKAGE, NotObtained, default_cache, find_bitcoind

APT = """#!/bin/sh
for word in "$@"; do
  case $word in
    -oDir::Cache=*) cache="${word#*=}" ;;
    install) echo deb > "$cache/archives/bitcoin.deb" ;;
  esac
done
echo "$@" >> "{calls}"
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib64" "$3/usr/lib/x86_64-linux-gnu"
touch "$3/usr/lib/x86_64-linux-gnu/libc.so.6" "$3/usr/bin/bitcoind"
printf '#!/bin/sh\\nexit {result}\\n' > "$3/usr/lib64/ld-linux-x86-64.so.2"
chmod +x "$3/usr/lib64/ld-linux-x86-64.so.2"
"""


class ObtainTests(SynchronousTestCase):
    """With tools of our own on a PATH of our own: nothing is downloaded."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.cache = self.folder / "cache"
        self.tools = self.folder / "tools"
        self.tools.mkdir()
        self.lines: list[str] = []

    def find(self, **environment: str) -> list[str]:
        """What is found with only our tools there."""
        return find_bitcoind(self.cache, self.lines.append, {"PATH": str(self.tools), **environment})

    def tool(self, name: str, text: str = "#!/bin/sh\n") -> None:
        """A program on the PATH."""
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def packages(self, result: int = 0) -> None:
        """apt-get and dpkg that make a small tree, whose bitcoind ends with ``result``."""
        self.tool("apt-get", APT.replace("{calls}", str(self.folder / "calls")))
        self.tool("dpkg", DPKG.replace("{result}", str(result)))
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{self.tools}:{before}"
        self.addCleanup(os.environ.__setitem__, "PATH", before)

    def calls(self) -> int:
        """How often apt-get was run."""
        path = self.folder / "calls"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def test_the_one_that_is_named(self) -> None:
        """A whole command, as a shell would split it."""
        self.assertEqual(
            self.find(SDKRELAY_BITCOIND="/opt/ld --path '/a b' bitcoind"), ["/opt/ld", "--path", "/a b", "bitcoind"]
        )

    def test_the_one_on_the_path(self) -> None:
        """Before any that would have to be fetched."""
        self.tool("bitcoind")
        self.assertEqual(self.find(), [str(self.tools / "bitcoind")])

    def test_none_and_no_tools(self) -> None:
        """What is missing, and what to do."""
        error = self.assertRaises(NotObtained, self.find)
        for words in ("apt-get and dpkg", "bitcoind` is on the PATH", "SDKRELAY_BITCOIND"):
            self.assertIn(words, str(error))

    def test_fetched_once(self) -> None:
        """With the loader and libraries it came with; the second time from the cache, without a word."""
        self.packages()
        command = self.find()
        root = self.cache / PACKAGE
        expected = ["usr/lib64/ld-linux-x86-64.so.2", "--library-path", "usr/lib/x86_64-linux-gnu", "usr/bin/bitcoind"]
        self.assertEqual(command, [each if each.startswith("--") else str(root / each) for each in expected])
        self.assertEqual(len(self.lines), 3)
        self.assertEqual((self.find(), self.calls(), len(self.lines)), (command, 2, 3))

    def test_the_system_is_left_alone(self) -> None:
        """apt is pointed at our own state, lists and status, and downloads only."""
        self.packages()
        self.find()
        for line in (self.folder / "calls").read_text().splitlines():
            for option in ("State", "State::status", "Cache", "Etc::sourcelist"):
                self.assertIn(f"-oDir::{option}={self.cache}", line)
        self.assertIn("--download-only", line)

    def test_a_failure_leaves_nothing(self) -> None:
        """apt's own last words are shown, and the next try begins anew."""
        self.packages()
        self.tool("apt-get", "#!/bin/sh\necho 'E: no network' >&2\nexit 100\n")
        error = self.assertRaises(NotObtained, self.find)
        self.assertIn("E: no network", str(error))
        self.assertEqual([path.name for path in self.cache.iterdir()], [f"{PACKAGE}.lock"])

    def test_one_that_does_not_run_is_not_kept(self) -> None:
        """It is started once before it counts as had."""
        self.packages(result=1)
        self.assertRaises(NotObtained, self.find)
        self.assertFalse((self.cache / PACKAGE).exists())

    def test_two_starts_fetch_once(self) -> None:
        """The second waits for the first, and says so."""
        self.packages()
        self.cache.mkdir()
        with (self.cache / f"{PACKAGE}.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            waiting = threading.Thread(target=self.find)
            waiting.start()
            while "another process is fetching bitcoind: waiting for it" not in self.lines:
                waiting.join(0.01)
            fcntl.flock(held, fcntl.LOCK_UN)
        waiting.join()
        self.assertTrue((self.cache / PACKAGE).is_dir())

    def test_a_damaged_cache_says_so(self) -> None:
        """Which folder to remove."""
        (self.cache / PACKAGE).mkdir(parents=True)
        self.assertIn("remove that folder", str(self.assertRaises(NotObtained, self.find)))

    def test_where_things_are_kept(self) -> None:
        """By the rules of freedesktop.org."""
        self.assertEqual(default_cache({"XDG_CACHE_HOME": "/x"}), Path("/x/sdkrelay"))
        self.assertEqual(default_cache({"HOME": "/home/a"}), Path("/home/a/.cache/sdkrelay"))
