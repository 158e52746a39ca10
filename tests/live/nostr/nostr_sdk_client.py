"""nostr-sdk: publishes, fetches, streams, signs in when it is asked, and reconciles both ways with its Client.sync."""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import timedelta
from typing import Any

from nostr_sdk import (
    Client,
    ClientBuilder,
    Event,
    EventBuilder,
    Filter,
    Keys,
    Kind,
    NostrLmdb,
    RelayUrl,
    ReqExitPolicy,
    ReqTarget,
    SignerAuthenticator,
    SyncDirection,
    SyncOptions,
    Tag,
    Timestamp,
    uniffi_set_event_loop,
)
from scenario import PATIENCE, URL, WANTED, draft, is_fourth, tell

KEYS, LOOP = Keys.generate(), asyncio.new_event_loop()


def event(number: int, is_protected: bool = False) -> Event:
    """A signed note."""
    made = draft(number, is_protected)
    builder = EventBuilder(Kind(made["kind"]), made["content"]).tags([Tag.parse(tag) for tag in made["tags"]])
    return builder.custom_created_at(Timestamp.from_secs(made["created_at"])).finalize(KEYS)


async def published(client: Client, number: int, is_protected: bool = False) -> bool:
    """Whether the relay took a note."""
    output = await client.send_event(event(number, is_protected))
    return bool(output.success)


async def connected(database: str) -> Client:
    """A client with an empty database in this folder."""
    client = ClientBuilder().database(await NostrLmdb.open(database)).authenticator(SignerAuthenticator(KEYS)).build()
    await client.add_relay(RelayUrl.parse(URL))
    await client.connect()
    return client


async def reconciled(wanted: Filter, database: str) -> dict[str, int]:
    """What another device of the same person, with one of the notes and a new one, gets and gives."""
    device = await connected(database)
    for number in (1, 6):
        await device.database().save_event(event(number))
    output = await device.sync(wanted, None, SyncOptions().direction(SyncDirection.BOTH))
    return {"missing": len(output.report.received), "given": len(output.report.sent)}


async def main(folder: str) -> dict[str, Any]:
    """The scenario."""
    client = await connected(f"{folder}/client")
    wanted = Filter.from_json(json.dumps(WANTED))
    first = [await published(client, number) for number in (1, 2, 3)]
    found = await client.fetch_events(ReqTarget.auto([wanted]), timedelta(seconds=PATIENCE))
    since = wanted.since(Timestamp.from_secs(draft(4)["created_at"]))
    patient = ReqExitPolicy.WAIT_DURATION_AFTER_EOSE(timedelta(seconds=PATIENCE))
    stream = await client.stream_events(ReqTarget.auto([since]), policy=patient)
    await published(client, 4)
    live = await asyncio.wait_for(stream.next(), PATIENCE)
    hidden = await published(client, 5, is_protected=True)
    return {
        "published": sum(first), "queried": len(found), "heard": is_fourth(live.event.content()),
        "protected": hidden, **await reconciled(wanted, f"{folder}/device"),
    }  # fmt: skip


uniffi_set_event_loop(LOOP)
with tempfile.TemporaryDirectory() as place:
    outcome = LOOP.run_until_complete(main(place))
tell(outcome)
