"""What is wrong with the settings, as values: an operator wants the whole list with the keys, not the first exception."""

from __future__ import annotations

from attrs import frozen


@frozen
class Fault:
    """One thing to put right: the key (or variable, or option) it is about, and what to do; never a secret."""

    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}"


class ConfigurationError(Exception):
    """The settings cannot be used; ``faults`` lists every reason found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults
