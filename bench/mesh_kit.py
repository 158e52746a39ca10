"""What the benches of two relays share: relays without a bitcoind, each with a probe inside, and records to begin with."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.threads import deferToThread

from bench.common import say
from bench.reactor import ProbedRelay, pause
from sdkrelay.crypto import schnorr
from sdkrelay.demo.relays import SETTINGS, made_token
from sdkrelay.domain.clock import reading
from sdkrelay.domain.record import Record, Sort
from tests.support.stores import now, opened

SECRET = b"\x07" * 32
#: Milliseconds from one record to the next, and seconds that each lives.
APART, LIFE = 7, 864_000
#: So many records are stored in one transaction.
BATCH = 500
#: Seconds between two looks at how many there are.
LOOK = 0.03
#: Columns of a record, in the order in which they are written here.
COLUMNS = (
    "record_id", "kind", "origin", "key", "author", "message_id", "content", "hlc", "ttl", "signature", "expires_at", "number",
)  # fmt: skip


class LoneRelay(ProbedRelay):
    """A probed relay without a bitcoind."""

    def _arguments(self) -> list[str]:
        ports = [f"--ws=127.0.0.1:{self.ws_port}", f"--http=127.0.0.1:{self.http_port}"]
        return ["--network=regtest", f"--data-dir={self.folder}", *ports, *self.options]

    @property
    def database(self) -> Path:
        """Where its records are."""
        return self.folder / "sdkrelay.sqlite"

    def written(self) -> int:
        """About how many records there are, found at no cost: the number of the last row."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT max(rowid) FROM record").fetchone()[0] or 0)

    def seconds(self) -> float:
        """The CPU time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@define(eq=False)
class Pair:
    """Two relays that share a token; the second dials the first, at ``address`` if that is not its own."""

    first: LoneRelay
    second: LoneRelay

    @classmethod
    def made(cls, folder: Path) -> Pair:
        """Not started; the second does not dial yet."""
        token = made_token(folder / "mesh-token")
        nobody: Any = None
        both = [
            LoneRelay(
                folder / name, nobody, [f"--mesh-token-file={token}"], {**SETTINGS, "SDKRELAY_STANDALONE": "true"}
            )
            for name in ("first", "second")
        ]
        return cls(*both)

    def dial(self, address: str) -> None:
        """Let the second dial the first, at this address."""
        self.second.options = [*self.second.options, f"--peer={address}"]

    async def stop(self) -> None:
        """End both."""
        for relay in (self.first, self.second):
            await deferToThread(relay.stop)

    async def stalls(self) -> list[dict[str, Any]]:
        """What the probes of both saw since they were last asked."""
        return [await relay.phase() for relay in (self.first, self.second)]


def show(name: str, found: dict[str, Any], stacks: bool) -> float:
    """Print for how long a reactor was held; that, less what other programs took, in seconds."""
    say(f"{name}: reactor held {1000 * found['worst']:.1f} ms at worst by the wall, {found['late']} turns over 50 ms")
    for stack, count in found["stacks"] if stacks else ():
        say(f"      {count:5} {stack}")
    if stacks:
        say(f"      worst {found['worst_stack']}, longest garbage collection {1000 * found['collection']:.1f} ms")
    return float(found["own"])


def signed(count: int, source: random.Random, begin: int, apart: int = APART) -> list[Record]:
    """Records that any relay takes, the first made at ``begin``, each ``apart`` after the one before, in milliseconds."""
    key = schnorr.xonly(SECRET)
    return [
        Record(
            Sort.MESSAGE, "relay-elsewhere", key, f"user:{place % 50}", f"message-{begin}-{place}",
            b'{"text":"message %d of the bench, of an ordinary length"}' % place, reading(begin + place * apart), LIFE,
        ).signed(SECRET, source.randbytes(32))
        for place in range(count)
    ]  # fmt: skip


def keep(relay: LoneRelay, records: list[Record]) -> None:
    """Put records into a relay's database before it starts, as it would itself."""
    relay.folder.mkdir(parents=True, exist_ok=True)
    store = now(opened(f"sqlite:///{relay.database}"))
    for start in range(0, len(records), BATCH):
        now(store.records.put(records[start : start + BATCH], time.time()))
    now(store.close())


def fill(relay: LoneRelay, count: int, source: random.Random, begin: int) -> None:
    """Put so many records into a relay's database that both relays will have, and that nobody will ever look into."""
    keep(relay, [])
    with closing(sqlite3.connect(relay.database, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN IMMEDIATE")
        marks = ",".join("?" * len(COLUMNS))
        database.executemany(f"INSERT INTO record ({','.join(COLUMNS)}) VALUES ({marks})", _rows(count, source, begin))
        database.execute("COMMIT")


def _rows(count: int, source: random.Random, begin: int) -> Iterable[tuple[object, ...]]:
    key, signature = schnorr.xonly(SECRET), bytes(64)
    for place in range(count):
        hlc = reading(begin + place * APART)
        expires_at = (begin + place * APART) // 1000 + LIFE
        yield (
            source.randbytes(32), "message", "relay-elsewhere", key, "user:0", f"m{place}", b"{}", hlc, LIFE, signature,
            expires_at, 0,
        )  # fmt: skip


def copy(first: LoneRelay, second: LoneRelay) -> None:
    """Give the second the database of the first."""
    second.folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(first.database, second.database)


async def reached(count: Callable[[], int], wanted: int, seconds: float = 120.0) -> float:
    """The time at which so many records are written."""
    end = time.perf_counter() + seconds
    while count() < wanted:
        if time.perf_counter() > end:
            raise TimeoutError(f"{count()} of {wanted} records came")
        await pause(LOOK)
    return time.perf_counter()
