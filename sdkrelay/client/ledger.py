"""What was told by which relay's log and given to the caller: so that each notification is given once.

Within one log positions decide, across logs what the notifications are about. It is rebuilt from the changes that a
:class:`~sdkrelay.client.state.State` keeps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from attrs import define, field

from ..domain.position import Position
from .identity import about_of

#: Outputs, blocks, expected payments and messages that are remembered; the longest untouched are forgotten first.
MOST_SUBJECTS = 50_000

Change = dict[str, Any]


@define
class Subject:
    """One output, block, payment or message: how often each event was given, and told by each log."""

    given: dict[str, int] = field(factory=dict)
    told: dict[str, dict[str, int]] = field(factory=dict)

    def take(self, log: str, event: str) -> bool:
        """Count an event that a log tells; whether it is new.

        An event comes again in a log when what it says was undone in between, as by a reorganisation; so the second time of
        one log is the second time of another. A log that tells something new is ahead of the others: all that was given is
        in its past, and whatever it goes on to tell is new too.
        """
        told = self.told.setdefault(log, {})
        told[event] = told.get(event, 0) + 1
        if told[event] <= self.given.get(event, 0):
            return False
        self.given[event] = told[event]
        for other, count in self.given.items():
            told[other] = max(told.get(other, 0), count)
        return True


class Ledger:
    """Positions by relay (its WebSocket address), subjects, and the ``moment`` up to which all is known."""

    def __init__(self, most: int = MOST_SUBJECTS) -> None:
        self._most = most
        self._places: dict[str, Position] = {}
        self._subjects: OrderedDict[str, Subject] = OrderedDict()
        self.moment: int | None = None

    def place(self, relay: str) -> Position | None:
        """The position of the last notification of this relay's log that was taken."""
        return self._places.get(relay)

    def leave(self, relay: str) -> None:
        """This relay does not hold that position any more."""
        self._places.pop(relay, None)

    def told(self, relay: str, position: Position, message: dict[str, Any], time: int) -> tuple[bool, Change | None]:
        """A notification came: whether the caller is to be given it, and what changes; nothing for one of the past."""
        last = self._places.get(relay)
        if last is not None and last.log_id == position.log_id and position.number <= last.number:
            return False, None
        subject, event = about_of(message) or ("", "")
        change = {
            "kind": "told",
            "relay": relay,
            "position": str(position),
            "time": time,
            "subject": subject,
            "event": event,
        }
        return self._told(change), change

    def begin(self, relay: str, position: Position, time: int) -> Change:
        """All before this position is of no interest: the caller hears from here on. What changes."""
        change = {"kind": "place", "relay": relay, "position": str(position), "time": time}
        self.apply(change)
        return change

    def apply(self, change: Change) -> None:
        """Make a change that was kept. KeyError, TypeError or ValueError for one that is none."""
        if change["kind"] == "told":
            self._told(change)
        elif change["kind"] == "place":
            self._move(change)
        elif change["kind"] == "subject":
            self._subjects[change["subject"]] = Subject(dict(change["given"]), dict(change["told"]))

    def changes(self) -> Iterator[Change]:
        """The changes that make a ledger like this one."""
        for relay, position in self._places.items():
            yield {"kind": "place", "relay": relay, "position": str(position), "time": self.moment}
        for key, subject in self._subjects.items():
            yield {"kind": "subject", "subject": key, "given": subject.given, "told": subject.told}

    def _told(self, change: Change) -> bool:
        log = f"{change['relay']} {self._move(change).log_id}"
        key = change["subject"]
        if not key:
            return True
        subject = self._subjects.setdefault(key, Subject())
        self._subjects.move_to_end(key)
        if len(self._subjects) > self._most:
            self._subjects.popitem(last=False)
        return subject.take(log, change["event"])

    def _move(self, change: Change) -> Position:
        position = Position.parse(change["position"])
        self._places[change["relay"]] = position
        if change["time"] is not None:
            self.moment = max(self.moment or 0, change["time"])
        return position
