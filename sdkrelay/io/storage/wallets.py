"""Registered wallets, their tokens and their outputs.

What is found for a wallet may be settled while the wallet is being forgotten: changes and notices of wallets that are not
registered (any more) are dropped, so that nothing of a forgotten wallet comes back and nobody else waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from sqlalchemy import Connection, Delete, bindparam, delete, insert, select, update

from ...domain.chain import BlockId, display
from ...domain.notification import Entry, Notice
from ...domain.wallet import Output, SealedWallet
from ...ports import Stale, WalletChange
from . import facts, log, payments
from .engine import Engine
from .facts import Counter
from .rows import output_of, output_row, wallet_of, wallet_row
from .runner import Runner
from .schema import block, output, token, wallet

#: Values asked for in one statement; databases bound the number of parameters.
ASK = 500

#: Tokens kept for one wallet: registering is answered with a new one each time, and nobody holds more devices than this.
MOST_TOKENS = 100

WALLETS = select(wallet).order_by(wallet.c.number)
KNOWN = select(wallet.c.wallet_id).where(wallet.c.wallet_id.in_(bindparam("ids", expanding=True)))
INDEXED = select(block.c.height, block.c.hash).where(block.c.height.in_(bindparam("heights", expanding=True)))
FORGET = delete(wallet).where(wallet.c.wallet_id == bindparam("owner"))
MOVE_CURSOR = (
    update(wallet)
    .where(wallet.c.wallet_id == bindparam("owner"))
    .values(cursor_height=bindparam("to_height"), cursor_hash=bindparam("to_hash"))
)
BEGIN_AGAIN = update(wallet).values(cursor_height=wallet.c.birthday - 1, cursor_hash=b"")
OWNER = select(token.c.wallet_id).where(token.c.token_hash == bindparam("hash"))
TOKENS = select(token.c.token_hash).where(token.c.wallet_id == bindparam("owner")).order_by(token.c.token_hash)
OUTPUTS = (
    select(output)
    .where(output.c.wallet_id == bindparam("owner"))
    .order_by(output.c.block_height.nulls_last(), output.c.found)
)


class Changes:
    """What one step changes for wallets, inside the caller's transaction."""

    def __init__(self, engine: Engine) -> None:
        self._put = engine.upsert(output, key=("wallet_id", "outpoint"), keep=("found",))

    def apply(self, connection: Connection, changes: Sequence[WalletChange]) -> None:
        """Put the outputs and move the cursors of the wallets that are registered."""
        self._put_all(connection, _of_registered(connection, changes))

    def apply_indexed(self, connection: Connection, changes: Sequence[WalletChange]) -> None:
        """The same, if the index holds every block that a cursor comes to or an output is in; Stale, with nothing put, if not."""
        kept = _of_registered(connection, changes)
        _require_indexed(connection, kept)
        self._put_all(connection, kept)

    def _put_all(self, connection: Connection, kept: Sequence[WalletChange]) -> None:
        puts = [(change.wallet_id, item) for change in kept for item in change.outputs]
        if puts:
            first = facts.advance(connection, Counter.OUTPUTS, len(puts)) + 1
            rows = [output_row(found, owner, item) for found, (owner, item) in enumerate(puts, first)]
            connection.execute(self._put, rows)
        moves = [_move(change.wallet_id, change.cursor) for change in kept if change.cursor is not None]
        if moves:
            connection.execute(MOVE_CURSOR, moves)

    def of_known(self, connection: Connection, notices: Sequence[Notice]) -> list[Notice]:
        """The notices that are public or of a registered wallet."""
        known = _known(connection, {notice.wallet_id for notice in notices if notice.wallet_id is not None})
        return [notice for notice in notices if notice.wallet_id is None or notice.wallet_id in known]


def begin_again(connection: Connection) -> int:
    """Take every wallet back to its birthday, with all that was found for it; how many wallets there are."""
    return connection.execute(BEGIN_AGAIN).rowcount


