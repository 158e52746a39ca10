"""The operator's own judge of events: a program that reads and writes lines of JSON, as strfry's write-policy plugins do.

It is started with the first event, and again, after a pause, when it has ended. While it cannot answer, events are refused
with ``error:`` and nothing is stored unseen.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

import msgspec
from attrs import frozen
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ...domain.nostr.event import Event
from ...domain.nostr.refusal import Prefix, Refusal
from ...ports import Clock, Tasks
from ...ports import Event as Signal
from ...services.nostr.client import Origin, Source

log = Logger()

#: Bytes of a line of the program, and characters of what it says that are told on.
LONGEST_LINE, LONGEST_TEXT = 65_536, 500
#: Seconds until a program that has ended is started again, doubled each time up to the most.
PAUSE, LONGEST_PAUSE = 1.0, 30.0
_KINDS = {Origin.STREAM: "Stream", Origin.MESH: "Sync", Origin.IMPORT: "Import", Origin.RELAY: "Import"}


class Judgement(msgspec.Struct, frozen=True):
    """A line of the program."""

    id: str
    action: Literal["accept", "reject", "shadowReject"]
    msg: Annotated[str, msgspec.Meta(max_length=LONGEST_LINE)] = ""


@frozen
class Job:
    """The program with its arguments, how many seconds it has for an event, and the pauses between two starts."""

    command: Sequence[str]
    seconds: float


class ProgramPolicy:
    """One program, asked about one event at a time."""

    def __init__(self, reactor: IReactorProcess, job: Job, tasks: Tasks, clock: Clock) -> None:
        self._reactor = reactor
        self._job = job
        self._tasks = tasks
        self._clock = clock
        self._turn = tasks.lock()
        self._pipe: _Pipe | None = None
        self._pause = PAUSE
        self._not_before = 0.0

    async def judge(self, event: Event, source: Source) -> bool:
        """Whether to store it; False for a shadow rejection. Refusal for a rejection, or when there is no answer."""
        async with self._turn:
            judgement = await self._asked(event, source)
        if judgement.action == "reject":
            raise _rejection(judgement.msg[:LONGEST_TEXT])
        return judgement.action == "accept"

    def stop(self) -> None:
        """End the program."""
        if self._pipe is not None:
            self._pipe.end()

    async def _asked(self, event: Event, source: Source) -> Judgement:
        pipe = self._running()
        pipe.write(_question(event, source, int(self._clock.now())))
        deadline = self._clock.monotonic() + self._job.seconds
        while True:
            left = deadline - self._clock.monotonic()
            line = await pipe.line(left) if left > 0 else None
            if line is None:
                self._give_up(pipe)
                raise Refusal(Prefix.ERROR, "the write policy did not answer")
            judgement = _read(line)
            if judgement is not None and judgement.id == event.id:
                self._pause = PAUSE
                return judgement

    def _give_up(self, pipe: _Pipe) -> None:
        """It has ended or hangs: nobody waits for another one before the pause is over."""
        pipe.end()
        self._not_before = self._clock.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _running(self) -> _Pipe:
        if self._pipe is not None and not self._pipe.ended:
            return self._pipe
        if self._clock.monotonic() < self._not_before:
            raise Refusal(Prefix.ERROR, "the write policy is not running")
        command = list(self._job.command)
        self._pipe = pipe = _Pipe(self._tasks.event)
        try:
            self._reactor.spawnProcess(pipe, command[0], command, env=dict(os.environ))
        except OSError as error:
            self._give_up(pipe)
            log.error("the write policy could not be started: {reason}", reason=str(error))
            raise Refusal(Prefix.ERROR, "the write policy is not running") from None
        return pipe


class _Pipe(ProcessProtocol):
    """The program's standard streams, line by line."""

    transport: Any = None

    def __init__(self, event: Callable[[], Signal]) -> None:
        self.ended = False
        self._came = event()
        self._lines: deque[bytes] = deque(maxlen=100)
        self._rest = b""

    def write(self, line: bytes) -> None:
        """One line to the program."""
        if not self.ended:
            self.transport.write(line + b"\n")

    async def line(self, seconds: float) -> bytes | None:
        """Its next line; None when it has ended or took too long."""
        if not self._lines and not self.ended:
            await self._came.wait(seconds)
        return self._lines.popleft() if self._lines else None

    def end(self) -> None:
        """Kill it."""
        if not self.ended:
            self.ended = True
            if self.transport is not None:
                self.transport.loseConnection()
                with suppress(ProcessExitedAlready):
                    self.transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._lines.extend(lines)
        if len(self._rest) > LONGEST_LINE:
            log.error("the write policy wrote a line of more than {count} bytes", count=LONGEST_LINE)
            self.end()
        if lines or self.ended:
            self._came.set()

    def errReceived(self, data: bytes) -> None:
        log.warn("write policy: {text}", text=data[:LONGEST_TEXT].decode("utf-8", "replace").rstrip())

    def processEnded(self, reason: Failure) -> None:
        if not self.ended:
            log.error("the write policy has ended: {reason}", reason=reason.getErrorMessage())
        self.ended = True
        self._came.set()


def _question(event: Event, source: Source, now: int) -> bytes:
    kind = _KINDS.get(source.origin) or ("IP6" if ":" in source.address else "IP4")
    return msgspec.json.encode(
        {
            "type": "new",
            "event": event,
            "receivedAt": now,
            "sourceType": kind,
            "sourceInfo": source.address,
            **({"authed": min(source.readers)} if source.readers else {}),
        }
    )


def _read(line: bytes) -> Judgement | None:
    try:
        return msgspec.json.decode(line, type=Judgement)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        log.warn("the write policy wrote a line that is no judgement")
        return None


def _rejection(text: str) -> Refusal:
    """The program's words: with a prefix of the protocol they stand as they are."""
    prefix, separator, rest = text.partition(": ")
    if separator and prefix in set(Prefix):
        return Refusal(Prefix(prefix), rest)
    return Refusal(Prefix.BLOCKED, text or "rejected by policy")
