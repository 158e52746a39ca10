"""The ``sdkrelay`` command: what people do with the relay beside letting it run under twistd."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence

from . import __version__
from .config.fault import ConfigurationError
from .config.sample import sample
from .preflight import tell, try_out
from .settings import load


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in _PASSED_ON:
        return _PASSED_ON[words[0]][0](words[1:])
    chosen = _parser().parse_args(words)
    if chosen.command == "check":
        return check(chosen.config)
    if chosen.command == "identity":
        return identity(chosen.config)
    if chosen.command == "reindex":
        return reindex(chosen.config, chosen.yes)
    sys.stdout.write(sample() if chosen.command == "config" else f"sdkrelay {__version__}\n")
    return 0


def check(path: str | None) -> int:
    """Read the settings and try what they need; prints every problem with its key. 0 if there is none, else 1."""
    try:
        return tell(try_out(load(path, {})))
    except ConfigurationError as error:
        return tell(error.faults)


def identity(path: str | None) -> int:
    """Print the relay's public identity key, which clients of ``encrypted_message`` know it by; 1 if it has none yet."""
    from .build.identity import NoIdentity, identity_of

    try:
        sys.stdout.write(f"{identity_of(load(path, {}))}\n")
    except ConfigurationError as error:
        return tell(error.faults)
    except NoIdentity as reason:
        sys.stderr.write(f"sdkrelay identity: {reason}\n")
        return 1
    return 0


def reindex(path: str | None, confirmed: bool) -> int:
    """Forget the index, once it is confirmed; prints what was done and what comes next. 0 if it was done, else 1."""
    from .offline import CannotDo, forget_index

    try:
        config = load(path, {})
        if not (confirmed or _confirm(f"Forget the index in {config.database.url}? {_REINDEXING}")):
            return _refuse("nothing was changed")
        gone = forget_index(config)
    except ConfigurationError as error:
        return tell(error.faults)
    except CannotDo as error:
        return _refuse(str(error))
    sys.stdout.write(
        f"Forgot {gone.blocks} blocks with {gone.tweaks} tweaks; wallets that begin again: {gone.wallets}.\n"
    )
    sys.stdout.write(f"{_REINDEXING}\n")
    return 0


_REINDEXING = (
    "At its next start the relay makes the index again from sync.start_height on, which takes hours on mainnet, and scans all"
    " wallets again from their birthdays. Wallets, their tokens, their payments and the log of notifications stay."
)


def _confirm(question: str) -> bool:
    """Ask at the terminal; where there is none nobody can confirm."""
    if not sys.stdin.isatty():
        sys.stderr.write("sdkrelay: this is no terminal to ask at: say --yes\n")
        return False
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _refuse(why: str) -> int:
    sys.stderr.write(f"sdkrelay: {why}\n")
    return 1


def run(arguments: Sequence[str]) -> int:
    """Serve in the foreground through twistd, with the options of ``twistd sdkrelay``."""
    from twisted.scripts.twistd import run as run_twistd

    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "sdkrelay", *arguments]
    run_twistd()
    return 0


def demo(arguments: Sequence[str]) -> int:
    """Show the relay at work on a private chain."""
    from .demo import main as show

    return show(list(arguments))


def mesh_demo(arguments: Sequence[str]) -> int:
    """Show three relays that are one mesh."""
    from .demo.mesh import main as show

    return show(list(arguments))


def users(arguments: Sequence[str]) -> int:
    """Add, list and remove users."""
    from .users import main as manage

    return manage(arguments)


def sync(arguments: Sequence[str]) -> int:
    """Exchange events with another Nostr relay."""
    from .nostr_sync import main as exchange

    return exchange(arguments)


#: Subcommands with options of their own: what runs them, and a line of help.
_PASSED_ON: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "run": (run, "serve in the foreground; `sdkrelay run --help` lists the options"),
    "demo": (demo, "start a private chain and a relay, and pay a wallet; `sdkrelay demo --help`"),
    "sync": (sync, "exchange events with another Nostr relay; `sdkrelay sync --help`"),
    "mesh-demo": (mesh_demo, "start three relays that are one mesh, part and heal them; `sdkrelay mesh-demo --help`"),
    "users": (users, "add, list and remove users, set passwords; `sdkrelay users --help`"),
}


def _parser() -> ArgumentParser:
    parser = ArgumentParser("sdkrelay", description="An always-on relay for Bitcoin silent payments (BIP352).")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, (_, about) in _PASSED_ON.items():
        commands.add_parser(name, help=about)
    checking = commands.add_parser("check", help="try the settings, print every problem; exits 0 or 1")
    checking.add_argument("--config", metavar="FILE", help="the settings (else $SDKRELAY_CONFIG, else defaults)")
    showing = commands.add_parser("identity", help="print the key that clients know this relay by")
    showing.add_argument("--config", metavar="FILE", help="the settings (else $SDKRELAY_CONFIG, else defaults)")
    forgetting = commands.add_parser("reindex", help="forget the index, so that the next start makes it anew")
    forgetting.add_argument("--config", metavar="FILE", help="the settings (else $SDKRELAY_CONFIG, else defaults)")
    forgetting.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("config", help="print the commented configuration file")
    commands.add_parser("version", help="print the version")
    return parser
