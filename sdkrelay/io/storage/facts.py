"""Small facts and counters, kept with the data and changed in the same transactions.

A counter answers at once what would else be a scan of a big table (how many tweaks), and gives numbers that survive every
deletion (positions in the log must never be given twice).
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import Connection, bindparam, insert, select, update

from .schema import counter, fact


class Counter(StrEnum):
    """The rows of ``counter``; each migration that adds one adds its row."""

    BLOCKS = "blocks"
    TWEAKS = "tweaks"
    ENTRIES = "entries"
    EXPIRED = "expired"
    WALLETS = "wallets"
    OUTPUTS = "outputs"
    PAYMENTS = "payments"


ADVANCE = (
    update(counter)
    .where(counter.c.name == bindparam("which"))
    .values(value=counter.c.value + bindparam("step"))
    .returning(counter.c.value)
)
VALUE = select(counter.c.value).where(counter.c.name == bindparam("which"))
SET_VALUE = update(counter).where(counter.c.name == bindparam("which")).values(value=bindparam("to"))
FACT = select(fact.c.value).where(fact.c.key == bindparam("which"))
SET_FACT = update(fact).where(fact.c.key == bindparam("which")).values(value=bindparam("to"))


def advance(connection: Connection, which: Counter, step: int) -> int:
    """Add ``step`` (may be negative) to a counter; the value before."""
    after: int = connection.execute(ADVANCE, {"which": which, "step": step}).scalar_one()
    return after - step


def value(connection: Connection, which: Counter) -> int:
    """A counter's value."""
    found: int = connection.execute(VALUE, {"which": which}).scalar_one()
    return found


def set_value(connection: Connection, which: Counter, to: int) -> None:
    """Set a counter."""
    connection.execute(SET_VALUE, {"which": which, "to": to})


def get_fact(connection: Connection, key: str) -> str | None:
    """A fact, if it is known."""
    return connection.execute(FACT, {"which": key}).scalar_one_or_none()


def set_fact(connection: Connection, key: str, text: str) -> None:
    """Keep a fact in place of what was known under this key."""
    if connection.execute(SET_FACT, {"which": key, "to": text}).rowcount == 0:
        connection.execute(insert(fact), {"key": key, "value": text})
