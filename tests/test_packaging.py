"""What is built from the repository holds everything, and twistd finds the plugin after an ordinary install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from functools import cache
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from sdkrelay import __version__

from .support.source import ROOT

#: What a build reads; copied, so that it leaves nothing in the checkout.
INGREDIENTS = (
    "sdkrelay", "twisted", "tests", "etc", "docs", "bench", "newsfragments", ".ci",
    "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "CHANGES.md", "LICENSE", "Makefile", "tox.ini",
)  # fmt: skip
BUILD = "from setuptools import build_meta as b; print(b.build_wheel('dist')); print(b.build_sdist('dist'))"


def run(*command: object, cwd: Path | None = None) -> str:
    """The standard output of a command that must succeed, and that finds no modules where this process does."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=variables, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise AssertionError(f"{command[0]} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def build(folder: Path) -> tuple[Path, Path]:
    """Build in a copy of the repository; the wheel and the source archive."""
    ignore = shutil.ignore_patterns("__pycache__", "dropin.cache")
    for name in INGREDIENTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy(source, folder / name)
    run(sys.executable, "-c", BUILD, cwd=folder)
    (wheel,), (archive,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    return wheel, archive


def borrow(libraries: Path, folder: Path) -> None:
    """Links to every library but the relay, which may be installed beside them, with its plugin inside Twisted's folder."""
    folder.mkdir()
    for entry in libraries.iterdir():
        if entry.name in ("twisted", "plugins"):
            borrow(entry, folder / entry.name)
        elif not entry.name.startswith(("sdkrelay", "__pycache__", "dropin.cache")):
            (folder / entry.name).symlink_to(entry)


def install(wheel: Path, folder: Path) -> Path:
    """Put the wheel alone into a new virtual environment that borrows this one's libraries; its folder of programs."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin/python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    borrow(Path(sysconfig.get_path("purelib")), folder / "borrowed")
    (packages / "borrowed.pth").write_text(str(folder / "borrowed"))
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
        wheel,
    )
    return folder / "bin"


@frozen
class Built:
    """What was built, and the programs of the environment the wheel was installed into."""

    wheel: Path
    archive: Path
    programs: Path


@cache
def built() -> Built:
    """Build both forms and install the wheel, once for all tests; in trial's own folder."""
    folder = Path("packaging").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    wheel, archive = build(folder)
    return Built(wheel, archive, install(wheel, folder / "venv"))


class PackagingTests(SynchronousTestCase):
    """The wheel and the source archive."""

    maxDiff = None

    def test_the_wheel_is_complete(self) -> None:
        """Every module, the plugin, the migrations and the marker of types; no package that would hide Twisted."""
        held = {name for name in zipfile.ZipFile(built().wheel).namelist() if ".dist-info/" not in name}
        modules = {str(path.relative_to(ROOT)) for path in (ROOT / "sdkrelay").rglob("*.py")}
        templates = {str(path.relative_to(ROOT)) for path in (ROOT / "sdkrelay").rglob("*.mako")}
        self.assertEqual(held, modules | templates | {"sdkrelay/py.typed", "twisted/plugins/sdkrelay_plugin.py"})

    def test_the_source_archive_is_complete(self) -> None:
        """The tests can be run from it, and the operator's files are in it."""
        with tarfile.open(built().archive) as archive:
            held = {name.partition("/")[2] for name in archive.getnames()}
        wanted = {
            "LICENSE",
            "Makefile",
            "tox.ini",
            ".ci/run",
            "etc/sdkrelay.toml",
            "etc/sdkrelay.service",
            "tests/allowed_skips.txt",
        }
        tests = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")}
        self.assertEqual((wanted | tests) - held, set())

    def test_twistd_lists_the_relay(self) -> None:
        """From the installed wheel, in another folder than the checkout."""
        self.assertIn("\n    sdkrelay ", self.python("from twisted.scripts.twistd import run; run()", "--help"))
        place = self.python("import twisted.plugins.sdkrelay_plugin as plugin; print(plugin.__file__)")
        self.assertTrue(place.startswith(str(built().programs.parent / "lib")), place)

    def test_the_command_is_installed(self) -> None:
        """And runs the installed package."""
        self.assertEqual(
            run(built().programs / "sdkrelay", "version", cwd=built().programs), f"sdkrelay {__version__}\n"
        )

    def python(self, program: str, *arguments: str) -> str:
        """What a line of Python prints in the new environment."""
        return run(built().programs / "python", "-c", program, *arguments, cwd=built().programs)
