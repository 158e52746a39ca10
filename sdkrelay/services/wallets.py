"""Registering wallets, so that they may sleep: keys sealed, history caught up from the birthday, then watched.

What is found is told to the sessions that hold a token of the wallet; the same keys again are the same wallet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import evolve
from msgspec.structs import replace
from twisted.logger import Logger

from ..crypto.seal import Unsealable, token_hash, wallet_id_of
from ..crypto.silent import encode_address, public_key
from ..domain.chain import TAPROOT_HEIGHT, BlockHash, BlockId, Network, display
from ..domain.problem import Code, Problem, invalid, unavailable
from ..domain.wallet import Keys, Wallet
from ..messages.native.scan import ScanProgress
from ..messages.native.wallets import (
    BlockRef,
    ListWallets,
    NostrContact,
    RegisterWallet,
    UnregisterWallet,
    WalletItem,
    WalletRegistered,
    Wallets,
    WalletUnregistered,
)
from ..ports import Caller, Chain, Clock, Store, Tasks, Unavailable
from .catching import CatchingUp
from .hub import Hub
from .keys import Vault, checked_keys, checked_labels
from .router import handles
from .watching import Progress, Watch, Watched

log = Logger()

#: A wallet without a birthday is scanned from so many blocks before the tip: these may yet be reorganised.
MARGIN = 10
#: Birthdays above this are seconds since the epoch (as in nLockTime, BIP65).
FIRST_TIME = 500_000_000


class ContactKeeper(Protocol):
    """Whoever tells owners of wallets where they want to be told."""

    def check(self, contact: NostrContact) -> None:
        """Problem if nobody can be told there."""

    async def keep(self, wallet_id: str, contact: NostrContact) -> None:
        """Tell this wallet's owner there from now on."""

    def forget(self, wallet_id: str) -> None:
        """The wallet is forgotten: nobody is told of it any more."""


def address_of(keys: Keys, network: Network) -> str:
    """The wallet's own silent payment address, without a label."""
    return encode_address(public_key(keys.scan_secret), keys.spend_key, "sp" if network is Network.MAIN else "tsp")


