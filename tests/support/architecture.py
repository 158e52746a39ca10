"""The three layers as a function from a module to the imports that break them; the test beside it shows that it bites."""

from __future__ import annotations

import ast
import sys

from .source import Module

PURE = ("crypto", "domain", "config", "messages")
APP = ("services", "session")
#: Packages of others that pure code may use.
PURE_FRIENDS = {"argon2", "attrs", "msgspec", "cryptography", "btclib_secp256k1", "btclib_libsecp256k1", "cffi"}
#: Packages of others that the app may use; msgspec because messages are its structs, which services make and copy.
APP_FRIENDS = {"attrs", "automat", "msgspec", "twisted.logger"}
#: What the demo may use beside its client: a bitcoind of its own, and entropy for the keys of its wallet.
DEMO_IO = ("io.bitcoind", "io.world")
#: What the client may use beside pure code and ports. It is a public package that runs in programs of others: it brings nothing
#: of a relay with it but what speaks over a network, and no service, store or session.
CLIENT_IO = ("io.net", "io.world")
#: What the public client of the bus may use beside the pure packages and the ports: it is a library for Twisted programs of
#: others, so it stands on Twisted itself, and takes the reactor, the clock and entropy of the process where none are given.
BUS = ("bus", "io.net", "io.world")
#: What an operator's commands on a relay that does not run may use: its database.
OFFLINE_IO = ("io.storage", "io.world")
#: The clock, entropy and the reactor: for io/world.py alone.
WORLD = {"time", "random", "secrets", "uuid", "twisted.internet.reactor"}
#: What else of the standard library is no business of pure code or of the app.
# fmt: off
OUTSIDE = {
    "asyncio", "concurrent", "ctypes", "fcntl", "glob", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib",
    "queue", "sched", "select", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl", "subprocess",
    "tempfile", "threading", "urllib.request",
}
# fmt: on
#: Twisted's own word for a cancelled coroutine, which ports hands on so that the app need not know Twisted for it.
CANCELLED = {"twisted.internet.defer", "twisted.internet.defer.CancelledError"}
#: Ways to the clock, to entropy and to files that need no import of their own.
BACK_DOORS = {"open", "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.urandom", "__import__"}


def offences(module: Module) -> list[str]:
    """What the module imports or calls against the rules, one sentence each."""
    imports = [f"{module.name} imports {name}" for name in module.imports() if not _allowed(module.name, name)]
    return sorted(imports) + [f"{module.name} calls {name}" for name in _back_doors(module)]


def _back_doors(module: Module) -> list[str]:
    """Calls of the app or of pure code that reach the machine without an import that shows it."""
    if module.name.split(".")[1:2] not in [[layer] for layer in (*PURE, *APP, "ports")]:
        return []
    calls = (ast.unparse(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    return sorted(call for call in calls if call in BACK_DOORS or call.removeprefix("datetime.") in BACK_DOORS)


def _allowed(importer: str, name: str) -> bool:
    parts = importer.split(".")
    if importer == "sdkrelay.io.world":
        return _io_allowed("world", name)
    if _within(name, WORLD):
        return False
    layer = parts[1] if len(parts) > 1 else ""
    if layer in PURE:
        return _pure_allowed(layer, name)
    if layer == "ports" and name in CANCELLED:
        return True
    if layer in APP or layer == "ports":
        return _app_allowed(layer, name)
    if layer == "client":
        return _client_allowed(name)
    if layer == "bus":
        return not _within(name, {"sdkrelay"}) or name == "sdkrelay.io" or _ours(name, (*PURE, "ports", *BUS))
    if layer == "io":
        return _io_allowed(parts[2] if len(parts) > 2 else "", name)
    return _top_allowed(layer, name)


def _pure_allowed(layer: str, name: str) -> bool:
    """Itself, the pure packages before it, and friends without a clock, a thread or a file."""
    earlier = PURE[: PURE.index(layer) + 1]
    return _ours(name, earlier) or _inert(name) or _within(name, PURE_FRIENDS)


def _app_allowed(layer: str, name: str) -> bool:
    """Pure packages and ports, and for services and session each other."""
    inside = (*PURE, "ports") if layer == "ports" else (*PURE, *APP, "ports")
    return _ours(name, inside) or _inert(name) or _within(name, APP_FRIENDS) or name == "twisted"


def _client_allowed(name: str) -> bool:
    """Itself, pure packages, ports, the network and the world; anything of others."""
    return (
        not _within(name, {"sdkrelay"}) or name == "sdkrelay.io" or _ours(name, ("client", *PURE, "ports", *CLIENT_IO))
    )


def _io_allowed(package: str, name: str) -> bool:
    """Anything of others; of ours what is not above io, and no other io package but net."""
    if not _within(name, {"sdkrelay"}):
        return True
    neighbours = tuple(f"io.{other}" for other in ("net", package) if other)
    return _ours(name, (*PURE, *APP, "ports", "__version__", *neighbours)) or name == "sdkrelay.io"


def _top_allowed(layer: str, name: str) -> bool:
    """The composition root makes io; the demo is a client with a node of its own; offline has a database only."""
    if layer == "build" or not _within(name, {"sdkrelay.io"}):
        return True
    granted = {"demo": DEMO_IO, "offline": OFFLINE_IO}.get(layer)
    return granted is not None and (name == "sdkrelay.io" or _ours(name, granted))


def _ours(name: str, packages: tuple[str, ...]) -> bool:
    return name == "sdkrelay" or _within(name, {f"sdkrelay.{package}" for package in packages})


def _inert(name: str) -> bool:
    """A part of the standard library that neither waits, nor guesses, nor touches the machine."""
    return name.partition(".")[0] in sys.stdlib_module_names and not _within(name, OUTSIDE)


def _within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)
