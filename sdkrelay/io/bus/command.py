"""A command as a client sends it: its name, and of the envelope what the relay looks at.

An envelope says much about whom it comes from; nothing of that is believed. The token is the only part that proves anything.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from attrs import field, frozen
from msgspec import Meta, Raw, Struct

from ...domain.problem import Code
from ...messages.bus.frames import Frame
from ...messages.bus.names import GREATHALL
from ...messages.message import Malformed

_BETWEEN = b"\x00"
#: No command has a longer name.
MAX_NAME = 128
#: Names become part of topics: no control character is in them.
_NAME = r"\A[^\x00-\x1f\x7f\u2028\u2029]+\Z"


class _Route(Struct, frozen=True):
    """An entry of ``arp``: at which of its ports a client hears."""

    port: int | None = None


class _Envelope(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is read of an envelope."""

    token: Annotated[str, Meta(max_length=128)] = ""
    orc_name: Annotated[str, Meta(max_length=128, pattern=_NAME)] = GREATHALL
    id: Annotated[str, Meta(max_length=64, pattern=_NAME)]
    data: Raw = Raw(b"null")
    arp: dict[str, _Route] | None = None


@frozen
class Command:
    """A command; ``data`` is its payload as JSON, ``ports`` where the client says that it hears."""

    name: str
    token: str = field(repr=False)
    orc_name: str
    id: str
    data: bytes = field(repr=False)
    ports: frozenset[int]


_read = msgspec.json.Decoder(_Envelope).decode


def joined(frame: Frame) -> bytes:
    """The name and the envelope of a frame as one piece of bytes; further arguments (raw bytes) are left out."""
    return _BETWEEN.join(frame[:2])


def name_of(command: bytes) -> str:
    """The name in what :func:`joined` made, whatever the envelope is; empty where there is none to be read."""
    return command.partition(_BETWEEN)[0].removeprefix(b"s:").decode(errors="replace")


def read_command(command: bytes) -> Command:
    """The command in what :func:`joined` made. Malformed for anything else."""
    _, _, envelope = command.partition(_BETWEEN)
    try:
        name = _name(command)
        read = _read(envelope[2:] if envelope.startswith(b"j:") else b"")
    except (ValueError, RecursionError):
        expected = "a name, and an envelope with token, orcName and id"
        raise Malformed(Code.VALIDATION_ERROR, f"this is no command: expected {expected}", expected=expected) from None
    ports = frozenset(route.port for route in (read.arp or {}).values() if route.port is not None)
    return Command(name, read.token, read.orc_name, read.id, bytes(read.data), ports)


def _name(command: bytes) -> str:
    """The name, if it can be part of a topic; else ValueError."""
    packed, _, _ = command.partition(_BETWEEN)
    name = packed.removeprefix(b"s:").decode()
    if not packed.startswith(b"s:") or len(name) > MAX_NAME or re.fullmatch(_NAME, name) is None:
        raise ValueError
    return name


def payload_of(command: Command, kind: Any) -> Any:
    """The payload as a value of this type. Malformed for another."""
    try:
        return msgspec.json.decode(command.data, type=kind)
    except (ValueError, RecursionError):
        raise Malformed(Code.VALIDATION_ERROR, "data: expected what the registry says of this command") from None
