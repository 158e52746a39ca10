"""The language of the bus for one client: commands become requests, answers and news become events.

What an event carries as ``data`` is the very message that a WebSocket client is sent, ``type`` and all. What is public is
an event of the relay's namespace; what is for this client only bears the name it goes by itself.
"""

from __future__ import annotations

from attrs import define, field, frozen
from msgspec import structs

from ...domain.news import News
from ...domain.problem import Code, Problem
from ...messages.bulletin import Bulletin
from ...messages.bus.names import GREATHALL, NOT_AVAILABLE
from ...messages.catalog import Catalog, encode
from ...messages.message import Malformed, Message, RawReply, Reply, Request, UnknownType
from ...ports import Entropy
from ...session.dialects import Native
from .command import Command, read_command
from .event import event
from .registry import NAMESPACE, Commands


@frozen
class Language:
    """What all clients of the bus have in common."""

    catalog: Catalog
    commands: Commands
    native: Native
    entropy: Entropy

    def event(self, topic: str, data: bytes | None = None, is_error: bool = False) -> bytes:
        """An event with an identifier of its own, not stamped yet."""
        return event(topic, self.entropy.bytes(16).hex(), data, is_error)


@define(eq=False)
class BusDialect:
    """One client's dialect; ``token`` is what its commands must bear, ``orc_name`` what it last called itself.

    What speaks for the great hall (``greathall@…``, which some of their programs use) is no name of the client's own.
    """

    language: Language
    token: str = field(repr=False)
    orc_name: str
    name: str = field(default="bus", init=False)
    _current: Command | None = field(default=None, init=False)

    def speaking(self, version: str | None) -> BusDialect:
        """The bus has one version."""
        return self

    def decode(self, frame: bytes) -> Request:
        """The request that a command makes. Malformed for what is none, or bears another token."""
        self._current = None
        command = read_command(frame)
        self._current = command
        if command.orc_name.partition("@")[0] != GREATHALL:
            self.orc_name = command.orc_name
        self.check(command)
        return self._request(command)

    def check(self, command: Command) -> None:
        """Malformed for a command that does not bear this client's token."""
        if command.token != self.token:
            raise Malformed(Code.AUTH_REQUIRED, "the token is not that of your event connection: connect anew")

    def _request(self, command: Command) -> Request:
        try:
            kind = self.language.commands[command.name]
        except KeyError:
            message = f"the relay has no command {command.name[:64]!r}"
            raise UnknownType(Code.UNKNOWN_TYPE, message, expected="a command of the registry") from None
        data = b"{}" if command.data == b"null" else command.data
        request = self.language.catalog.assemble(kind.wire_name(), {}, data)
        return structs.replace(request, id=command.id)

    def message(self, message: Message, now: float) -> bytes:
        """Something we say to this client alone."""
        return self._own(message.wire_name(), self.language.native.message(message, now))

    def answer(self, reply: Reply, request: Request, now: float) -> bytes:
        """The one answer to the present command, when it succeeded."""
        if isinstance(reply, RawReply):
            data = encode({"content_type": reply.content_type, "body": reply.body.decode()})
        else:
            data = self.language.native.answer(reply, request, now)
        assert self._current is not None, "only what was asked is answered"
        return self.finished(self._current, data)

    def refusal(self, problem: Problem, request_id: str | None) -> bytes:
        """The one answer to the present command, when it failed: as an error of theirs, with our details as ``info``."""
        return self.failed(self._current, problem)

    def finished(self, command: Command, data: bytes) -> bytes:
        """The command has succeeded, with this JSON."""
        return self.language.event(f"{_asked(command)}.finished", data)

    def failed(self, command: Command | None, problem: Problem) -> bytes:
        """The command has failed; None for one that could not be read."""
        code = NOT_AVAILABLE if isinstance(problem, UnknownType) else problem.code.value
        data = encode({"code": code, "message": problem.message, "name": "Error", "info": problem.details})
        asked = f"{self.orc_name}::{NAMESPACE}" if command is None else _asked(command)
        return self.language.event(f"{asked}.error", data, is_error=True)

    def news(self, news: News | Bulletin) -> bytes:
        """Public news are written once for all; those of a wallet for each who holds it."""
        if isinstance(news, Bulletin):
            return news.written(self.name, self._bulletin)
        if news.entry.wallet_id is None and news.entry.creator is None:
            return news.written(self.name, self._public)
        return self._own(news.entry.kind.value, self.language.native.news(news))

    def _bulletin(self, message: Message, at: float) -> bytes:
        return self.language.event(f"{NAMESPACE}::{message.wire_name()}", self.language.native.message(message, at))

    def _public(self, news: News) -> bytes:
        return self.language.event(f"{NAMESPACE}::{news.entry.kind.value}", self.language.native.news(news))

    def _own(self, name: str, data: bytes) -> bytes:
        return self.language.event(f"{self.orc_name}::{NAMESPACE}.{name}", data)


def _asked(command: Command) -> str:
    """What the topic of a command's answer begins with."""
    return f"{command.orc_name}::{command.name}.{command.id}"