class WalletService:
    """Answers what sessions ask about wallets."""

    def __init__(
        self,
        store: Store,
        chain: Chain,
        vault: Vault,
        watch: Watch,
        catching: CatchingUp,
        tasks: Tasks,
        clock: Clock,
        network: Network,
        start_height: int,
        hub: Hub,
        most: int,
    ) -> None:
        self._hub = hub
        self._most = most
        self._store = store
        self._chain = chain
        self._vault = vault
        self._watch = watch
        self._catching = catching
        self._clock = clock
        self._network = network
        self._start_height = start_height
        self._registering = tasks.lock()
        self.unreadable = 0
        self.contacts: ContactKeeper | None = None

    async def load(self) -> None:
        """Watch the wallets that were registered before; those sealed under another master key are left alone."""
        for sealed in await self._store.wallets.wallets():
            try:
                wallet = self._vault.open(sealed)
            except Unsealable:
                self.unreadable += 1
                continue
            await self._watch.add(wallet)
        if self.unreadable:
            log.error(
                "{count} wallets cannot be read: the master key is not the one they were sealed with. Put the right key"
                " file back, or register them again; the others are watched",
                count=self.unreadable,
            )

    @handles(RegisterWallet)
    async def register(self, request: RegisterWallet, caller: Caller) -> WalletRegistered:
        """Watch for a wallet from its birthday on; the caller holds it from now on."""
        keys = checked_keys(request.scan_private_key.reveal(), request.spend_public_key, request.labels)
        contacts = self._checked_contacts(request.nostr)
        birthday = await self._birthday(request.birthday)
        token = self._vault.token()
        async with self._registering:
            watched = await self._keep(keys, birthday, token_hash(token))
        if contacts is not None and request.nostr is not None:
            await contacts.keep(watched.wallet.wallet_id, request.nostr)
        wallet = watched.wallet
        caller.hold(wallet.wallet_id)
        watched.progress = _teller(watched, caller, request.id)
        self._catching.start(watched)
        return WalletRegistered(
            address=wallet.address,
            wallet_id=wallet.wallet_id,
            wallet_token=token,
            labels=wallet.keys.labels,
            birthday=wallet.birthday,
            cursor=_block_ref(wallet.cursor),
            created_at=wallet.created_at,
        )

    @handles(UnregisterWallet)
    async def unregister(self, request: UnregisterWallet, caller: Caller) -> WalletUnregistered:
        """Forget a wallet that the caller holds."""
        async with self._registering:
            watched = self._held(request.wallet_id, caller)
            async with watched.lock:
                await self._store.wallets.unregister(request.wallet_id)
                self._watch.remove(watched)
                if self.contacts is not None:
                    self.contacts.forget(request.wallet_id)
        self._hub.release(request.wallet_id)
        caller.release(request.wallet_id)
        return WalletUnregistered(wallet_id=request.wallet_id)

    @handles(ListWallets)
    async def list_wallets(self, request: ListWallets, caller: Caller) -> Wallets:
        """The caller's wallets by id, a page at a time."""
        after = request.cursor or ""
        held = [watched for wallet_id in sorted(caller.wallet_ids) if (watched := self._watch.get(wallet_id))]
        rest = [watched for watched in held if watched.wallet.wallet_id > after]
        page = rest[: request.limit]
        more = len(rest) > len(page)
        return Wallets(
            wallets=tuple(_item(watched) for watched in page),
            cursor=page[-1].wallet.wallet_id if more else None,
        )

    async def restore(self, keys: Keys, birthday: int, created_at: int, tokens: Sequence[bytes]) -> tuple[str, bool]:
        """Watch a wallet that was exported, with the hashes of its tokens; its id, and whether anything changed by it."""
        wallet_id = wallet_id_of(public_key(keys.scan_secret), keys.spend_key)
        async with self._registering:
            known = self._watch.get(wallet_id)
            before = (known.wallet.keys, known.wallet.birthday) if known else None
            fresh = [token for token in tokens if await self._store.wallets.wallet_of_token(token) is None]
            held = fresh or (await self._store.wallets.token_hashes(wallet_id))[:1] or [token_hash(self._vault.token())]
            birthday = max(birthday, await self._lowest())
            for token in held:
                watched = await self._keep(keys, birthday, token, created_at)
        self._catching.start(watched)
        return wallet_id, bool(fresh) or before != (watched.wallet.keys, watched.wallet.birthday)

    def held_by(self, caller: Caller) -> Sequence[Wallet]:
        """The wallets that the caller may see."""
        held = [self._watch.get(wallet_id) for wallet_id in sorted(caller.wallet_ids)]
        return [watched.wallet for watched in held if watched is not None]

    def _held(self, wallet_id: str, caller: Caller) -> Watched:
        watched = self._watch.get(wallet_id) if wallet_id in caller.wallet_ids else None
        if watched is None:
            raise Problem(Code.NOT_FOUND, "this session holds no such wallet; give its wallet_token to authenticate")
        return watched

    async def _keep(self, keys: Keys, birthday: int, token: bytes, created_at: int | None = None) -> Watched:
        """Store a wallet, new or known, with one more token; watch it as it is then."""
        wallet_id = wallet_id_of(public_key(keys.scan_secret), keys.spend_key)
        watched = self._watch.get(wallet_id)
        if watched is None:
            self._check_room()
            wallet = Wallet(
                wallet_id=wallet_id,
                address=address_of(keys, self._network),
                keys=keys,
                birthday=birthday,
                cursor=_before(birthday),
                created_at=int(self._clock.now()) if created_at is None else created_at,
            )
            await self._store.wallets.register(self._vault.seal(wallet), token)
            return await self._watch.add(wallet)
        async with watched.lock:
            wallet = _merged(watched.wallet, keys, birthday)
            await self._store.wallets.register(self._vault.seal(wallet), token)
            self._watch.change(watched, wallet)
        return watched

    def _checked_contacts(self, contact: NostrContact | None) -> ContactKeeper | None:
        """Whoever keeps this contact; Problem if nobody can."""
        if contact is not None:
            if self.contacts is None:
                raise invalid("nostr", "nothing: this relay tells nobody over Nostr")
            self.contacts.check(contact)
        return self.contacts

    def _check_room(self) -> None:
        if len(self._watch) + self.unreadable >= self._most:
            raise Problem(
                Code.LIMIT_EXCEEDED, f"this relay watches {self._most} wallets and takes no more", limit=self._most
            )

    async def _birthday(self, given: int | None) -> int:
        """The first height to scan. Problem for one before the index begins, or beyond the tip."""
        tip = await self._store.index.tip()
        highest = await self._next_height(tip)
        if given is None:
            return max(await self._lowest(), highest - MARGIN)
        height = given if given <= FIRST_TIME else await self._chain.height_at_time(given)
        lowest = await self._lowest()
        if height < lowest and lowest > max(TAPROOT_HEIGHT[self._network], 1):
            raise unavailable(
                f"this relay's index begins at height {lowest}: give that birthday, or ask an operator to index from {height}",
                field="birthday",
                first_block=lowest,
            )
        if height > highest:
            # Unavailable while the node, which alone knows, is away.
            highest = max(highest, (await self._chain.tip()).height + 1)
        if height > highest:
            raise invalid("birthday", f"a height up to {highest}, the next block's, or a time", value=given)
        return max(height, lowest)

    async def _next_height(self, tip: BlockId | None) -> int:
        """The height of the next block: the node's, or the index's while that is away."""
        try:
            node = await self._chain.tip()
        except Unavailable:
            if tip is None:
                raise
            return tip.height + 1
        return max(node.height, tip.height if tip else 0) + 1

    async def _lowest(self) -> int:
        bounds = await self._store.index.bounds()
        return self._start_height if bounds is None else bounds[0]