class DatabaseWallets:
    """The ``WalletStore``."""

    def __init__(self, runner: Runner, changes: Changes, now: Callable[[], float]) -> None:
        self._runner = runner
        self._changes = changes
        self._now = now
        self._put = runner.engine.upsert(wallet, key=("wallet_id",), keep=("number", "created_at"))
        self._forget_old_tokens = _forget_old_tokens(runner.engine)

    async def register(self, wallet: SealedWallet, token_hash: bytes) -> None:
        """Insert the wallet, or replace all but the creation of the one with this id; add the token.

        The sealed secret is replaced too: registering again mends a wallet whose master key was lost. ValueError when the
        token belongs to another wallet. Of a wallet's tokens the newest 100 are kept.
        """

        def work(connection: Connection) -> None:
            number = facts.advance(connection, Counter.WALLETS, 1) + 1
            connection.execute(self._put, wallet_row(number, wallet))
            _add_token(connection, wallet.wallet_id, token_hash)
            connection.execute(self._forget_old_tokens, {"owner": wallet.wallet_id})

        await self._runner.write(work)

    async def unregister(self, wallet_id: str) -> None:
        """Forget the wallet, its keys, tokens, outputs and its log entries; no error for an unknown one."""

        def work(connection: Connection) -> None:
            log.forget(connection, wallet_id)
            connection.execute(FORGET, {"owner": wallet_id})

        await self._runner.write(work)

    async def wallets(self) -> list[SealedWallet]:
        """All of them, by creation."""
        return await self._runner.read(
            lambda connection: [wallet_of(row) for row in connection.execute(WALLETS).mappings()]
        )

    async def wallet_of_token(self, token_hash: bytes) -> str | None:
        """Which wallet a token is for."""
        return await self._runner.read(lambda connection: _owner(connection, token_hash))

    async def token_hashes(self, wallet_id: str) -> list[bytes]:
        """The SHA-256 of each of a wallet's tokens, ascending."""
        return await self._runner.read(
            lambda connection: list(connection.execute(TOKENS, {"owner": wallet_id}).scalars())
        )

    async def outputs(self, wallet_id: str) -> list[Output]:
        """What was found for a wallet, by height (those in no block last), then as found."""
        return await self._runner.read(
            lambda connection: [output_of(row) for row in connection.execute(OUTPUTS, {"owner": wallet_id}).mappings()]
        )

    async def settle(self, changes: Sequence[WalletChange], notices: Sequence[Notice]) -> list[Entry]:
        """Apply the changes and log what is told of them, all or nothing.

        Stale unless each cursor with a hash, and the block of each output that has one, is on the index: what was computed
        while a block was disconnected must not outlive it.
        """
        at = int(self._now())

        def work(connection: Connection) -> list[Entry]:
            self._changes.apply_indexed(connection, changes)
            entries = log.record(connection, self._changes.of_known(connection, notices), at)
            return entries + payments.follow(connection, changes, at)

        return await self._runner.write(work)


def _forget_old_tokens(engine: Engine) -> Delete:
    held = token.alias("held")
    newest_first = select(held.c.token_hash).order_by(engine.by_insertion(held).desc())
    too_many = newest_first.where(held.c.wallet_id == bindparam("owner")).offset(MOST_TOKENS)
    return delete(token).where(token.c.token_hash.in_(too_many))


def _known(connection: Connection, wallet_ids: Iterable[str]) -> set[str]:
    asked = iter(wallet_ids)
    known: set[str] = set()
    while chunk := list(islice(asked, ASK)):
        known.update(connection.execute(KNOWN, {"ids": chunk}).scalars())
    return known


def _of_registered(connection: Connection, changes: Sequence[WalletChange]) -> list[WalletChange]:
    known = _known(connection, {change.wallet_id for change in changes})
    return [change for change in changes if change.wallet_id in known]


def _require_indexed(connection: Connection, changes: Sequence[WalletChange]) -> None:
    cursors = {change.cursor for change in changes if change.cursor is not None and change.cursor.hash}
    places = cursors | {item.block for change in changes for item in change.outputs if item.block is not None}
    heights = iter({place.height for place in places})
    indexed: set[tuple[int, bytes]] = set()
    while chunk := list(islice(heights, ASK)):
        indexed.update((height, found) for height, found in connection.execute(INDEXED, {"heights": chunk}))
    missing = places - indexed
    if missing:
        raise Stale(f"the index does not hold block {display(min(missing).hash)} at height {min(missing).height}")


def _owner(connection: Connection, token_hash: bytes) -> str | None:
    return connection.execute(OWNER, {"hash": token_hash}).scalar_one_or_none()


def _add_token(connection: Connection, wallet_id: str, token_hash: bytes) -> None:
    owner = _owner(connection, token_hash)
    if owner is None:
        connection.execute(insert(token), {"token_hash": token_hash, "wallet_id": wallet_id})
    elif owner != wallet_id:
        raise ValueError("this token belongs to another wallet")


def _move(wallet_id: str, cursor: BlockId) -> dict[str, object]:
    return {"owner": wallet_id, "to_height": cursor.height, "to_hash": cursor.hash}
