"""``sdkrelay sync``: events are exchanged with another Nostr relay once, while our own does not run."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

from .build.syncing import CannotSync, sync
from .config.fault import ConfigurationError
from .config.streaming import is_relay_url, make_wanted
from .preflight import tell
from .services.nostr.exchange import Agreement, Tally
from .settings import load

#: Events between two lines of progress.
STEP = 500


def main(arguments: Sequence[str]) -> int:
    """Exchange events and print what was done. 0 if all was exchanged, 1 if it could not be, 2 for a wrong command."""
    parser = _parser()
    chosen = parser.parse_args(list(arguments))
    if not is_relay_url(chosen.url):
        parser.error("expected wss://host/path or ws://host/path, without credentials")
    try:
        wanted = make_wanted(chosen.filter)
    except ValueError as error:
        parser.error(f"--filter: {error}")
    agreement = Agreement("sync", chosen.url, wanted, chosen.direction != "down", chosen.direction != "up")
    try:
        tally = sync(load(chosen.config, {}), agreement, _progress)
    except ConfigurationError as error:
        return tell(error.faults)
    except CannotSync as reason:
        sys.stderr.write(f"sdkrelay sync: {reason}\n")
        return 1
    sys.stdout.write(f"{_said(tally)}.\n")
    return 0


def _progress(tally: Tally) -> None:
    if (tally.received + tally.sent + tally.refused) % STEP == 0:
        sys.stderr.write(f"{_said(tally)} so far\n")


def _said(tally: Tally) -> str:
    return f"{tally.received} events received, {tally.sent} sent, {tally.refused} refused"


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "sdkrelay sync",
        description="Exchange events with another Nostr relay, once, while this relay does not run: by reconciliation "
        "(NIP-77) where the other relay has it. Gift wraps, events that only their author may publish, and expired ones "
        "are never sent.",
    )
    parser.add_argument("url", help="the other relay, wss://…")
    parser.add_argument("--filter", metavar="JSON", default="{}", help="which events: a filter of NIP-01; else all")
    parser.add_argument(
        "--direction", choices=("up", "down", "both"), default="both", help="which way; both by default"
    )
    parser.add_argument("--config", metavar="FILE", help="the settings (else $SDKRELAY_CONFIG, else defaults)")
    return parser