def _teller(watched: Watched, caller: Caller, request_id: str | None) -> Callable[[Progress], None]:
    """Tells whoever registered the wallet how far it has caught up; forgotten when it has."""

    def tell(progress: Progress) -> None:
        caller.tell(progress_message(progress, watched.wallet.wallet_id, request_id, watched.wallet.wallet_id))

    return tell


def progress_message(
    progress: Progress, scan_id: str, request_id: str | None, wallet_id: str | None = None, cancelled: bool = False
) -> ScanProgress:
    """How far a scan is, as it is told."""
    total = progress.to_block - progress.from_block + 1
    done = progress.block - progress.from_block + 1
    message = ScanProgress(
        scan_id=scan_id,
        from_block=progress.from_block,
        to_block=progress.to_block,
        block=progress.block,
        progress=round(max(0.0, min(1.0, done / total)), 4) if total > 0 else 1.0,
        rate=None if progress.rate is None else round(progress.rate, 1),
        remaining_seconds=None if progress.remaining is None else round(progress.remaining, 1),
        wallet_id=wallet_id,
        cancelled=cancelled,
    )
    return message if request_id is None else replace(message, id=request_id)


def _merged(wallet: Wallet, keys: Keys, birthday: int) -> Wallet:
    """The wallet with both sets of labels and the earlier birthday; scanned again where that looks for more."""
    labels = checked_labels((*wallet.keys.labels, *keys.labels))
    first = min(wallet.birthday, birthday)
    if labels == wallet.keys.labels and first == wallet.birthday:
        return wallet
    cursor = min(_before(first), wallet.cursor)
    return evolve(wallet, keys=evolve(wallet.keys, labels=labels), birthday=first, cursor=cursor)


def _before(birthday: int) -> BlockId:
    return BlockId(birthday - 1, BlockHash(b""))


def _block_ref(block: BlockId) -> BlockRef:
    return BlockRef(height=block.height, hash=display(block.hash) if block.hash else None)


def _item(watched: Watched) -> WalletItem:
    wallet = watched.wallet
    balance, unspent = watched.holdings.balance()
    return WalletItem(
        wallet_id=wallet.wallet_id,
        address=wallet.address,
        labels=wallet.keys.labels,
        birthday=wallet.birthday,
        cursor=_block_ref(wallet.cursor),
        balance_sats=balance,
        unspent=unspent,
        created_at=wallet.created_at,
    )
