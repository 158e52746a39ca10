"""Export and import of what a relay holds beside the chain, section by section, in pieces of bounded size.

Each part of the relay that has something to keep offers a :class:`Section`; nothing else is to be done for it to be in
every export and to be taken in again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

from attrs import define, field

from ..domain.problem import Code, Problem, invalid
from ..messages.catalog import encode
from ..messages.rest.archive import VERSION, ExportData, Exported, ImportData, Imported
from ..ports import Caller, Clock, Compute, Document, Entropy, Tasks
from .handshake import Identity
from .router import handles
from .seals import Seals

#: Names of conflicting items that an answer lists.
LISTED = 100
#: Items taken in before other work gets its turn.
SLICE = 64


class Outcome(StrEnum):
    """What became of an item."""

    IMPORTED = "imported"
    SKIPPED = "skipped"
    CONFLICT = "conflicts"


class Section(Protocol):
    """One list of an export."""

    @property
    def name(self) -> str:
        """The member of the exported object."""

    @property
    def sealed(self) -> bool:
        """Whether its items are secret: exported and taken in with a passphrase only."""

    def items(self, seals: Seals | None) -> AsyncIterator[Any]:
        """Everything, in an order that stays, as values that JSON has."""

    async def check(self, item: Any, seals: Seals | None) -> None:
        """Problem for an item that cannot be taken in; its ``field`` is within the item."""

    async def take(self, item: Any, seals: Seals | None) -> tuple[Outcome, str]:
        """Take in an item that was checked: what became of it, and its name. The same again is skipped."""


class EmptySection:
    """A list nothing is kept for: exported empty, and skipped where it is not."""

    sealed = False

    def __init__(self, name: str) -> None:
        self.name = name

    async def items(self, seals: Seals | None) -> AsyncIterator[Any]:
        """Nothing."""
        nothing: tuple[Any, ...] = ()
        for item in nothing:
            yield item

    async def check(self, item: Any, seals: Seals | None) -> None:
        """Anything will do: nothing is made of it."""

    async def take(self, item: Any, seals: Seals | None) -> tuple[Outcome, str]:
        """Leave it."""
        return Outcome.SKIPPED, ""


@define
class _Tally:
    """What became of the items so far, by section."""

    sections: dict[str, dict[str, int]] = field(factory=dict)
    conflicting: list[str] = field(factory=list)

    def count(self, section: str, outcome: Outcome, name: str) -> None:
        """One more item."""
        counts = self.sections.setdefault(section, {one.value: 0 for one in Outcome})
        counts[outcome.value] += 1
        if outcome is Outcome.CONFLICT and len(self.conflicting) < LISTED:
            self.conflicting.append(name)

    def reply(self) -> Imported:
        """The answer."""
        totals = {one.value: sum(counts[one.value] for counts in self.sections.values()) for one in Outcome}
        return Imported(
            imported=totals["imported"],
            skipped=totals["skipped"],
            conflicts=totals["conflicts"],
            conflicting=tuple(self.conflicting),
            sections=self.sections,
        )


class ArchiveService:
    """Answers ``/export/data`` and ``/import/data``; one import at a time."""

    def __init__(
        self,
        identity: Identity,
        sections: Sequence[Section],
        config: Callable[[], Mapping[str, Any]],
        compute: Compute,
        tasks: Tasks,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._identity = identity
        self._sections = {section.name: section for section in sections}
        self._config = config
        self._compute = compute
        self._tasks = tasks
        self._clock = clock
        self._entropy = entropy
        self._importing = tasks.lock()

    @handles(ExportData)
    async def export(self, request: ExportData, caller: Caller) -> Exported:
        """Everything, piece by piece; an export that ends early is no JSON."""
        return Exported(parts=self._parts(self._seals(request.passphrase)))

    @handles(ImportData)
    async def import_data(self, request: ImportData, caller: Caller) -> Imported:
        """Take in a document, after reading it through once."""
        if request.document is None:
            raise invalid("$", "what /export/data gave, as the body of the request")
        seals = self._seals(request.passphrase)
        async with self._importing:
            await self._check(request.document, seals)
            return await self._take(request.document, seals)

    def _seals(self, passphrase: Any) -> Seals | None:
        return None if passphrase is None else Seals(passphrase.reveal(), self._compute, self._entropy)

    async def _parts(self, seals: Seals | None) -> AsyncIterator[bytes]:
        head = {
            "version": VERSION,
            "relay_id": self._identity.relay_id,
            "network": self._identity.network.value,
            "exported_at": int(self._clock.now()),
            "config": self._config(),
        }
        yield encode(head)[:-1]
        for section in self._sections.values():
            if seals is None and section.sealed:
                continue
            yield f',"{section.name}":['.encode()
            comma = b""
            async for item in section.items(seals):
                yield comma + encode(item)
                comma = b","
            yield b"]"
        yield b"}\n"

    async def _check(self, document: Document, seals: Seals | None) -> None:
        """Read a document through. Problem for one that cannot be taken in as a whole."""
        facts: dict[str, Any] = {}
        count: dict[str, int] = {}
        async for name, item in document.members():
            section = self._sections.get(name)
            if section is None:
                facts[name] = item
            elif not section.sealed or seals is not None:
                count[name] = count.get(name, -1) + 1
                await _checked(section, item, seals, f"{name}[{count[name]}]")
        if facts.get("version") != VERSION:
            raise invalid("version", f"{VERSION}, the layout this relay knows")
        network = self._identity.network.value
        if facts.get("network") != network:
            raise invalid("network", f"{network}, as this relay serves")

    async def _take(self, document: Document, seals: Seals | None) -> Imported:
        tally, turn = _Tally(), 0
        async for name, item in document.members():
            section = self._sections.get(name)
            if section is None:
                continue
            readable = seals is not None or not section.sealed
            outcome, label = await section.take(item, seals) if readable else (Outcome.SKIPPED, "")
            tally.count(name, outcome, label)
            turn += 1
            if turn % SLICE == 0:
                await self._tasks.sleep(0)
        return tally.reply()


async def _checked(section: Section, item: Any, seals: Seals | None, place: str) -> None:
    """Check an item; a Problem names its place in the document."""
    try:
        await section.check(item, seals)
    except Problem as problem:
        inner = str(problem.details.get("field", "")).removeprefix("$").removeprefix(".")
        where = f"{place}.{inner}" if inner else place
        expected = problem.details.get("expected", "an item of this section")
        raise Problem(Code.VALIDATION_ERROR, f"{where}: expected {expected}", field=where, expected=expected) from None
