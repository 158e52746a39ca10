"""monstr: publishes, queries, subscribes and signs in with its client."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from monstr.client.client import Client
from monstr.encrypt import Keys
from monstr.event.event import Event
from scenario import PATIENCE, URL, WANTED, draft, is_fourth, tell

KEYS = Keys()


def event(number: int, is_protected: bool = False) -> Event:
    """A signed note."""
    made = draft(number, is_protected)
    when = datetime.fromtimestamp(made["created_at"], UTC)
    note = Event(
        kind=made["kind"], content=made["content"], tags=made["tags"], pub_key=KEYS.public_key_hex(), created_at=when
    )
    note.sign(KEYS.private_key_hex())
    return note


class Ear:
    """Waits for what the relay says: OKs and live events, one after the other."""

    def __init__(self, client: Client) -> None:
        self.answers: asyncio.Queue[bool] = asyncio.Queue()
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.challenges: asyncio.Queue[str] = asyncio.Queue()
        client.set_on_ok(lambda _client, _id, accepted, _reason: self.answers.put_nowait(accepted))
        client.set_on_auth(lambda _client, challenge: self.challenges.put_nowait(challenge))

    def do_event(self, _client: Any, _subscription: str, told: Event) -> None:
        """A live event."""
        self.events.put_nowait(told)


async def main() -> None:
    """The scenario."""
    async with Client(URL) as client:
        ear = Ear(client)

        async def publish(note: Event) -> bool:
            client.publish(note)
            return await asyncio.wait_for(ear.answers.get(), PATIENCE)

        published = [await publish(event(number)) for number in (1, 2, 3)]
        queried = await client.query(WANTED, timeout=PATIENCE)
        client.subscribe(handlers=ear, filters={**WANTED, "since": draft(4)["created_at"]})
        await publish(event(4))
        live = await asyncio.wait_for(ear.events.get(), PATIENCE)
        before = await publish(event(5, is_protected=True))
        await client.auth(KEYS, await ear.challenges.get())
        signed_in = await asyncio.wait_for(ear.answers.get(), PATIENCE)
        hidden = signed_in and await publish(event(5, is_protected=True))
        tell(
            {
                "published": sum(published), "queried": len(queried), "heard": is_fourth(live.content),
                "before": before, "protected": hidden,
            }
        )  # fmt: skip


asyncio.run(main())
