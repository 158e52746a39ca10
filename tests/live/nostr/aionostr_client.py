"""aionostr: adds, gets and follows events, and signs in as soon as it is challenged; its origin is "aionostr", no URL."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from aionostr.event import Event
from aionostr.key import PrivateKey
from aionostr.relay import Relay
from scenario import PATIENCE, URL, WANTED, draft, is_fourth, tell

KEY = PrivateKey(secrets.token_bytes(32))


def event(number: int, is_protected: bool = False) -> Event:
    """A signed note."""
    made = Event(pubkey=KEY.public_key.hex(), **draft(number, is_protected))
    made.sign(KEY.hex())
    return made


async def follow(relay: Relay) -> tuple[list[Any], asyncio.Queue[Any]]:
    """What is stored, and where what is new will come."""
    stored: list[Any] = []
    queue = await relay.subscribe("following", WANTED)
    while (found := await asyncio.wait_for(queue.get(), PATIENCE)) is not None:
        stored.append(found)
    return stored, queue


async def main() -> None:
    """The scenario."""
    async with Relay(URL, origin="aionostr", private_key=KEY.hex()) as relay:
        published = [await relay.add_event(event(number), check_response=True) for number in (1, 2, 3)]
        await asyncio.wait_for(
            relay.event_adds.get(), PATIENCE
        )  # the client takes the OK of its AUTH for one of an event's
        stored, queue = await follow(relay)
        await relay.add_event(event(4), check_response=True)
        live = await asyncio.wait_for(queue.get(), PATIENCE)
        await relay.add_event(event(5, is_protected=True))
        hidden = await asyncio.wait_for(queue.get(), PATIENCE)
        tell(
            {
                "published": len(published), "queried": len(stored), "heard": is_fourth(live.content),
                "protected": hidden.content == draft(5)["content"],
            }
        )  # fmt: skip


asyncio.run(main())
