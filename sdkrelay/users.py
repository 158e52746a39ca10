"""``sdkrelay users``: who may operate the relay with a password, which is typed or piped in and is never an argument."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, datetime

from .build.users import Users, UsersError, with_users
from .config.fault import ConfigurationError
from .domain.access import Role
from .preflight import tell
from .settings import load

SHORTEST, LONGEST, LONGEST_NAME = 8, 1024, 64


def main(arguments: Sequence[str]) -> int:
    """Run one subcommand of ``sdkrelay users``; the exit status."""
    chosen = _parser().parse_args(list(arguments))
    try:
        config = load(chosen.config, {})
        password = _password() if chosen.command in ("add", "passwd") else ""
        _check_name(chosen)
        return with_users(config, lambda users: _run(users, chosen, password))
    except ConfigurationError as error:
        return tell(error.faults)
    except UsersError as error:
        sys.stderr.write(f"sdkrelay users: {error}\n")
        return 1


async def _run(users: Users, chosen: Namespace, password: str) -> int:
    if chosen.command == "list":
        for user in await users.all():
            since = datetime.fromtimestamp(user.created_at, UTC)
            sys.stdout.write(f"{user.name}\t{','.join(sorted(user.roles))}\t{since:%Y-%m-%d}\n")
        return 0
    name = chosen.name
    if chosen.command == "add":
        done, said = await users.add(name, password, Role(chosen.role)), f"{name} is now {chosen.role}"
    elif chosen.command == "passwd":
        done, said = await users.set_password(name, password), f"{name} has another password; older tokens have ended"
    else:
        done, said = await users.remove(name), f"{name} is removed, and all tokens with it"
    if not done:
        raise UsersError(f"there is a user {name} already" if chosen.command == "add" else f"there is no user {name}")
    where = "the relay that is running knows within a second" if users.relay_runs else "no relay is running now"
    sys.stdout.write(f"{said} ({where}).\n")
    return 0


def _check_name(chosen: Namespace) -> None:
    name = getattr(chosen, "name", "x")
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and ":" not in name):
        raise UsersError(f"a name has 1 to {LONGEST_NAME} printable characters and no colon")


def _password() -> str:
    """Typed twice without being shown, or the first line of what is piped in."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise UsersError("the two are not the same; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not SHORTEST <= len(password) <= LONGEST:
        raise UsersError(f"a password has {SHORTEST} to {LONGEST} characters; nothing was changed")
    return password


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "sdkrelay users",
        description="Users with a password, in the relay's database. Works while the relay runs, too. The password is asked "
        "for, or read as one line from standard input.",
    )
    parser.add_argument("--config", metavar="FILE", help="the settings (else $SDKRELAY_CONFIG, else defaults)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    adding = commands.add_parser("add", help="a new user")
    adding.add_argument("--role", choices=[role.value for role in Role], default=Role.OPERATOR.value)
    passing = commands.add_parser("passwd", help="another password, which ends the user's tokens")
    removing = commands.add_parser("remove", help="no user any more, nor any token of it")
    for command in (adding, passing, removing):
        command.add_argument("name")
    commands.add_parser("list", help="name, role and day of making, one a line")
    return parser
