"""The states of a conversation, and what may be asked and said in each."""

from __future__ import annotations

from typing import Protocol

from attrs import define
from automat import TypeMachineBuilder

from ..domain.access import Access
from ..domain.problem import Code


class Lifecycle(Protocol):
    """From the first byte to the last."""

    def greet(self) -> None:
        """A handshake was accepted."""

    def leave(self) -> None:
        """We have said that we close; what comes now is not answered."""

    def end(self) -> None:
        """The connection is gone."""

    def refusal(self, access: Access) -> Code | None:
        """Why a request with this access is not taken now; None if it is."""

    def is_greeted(self) -> bool:
        """Whether a handshake was accepted."""

    def is_open(self) -> bool:
        """Whether requests are taken and things said."""

    def is_ended(self) -> bool:
        """Whether the connection is gone."""


@define
class _Nothing:
    """The states of a conversation need no data."""


_builder = TypeMachineBuilder(Lifecycle, _Nothing)
_greeting = _builder.state("greeting")
_ready = _builder.state("ready")
_leaving = _builder.state("leaving")
_ended = _builder.state("ended")

_greeting.upon(Lifecycle.greet).to(_ready).returns(None)
_ready.upon(Lifecycle.greet).loop().returns(None)
for _state in (_greeting, _ready):
    _state.upon(Lifecycle.leave).to(_leaving).returns(None)
    _state.upon(Lifecycle.is_open).loop().returns(True)
for _state in (_leaving, _ended):
    _state.upon(Lifecycle.leave).loop().returns(None)
    _state.upon(Lifecycle.greet).loop().returns(None)
    _state.upon(Lifecycle.is_open).loop().returns(False)
    _state.upon(Lifecycle.refusal).loop().returns(Code.UNAVAILABLE)
for _state in (_greeting, _ready, _leaving):
    _state.upon(Lifecycle.end).to(_ended).returns(None)
    _state.upon(Lifecycle.is_ended).loop().returns(False)
for _state in (_greeting, _leaving, _ended):
    _state.upon(Lifecycle.is_greeted).loop().returns(False)
_ready.upon(Lifecycle.is_greeted).loop().returns(True)
_ready.upon(Lifecycle.refusal).loop().returns(None)
_ended.upon(Lifecycle.end).loop().returns(None)
_ended.upon(Lifecycle.is_ended).loop().returns(True)


@_greeting.upon(Lifecycle.refusal).loop()
def _before_handshake(lifecycle: Lifecycle, nothing: _Nothing, access: Access) -> Code | None:
    return None if access is Access.OPEN else Code.HANDSHAKE_REQUIRED


_machine = _builder.build()


def new_lifecycle() -> Lifecycle:
    """A conversation that waits for its handshake."""
    return _machine(_Nothing())
