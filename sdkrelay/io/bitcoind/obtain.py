"""Finds a bitcoind, or unpacks one beside the system: nothing is installed, and no root is needed.

Where there is none, Debian's package ``bitcoin-knots`` (a full bitcoind) is fetched with all it depends on by apt's own
tools, with their checks of signatures, from a private state directory whose empty status file makes them fetch libraries
and loader too. So it runs on any Debian or Ubuntu, whatever its own libraries are. Everything here blocks.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "bitcoin-knots"
MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
VARIABLE = "SDKRELAY_BITCOIND"
_TIMEOUT = 900

Progress = Callable[[str], None]


class NotObtained(Exception):
    """There is no bitcoind and none can be had; the message says what to do."""


def find_bitcoind(
    cache_dir: Path | None = None,
    progress: Progress = lambda line: None,
    environment: Mapping[str, str] = os.environ,
) -> list[str]:
    """The words of a command that runs bitcoind: ``$SDKRELAY_BITCOIND``, the one on the PATH, or an unpacked one.

    ``cache_dir`` is ``$XDG_CACHE_HOME/sdkrelay`` unless given; ``progress`` is told a line for each step that takes time.
    NotObtained when there is none and it cannot be fetched.
    """
    if environment.get(VARIABLE):
        return shlex.split(environment[VARIABLE])
    installed = shutil.which("bitcoind", path=environment.get("PATH"))
    if installed:
        return [installed]
    root = (cache_dir or default_cache(environment)) / PACKAGE
    if not root.is_dir():
        _obtain(root, progress, environment)
    return _command(root)


def default_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """Where fetched programs are kept: ``$XDG_CACHE_HOME/sdkrelay``, or ``~/.cache/sdkrelay``."""
    base = environment.get("XDG_CACHE_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".cache"
    )
    return Path(base) / "sdkrelay"


def _obtain(root: Path, progress: Progress, environment: Mapping[str, str]) -> None:
    """Fetch and unpack into a folder beside, try it, and rename it: ``root`` is either complete or not there."""
    missing = [tool for tool in ("apt-get", "dpkg") if not shutil.which(tool, path=environment.get("PATH"))]
    if missing:
        raise NotObtained(
            f"no bitcoind on the PATH, and {' and '.join(missing)} to fetch one with is missing. {_ADVICE}"
        )
    root.parent.mkdir(parents=True, exist_ok=True)
    with _locked(root.parent / f"{PACKAGE}.lock", progress):
        if root.is_dir():
            return
        with tempfile.TemporaryDirectory(prefix=f".{PACKAGE}-", dir=root.parent) as folder:
            unpacked = _fetch(Path(folder), progress)
            _run([*_command(unpacked), "--version"], "starting the unpacked bitcoind")
            unpacked.rename(root)
    progress(f"bitcoind is ready in {root}")


def _fetch(folder: Path, progress: Progress) -> Path:
    """Download the package and all it needs, and unpack it; the folder of the new file tree."""
    options = _prepare(folder)
    progress(f"no bitcoind on the PATH: fetching {PACKAGE} of Debian unstable, about 40 MB, once")
    _run(["apt-get", *options, "update", "-q"], "reading Debian's list of packages")
    _run(["apt-get", *options, "install", "-q", "-y", "--download-only", PACKAGE], f"downloading {PACKAGE}")
    packages = sorted((folder / "cache/archives").glob("*.deb"))
    progress(f"unpacking {len(packages)} packages")
    for package in packages:
        _run(["dpkg", "-x", str(package), str(folder / "root")], f"unpacking {package.name}")
    return folder / "root"


def _prepare(folder: Path) -> list[str]:
    """Make apt's private state and return the options that point it there, away from the system's."""
    for name in ("state/lists/partial", "cache/archives/partial", "etc", "root"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    keyring = KEYRING if KEYRING.exists() else _fetch_keyring(folder / "keyring")
    (folder / "etc/sources.list").write_text(f"deb [signed-by={keyring}] {MIRROR} unstable main\n")
    settings = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "1",
    }
    return [f"-o{name}={value}" for name, value in settings.items()]


def _fetch_keyring(folder: Path) -> Path:
    """Debian's keys from the package that other distributions carry of them, trusted as that distribution's own."""
    folder.mkdir()
    _run(["apt-get", "-oAPT::Sandbox::User=", "download", "debian-archive-keyring"], "fetching Debian's keys", folder)
    for package in folder.glob("*.deb"):
        _run(["dpkg", "-x", str(package), str(folder)], "unpacking Debian's keys")
    return folder / KEYRING.relative_to("/")


def _command(root: Path) -> list[str]:
    """The unpacked bitcoind, started by the loader and with the libraries it was unpacked with."""
    loaders = [*root.glob("usr/lib64/ld-linux-*.so.*"), *root.glob("usr/lib/ld-linux-*.so.*")]
    libraries = [path.parent for path in root.glob("usr/lib/*/libc.so.6")]
    program = root / "usr/bin/bitcoind"
    if not (loaders and libraries and program.exists()):
        raise NotObtained(f"{root} does not hold a complete bitcoind: remove that folder and try again. {_ADVICE}")
    return [str(loaders[0]), "--library-path", str(libraries[0]), str(program)]


def _run(command: Sequence[str], purpose: str, folder: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NotObtained(f"{purpose} failed: {problem}. {_ADVICE}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
        raise NotObtained(f"{purpose} failed ({done.returncode}):\n{said[-800:]}\n{_ADVICE}")


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the file's lock; another process that holds it is doing our work, so wait for it."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is fetching bitcoind: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


_ADVICE = (
    "Install Bitcoin Core or Bitcoin Knots so that `bitcoind` is on the PATH, name one in the environment variable "
    f"{VARIABLE}, or configure a node that runs elsewhere."
)
