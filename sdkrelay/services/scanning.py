"""Scans on request: what was paid in a range of blocks, for wallets the session holds or keys that live as long as the scan.

A scan takes the same steps as a registered wallet that catches up, over holdings of its own that nobody keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import define, frozen
from msgspec import UNSET

from ..crypto.silent import decode_address, labelled_address
from ..domain.chain import BlockHash, Network, display
from ..domain.notification import btc
from ..domain.payment import Draft, Holdings
from ..domain.problem import Code, Problem, invalid, unavailable
from ..domain.wallet import Keys, Output, Standing
from ..messages.native.scan import (
    AddressResult,
    FoundTransaction,
    ScanCancel,
    ScanProgress,
    ScanRequest,
    ScanResponse,
)
from ..messages.native.session import Error
from ..ports import Caller, Clock, Compute, IndexStore, Task, Tasks, Unavailable
from .keys import Vault, checked_keys
from .matching import Turns
from .mempool import Mempool
from .router import handles
from .stepping import Stepper, Stretch, read_stretch
from .wallets import WalletService, address_of, progress_message
from .watching import Progress

#: Scans that one session may have under way.
MOST_SCANS = 4
#: Keys and labels that one request may bring, each counting one.
MOST_KEYS = 400
#: Outputs in one answer; more come in several.
PAGE = 500
#: Seconds until a scan goes on when a block could not be had, and how often it is tried.
PAUSE, TRIES = 2.0, 30


@frozen
class Target:
    """Whose payments are looked for; with a label, those to the labelled address only."""

    address: str
    keys: Keys
    label: int | None = None


@define(eq=False)
class Scan:
    """A scan under way."""

    scan_id: str
    request_id: str | None
    caller: Caller
    targets: Sequence[Target]
    first: int
    last: int
    started: float
    progress: Progress
    task: Task | None = None


class ScanService:
    """Runs scans, a stretch at a time and in turn with the wallets that catch up."""

    def __init__(
        self,
        index: IndexStore,
        stepper: Stepper,
        mempool: Mempool,
        wallets: WalletService,
        vault: Vault,
        turns: Turns,
        compute: Compute,
        tasks: Tasks,
        clock: Clock,
        network: Network,
    ) -> None:
        self._index = index
        self._stepper = stepper
        self._mempool = mempool
        self._wallets = wallets
        self._vault = vault
        self._turns = turns
        self._compute = compute
        self._tasks = tasks
        self._clock = clock
        self._network = network
        self._scans: dict[str, Scan] = {}
        self._sessions: set[str] = set()

    @handles(ScanRequest)
    async def scan(self, request: ScanRequest, caller: Caller) -> ScanProgress:
        """Start a scan; its progress and its result follow."""
        targets = await self._targets(request, caller)
        await self._check_range(request.from_block, request.to_block)
        if sum(scan.caller is caller for scan in self._scans.values()) >= MOST_SCANS:
            raise Problem(Code.LIMIT_EXCEEDED, f"{MOST_SCANS} scans of this session are under way: await or cancel one")
        first, last = request.from_block, request.to_block
        progress = Progress(first, last, first - 1, None, None)
        started = self._clock.monotonic()
        scan = Scan(self._vault.name(), request.id, caller, targets, first, last, started, progress)
        self._scans[scan.scan_id] = scan
        scan.task = caller.beside("scan", self._run(scan))
        if caller.session_id not in self._sessions:
            self._sessions.add(caller.session_id)
            caller.at_end(lambda: self._ended(caller.session_id))
        return progress_message(progress, scan.scan_id, request.id)

    @handles(ScanCancel)
    async def cancel(self, request: ScanCancel, caller: Caller) -> ScanProgress:
        """Stop a scan of this session."""
        scan = self._scans.get(request.scan_id)
        if scan is None or scan.caller is not caller:
            raise Problem(Code.NOT_FOUND, "no such scan is under way in this session; it may have ended")
        del self._scans[request.scan_id]
        if scan.task is not None:
            scan.task.cancel()
        return progress_message(scan.progress, scan.scan_id, request.id, cancelled=True)

    async def _targets(self, request: ScanRequest, caller: Caller) -> list[Target]:
        """Who is scanned for. Problem for an address whose keys nobody gave, or for more keys than one request may bring."""
        if sum(1 + len(keys.labels) for keys in request.scan_keys) > MOST_KEYS:
            raise invalid("scan_keys", f"at most {MOST_KEYS} keys and labels together")
        given = [
            await self._compute.run(
                checked_keys,
                keys.scan_private_key.reveal(),
                keys.spend_public_key,
                keys.labels,
                f"scan_keys[{number}].",
            )
            for number, keys in enumerate(request.scan_keys)
        ]
        wanted = request.addresses or [address_of(keys, self._network) for keys in given]
        if not wanted:
            raise invalid("addresses", "at least one silent payment address, or scan_keys")
        known = [*given, *(wallet.keys for wallet in self._wallets.held_by(caller))]
        for number, address in enumerate(wanted):
            self._check_address(address, number)
        found = await self._compute.run(find_targets, [address.lower() for address in wanted], known, self._network)
        return [
            _known(target, address, number) for number, (target, address) in enumerate(zip(found, wanted, strict=True))
        ]

    def _check_address(self, address: str, number: int) -> None:
        """Problem for what is no address, or one of another network."""
        field = f"addresses[{number}]"
        try:
            hrp = decode_address(address).hrp
        except ValueError as error:
            raise invalid(field, "a silent payment address", f"{field}: {error}", value=address) from None
        if hrp != _hrp(self._network):
            wanted = f"an address of network {self._network} ({_hrp(self._network)}1…)"
            raise invalid(field, wanted, f"{field} is of another network: expected {wanted}", value=address)

    async def _check_range(self, first: int, last: int) -> None:
        """Problem unless all these blocks are indexed."""
        if first > last:
            raise invalid("to_block", f"at least from_block ({first})", value=last)
        bounds = await self._index.bounds()
        if bounds is None:
            raise unavailable("no block is indexed yet; see /health for how far the index is")
        lowest, highest = bounds
        if first < lowest or last > highest:
            message = f"blocks {lowest} to {highest} are indexed, not {first} to {last}"
            raise unavailable(message, first_block=lowest, last_block=highest)

    async def _run(self, scan: Scan) -> None:
        try:
            for number, target in enumerate(scan.targets):
                holdings = await self._patiently(scan, target)
                await self._answer(scan, target, holdings, number == len(scan.targets) - 1)
        except Problem as problem:
            scan.caller.tell(_refusal(problem, scan.request_id))
        finally:
            self._forget(scan)

    def _ended(self, session_id: str) -> None:
        """A session is gone, and its scans with it, those too that had not begun."""
        self._sessions.discard(session_id)
        for scan in [scan for scan in self._scans.values() if scan.caller.session_id == session_id]:
            self._forget(scan)

    def _forget(self, scan: Scan) -> None:
        self._scans.pop(scan.scan_id, None)

    async def _patiently(self, scan: Scan, target: Target) -> Holdings:
        """The result for one target; waits for a node that is away, and starts again when a reorganisation got in between."""
        for _ in range(TRIES):
            try:
                holdings = await self._look(scan, target)
                if holdings is not None:
                    return holdings
            except Unavailable as reason:
                why = str(reason)
                await self._tasks.sleep(PAUSE)
            else:
                why = "the chain was reorganised again and again"
        raise unavailable(f"the scan could not be finished: {why}")

    async def _look(self, scan: Scan, target: Target) -> Holdings | None:
        """What was found from the first block to the last and is spent up to the tip; None if the chain changed meanwhile."""
        holdings = Holdings()
        height, previous = scan.first, BlockHash(b"")
        tip = await self._index.tip()
        while tip is not None and height <= tip.height:
            search = height <= scan.last
            stretch = await self._stretch(target, height, scan.last if search else tip.height, search)
            rows = stretch.rows
            if not rows or (previous and rows[0].prev_hash != previous):
                return None
            await self._step(holdings, target, stretch, tip.height)
            self._report(scan, min(rows[-1].height, scan.last))
            height, previous = rows[-1].height + 1, rows[-1].hash
            if height > scan.last and not holdings.outputs:
                break
        return holdings if await self._index.hash_at(height - 1) == previous else None

    async def _stretch(self, target: Target, first: int, last: int, search: bool) -> Stretch:
        """The next blocks, with the heavy work done in turn; past the range only spends are looked for."""

        async def prepare() -> Stretch:
            rows = await read_stretch(self._index, target.keys, first, last)
            return await (self._stepper.prepare(target.keys, rows) if search else self._stepper.spends_only(rows))

        return await self._turns.take(prepare)

    async def _step(self, holdings: Holdings, target: Target, stretch: Stretch, tip_height: int) -> None:
        number = 0
        while number < len(stretch.rows):
            draft = Draft(holdings, "", target.address)
            number = await self._stepper.draft(draft, target.keys, stretch, tip_height, number)
            holdings.absorb(draft.outputs)

    def _report(self, scan: Scan, done: int) -> None:
        """Say how far the scan is; once for every stretch."""
        if done == scan.progress.block:
            return
        seconds = self._clock.monotonic() - scan.started
        rate = (done - scan.first + 1) / seconds if seconds > 0 else None
        remaining = (scan.last - done) / rate if rate else None
        scan.progress = Progress(scan.first, scan.last, done, rate, remaining)
        scan.caller.tell(progress_message(scan.progress, scan.scan_id, scan.request_id))

    async def _answer(self, scan: Scan, target: Target, holdings: Holdings, last_target: bool) -> None:
        found = [
            self._found(output)
            for output in sorted(holdings.outputs.values(), key=_place)
            if output.standing is Standing.CONFIRMED and output.reuse_of is None
            if target.label is None or output.label == target.label
        ]
        pages = [found[start : start + PAGE] for start in range(0, len(found), PAGE)] or [[]]
        for number, page in enumerate(pages):
            more = not (last_target and number == len(pages) - 1)
            result = AddressResult(address=target.address, transactions=tuple(page))
            scan.caller.tell(scan_response(scan, result, more))
            await scan.caller.room()

    def _found(self, output: Output) -> FoundTransaction:
        assert output.block is not None, "a confirmed output has its block"
        spender = self._mempool.spends.get(output.outpoint)
        spent_by = output.spent_by or (spender.spender if spender else None)
        return FoundTransaction(
            txid=display(output.outpoint[:32]),
            vout=int.from_bytes(output.outpoint[32:], "little"),
            amount=btc(output.value),
            amount_sats=output.value,
            block_height=output.block.height,
            block_hash=display(output.block.hash),
            timestamp=output.time,
            label=output.label,
            spent=spent_by is not None,
            spent_by=display(spent_by) if spent_by else None,
            tweak=output.tweak.hex(),
            output_tweak=output.output_tweak.hex(),
            output=output.key.hex(),
            ambiguous=output.ambiguous,
        )


def find_targets(addresses: Sequence[str], known: Sequence[Keys], network: Network) -> list[Target | None]:
    """The wallet of each address, by its own address or, if it is none, by a labelled one; None where nobody gave its keys."""
    targets = {address: Target(address, keys) for keys in known for address in [address_of(keys, network)]}
    if not targets.keys() >= set(addresses):
        targets = dict(_labelled(known, network)) | targets
    return [targets.get(address) for address in addresses]


def _labelled(known: Sequence[Keys], network: Network) -> Iterator[tuple[str, Target]]:
    for keys in known:
        for label in keys.labels:
            address = labelled_address(keys.scan_secret, keys.spend_key, label, _hrp(network))
            yield address, Target(address, keys, label)


def _known(target: Target | None, address: str, number: int) -> Target:
    if target is not None:
        return target
    field = f"addresses[{number}]"
    raise invalid(
        field,
        "an address of a wallet this session holds, or of the scan_keys given",
        f"{field}: an address alone cannot be scanned for: register the wallet, or give its scan_keys",
        value=address,
    )


def _hrp(network: Network) -> str:
    return "sp" if network is Network.MAIN else "tsp"


def scan_response(scan: Scan, result: AddressResult, more: bool) -> ScanResponse:
    """One part of a scan's result."""
    return ScanResponse(
        id=UNSET if scan.request_id is None else scan.request_id,
        scan_id=scan.scan_id,
        from_block=scan.first,
        to_block=scan.last,
        results=(result,),
        more=more,
    )


def _refusal(problem: Problem, request_id: str | None) -> Error:
    return Error(
        id=UNSET if request_id is None else request_id,
        error_code=problem.code,
        message=problem.message,
        details=problem.details,
    )


def _place(output: Output) -> int:
    return output.block.height if output.block else 0
