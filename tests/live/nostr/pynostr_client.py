"""pynostr: publishes, queries, subscribes and counts with its manager; it sends one message for each it gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pynostr.event import Event
from pynostr.filters import Filters, FiltersList
from pynostr.key import PrivateKey
from pynostr.relay_manager import RelayManager
from scenario import PATIENCE, TOPIC, URL, draft, is_fourth, tell

KEY = PrivateKey()


def event(number: int) -> Event:
    """A signed note."""
    note = Event(**draft(number), pubkey=KEY.public_key.hex())
    note.sign(KEY.hex())
    return note


def wanted(since: int | None = None) -> FiltersList:
    """The notes of this run."""
    made = Filters(kinds=[1], since=since)
    made.add_arbitrary_tag("t", [TOPIC])
    return FiltersList([made])


def scenario(manager: RelayManager) -> Iterator[str]:
    """The kind of message that is awaited next, after what was asked for before it."""
    for number in (1, 2, 3):
        manager.publish_event(event(number))
        yield "OK"
    manager.add_subscription_on_all_relays("stored", wanted())
    yield "EOSE"
    manager.relays[URL].add_nip45_count("stored")
    yield "COUNT"
    manager.add_subscription_on_all_relays("live", wanted(draft(4)["created_at"]))
    yield "EOSE"
    manager.publish_event(event(4))
    yield "EVENT"
    yield "EVENT"


def main() -> None:
    """The scenario."""
    manager, heard = RelayManager(timeout=PATIENCE), list[list[Any]]()

    def hear(message: list[Any]) -> None:
        heard.append(message)
        if message[0] == awaited[-1] and (following := next(steps, None)):
            awaited.append(following)
        elif message[0] == awaited[-1]:
            manager.close_connections()

    manager.add_relay(URL, close_on_eose=False, message_callback=hear)
    steps = scenario(manager)
    awaited = [next(steps)]
    manager.run_sync()
    events = [message[1:] for message in heard if message[0] == "EVENT"]
    tell(
        {
            "published": sum(message[2] for message in heard if message[0] == "OK") - 1,
            "queried": sum(name == "stored" and not is_fourth(told["content"]) for name, told in events),
            "counted": next(message[2]["count"] for message in heard if message[0] == "COUNT"),
            "heard": is_fourth(next(told["content"] for name, told in events if name == "live")),
        }
    )


main()
