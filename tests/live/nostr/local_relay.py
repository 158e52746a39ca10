"""nostr-sdk's LocalRelay on the port that is given, until standard input ends."""

from __future__ import annotations

import asyncio
import sys

from nostr_sdk import LocalRelayBuilder, RateLimit, uniffi_set_event_loop


async def main() -> None:
    """Serve."""
    uniffi_set_event_loop(asyncio.get_running_loop())
    limit = RateLimit(max_reqs=1_000_000, notes_per_minute=1_000_000_000)
    relay = LocalRelayBuilder().addr("127.0.0.1").port(int(sys.argv[1])).rate_limit(limit).build()
    await relay.run()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
