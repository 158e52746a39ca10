"""The relay is killed without warning, again and again, at random moments under load; its client keeps the list.

What the client was told and acknowledged (wallets, notifications with their positions) must hold over every kill: nothing
is lost, nothing is told twice, and the relay answers again within seconds. ``python -m tests.live.chaos --kills 1000``.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.task import react

from sdkrelay.client import Closed, RelayError
from sdkrelay.crypto.secp256k1 import public_key
from sdkrelay.demo.payer import Payer
from sdkrelay.demo.relay import RelayProcess
from sdkrelay.io.bitcoind.process import CallFailed, RegtestNode
from sdkrelay.services.indexing import BULK_DISTANCE
from tests.support.bitcoind import pause, until
from tests.support.live import Place, Stage, aside, confirmed, height, indexed, mine, rich_payer

from .listener import Listener, Owner, folded, folded_chain, scanned

#: Wallets that are registered in the course of time, and what each payment gives.
OWNERS, SATS = 12, 50_000
#: Unconfirmed transactions after which a block is due: bitcoind takes chains of 25 at most.
POOL = 12
#: Seconds from start to an accepted handshake, at most; and after which it is not waited for any more.
BOUND, GIVE_UP = 5.0, 60.0
#: Seconds of a start where the bound was chosen: a slower machine is measured by its first one, which nobody disturbs.
USUAL = 1.5


class Broken(AssertionError):
    """A promise was not kept."""


class Keeper(Listener):
    """The client: before it hears anything, it registers again what it never got an answer for."""

    def __init__(self, relay: RelayProcess) -> None:
        super().__init__(relay)
        self.acknowledged: dict[str, Owner] = {}
        self.unanswered: list[Owner] = []
        self.listens = False

    async def resume(self, greeting: dict[str, Any], first: int) -> None:
        """See that nothing acknowledged is gone, and ask for all that was missed."""
        if set(greeting["wallet_ids"]) != set(self.acknowledged):
            raise Broken(f"acknowledged {sorted(self.acknowledged)}, but {greeting['wallet_ids']} are known")
        while self.unanswered:
            await self.enlist(self.unanswered[0], first)
        await self.connection.request("subscribe", subscriptions=["notifications"], since=self.position)
        self.listens = True

    async def gone(self) -> None:
        """The connection has ended."""
        self.listens = False
        await super().gone()

    async def enlist(self, owner: Owner, first: int) -> None:
        """Register a wallet from the first block on; it is acknowledged once an answer came."""
        if owner not in self.unanswered:
            self.unanswered.append(owner)
        answer = await self._registered(owner, first)
        self.unanswered.remove(owner)
        self.acknowledged[answer["wallet_id"]] = owner

    async def _registered(self, owner: Owner, first: int) -> dict[str, Any]:
        """The relay's answer, once it has asked its bitcoind how high the chain is: it listens a moment before."""
        while True:
            try:
                return await self.register(owner, birthday=first)
            except RelayError as refused:
                if refused.code != "UNAVAILABLE":
                    raise
            await pause(0.05)


@define(eq=False)
class Chaos:
    """One run: a load that never pauses, beside a loop that kills and starts again.

    ``crowd`` is how many programs at worst wanted each processor: where others work too, restarts may take longer.
    """

    node: RegtestNode
    payer: Payer
    relay: RelayProcess
    seed: int
    say: Callable[[str], None]
    source: random.Random = field(init=False)
    keeper: Keeper = field(init=False)
    first: int = field(init=False)
    owners: list[Owner] = field(init=False)
    paid: dict[Place, Owner] = field(factory=dict)
    restarts: list[float] = field(factory=list)
    crowd: float = 0.0
    _running: bool = True
    _failure: BaseException | None = None

    def __attrs_post_init__(self) -> None:
        self.source = random.Random(self.seed)
        self.keeper = Keeper(self.relay)
        self.owners = [Owner(*(self.source.randbytes(31) + b"\1" for _ in range(2))) for _ in range(OWNERS)]
        self.first = height(self.node) + 1

    async def run(self, kills: int) -> None:
        """Kill so many times, let all settle, and check. Broken says which promise was not kept."""
        self.say(f"chaos with seed {self.seed}: {kills} kills")
        await self._start()
        load = Deferred.fromCoroutine(self._load())
        try:
            for number in range(1, kills + 1):
                await self._kill()
                if self._failure is not None:
                    break
                if number % max(1, kills // 20) == 0:
                    self.say(self._progress(number, kills))
        finally:
            self._running = False
            await load
        if self._failure is not None:
            raise self._failure
        await self._settle()
        await self._check()
        self.say(self._progress(kills, kills))
        await self.keeper.go()

    def _progress(self, number: int, kills: int) -> str:
        return (
            f"{number} of {kills} kills, {len(self.paid)} payments, {len(self.keeper.acknowledged)} wallets, "
            f"{len(self.keeper.told)} notifications, height {height(self.node)}, worst restart {max(self.restarts):.2f} s"
        )

    async def _start(self) -> None:
        """Start the relay, at times killing it while it starts; the client returns as soon as it is let in."""
        while self.restarts and self.source.random() < 0.25:
            self.relay.spawn()
            await pause(self.source.uniform(0.05, 1.5))
            self.relay.kill()
        started = time.monotonic()
        self.relay.spawn()
        while not await self._is_back(started):
            if time.monotonic() - started > GIVE_UP:
                raise Broken(f"the relay answers no more:\n{self.relay.log_path.read_text()[-2000:]}")
            await pause(0.02)

    async def _is_back(self, started: float) -> bool:
        try:
            greeting = await self.keeper.come(capabilities=())
            self.restarts.append(time.monotonic() - started)
            self.crowd = max(self.crowd, os.getloadavg()[0] / (os.cpu_count() or 1))
            await self.keeper.resume(greeting, self.first)
        except (ConnectError, Closed):
            await self.keeper.gone()
            return False
        return True

    async def _kill(self) -> None:
        """At a random moment, and back again."""
        await pause(self.source.uniform(0.0, 0.6))
        self.relay.kill()
        await self.keeper.gone()
        await self._start()

    async def _load(self) -> None:
        """Do random things, one after the other, until told to stop; whatever fails is kept for the end."""
        actions = [self._pay] * 8 + [self._mine] * 2 + [self._spend] * 2 + [self._register] * 2 + [self._reorganise]
        try:
            while self._running:
                await self.source.choice(actions)()
                await pause(self.source.uniform(0.0, 0.1))
        except BaseException as failure:
            self._failure = failure

    async def _pay(self) -> None:
        """One or two outputs to somebody, at times from taproot inputs."""
        if len(await aside(self.node.call, "getrawmempool")) >= POOL:
            await self._mine()
        owner, count = self.source.choice(self.owners), self.source.randint(1, 2)
        with suppress(CallFailed):
            txid = await aside(self.payer.pay, [(owner.address, SATS)] * count, self.source.random() < 0.2)
            self.paid.update({(txid, vout): owner for vout in range(count)})

    async def _mine(self) -> None:
        """A block or two, unless the relay, which lives for moments only, is so far behind that it will tell no single ones."""
        told = self.keeper.heard("block_mined")
        if height(self.node) - (told[-1]["block_height"] if told else self.first) < BULK_DISTANCE // 2:
            await aside(mine, self.node, self.payer.address, self.source.choice([1, 1, 1, 2]))

    async def _spend(self) -> None:
        """Something that the client was told of is spent, unless it is already, or not there any more."""
        known = [one for one in self.keeper.heard("payment_confirmed") if one["wallet_id"] in self.keeper.acknowledged]
        if known:
            data = self.source.choice(known)
            with suppress(CallFailed):
                await aside(self.payer.spend, self.keeper.acknowledged[data["wallet_id"]].coin(data))

    async def _register(self) -> None:
        """One wallet more, if the client is there; it may get no answer."""
        waiting = self.keeper.unanswered or len(self.keeper.acknowledged) == OWNERS
        if not waiting and self.keeper.listens and self.source.random() < 0.6:
            with suppress(Closed):
                await self.keeper.enlist(self.owners[len(self.keeper.acknowledged)], self.first)

    async def _reorganise(self) -> None:
        """Now and then a few blocks are replaced by one more."""
        depth = self.source.randint(1, 4)
        if self.source.random() < 0.5 and height(self.node) - depth >= self.first:
            lost = await aside(self.node.call, "getblockhash", height(self.node) - depth + 1)
            await aside(self.node.call, "invalidateblock", lost)
            # To somebody else, for else they could be the same blocks, which are invalid now.
            somebody = self.payer.key_address(public_key(self.source.randbytes(32))[1:])
            await aside(mine, self.node, somebody, depth + 1)

    async def _settle(self) -> None:
        """The last wallets are registered, a last block is mined, and everything is told."""
        for owner in self.owners[len(self.keeper.acknowledged) :]:
            await self.keeper.enlist(owner, self.first)
        [last] = await aside(mine, self.node, self.payer.address)
        await indexed(self.relay, 60.0)
        await self.keeper.hear("block_mined", 60.0, block_hash=last)
        truth = await aside(confirmed, self.node, self.paid, self.first)
        await until(lambda: folded(self.keeper.told) == truth or self.keeper.closed, "what was told is the truth", 60.0)

    async def _check(self) -> None:
        """Told, scanned and true are the same; nothing was told twice; every restart was quick."""
        truth = await aside(confirmed, self.node, self.paid, self.first)
        promise(folded(self.keeper.told) == truth, "what was told, folded, is what is true")
        keys = [owner.keys for owner in self.owners]
        found = scanned(await self.keeper.scan(self.first, height(self.node), scan_keys=keys))
        promise(found == truth, "a fresh scan finds what is true")
        promise(self.keeper.is_ascending(), "positions ascend")
        promise(not self.keeper.repeated(), "each payment is detected once")
        promise(not repetitions(self.keeper.told), "nothing is told twice")
        chain = folded_chain(self.keeper.told)
        hashes = [self.node.call("getblockhash", at) for at in range(self.first, height(self.node) + 1)]
        promise(chain[-len(hashes) :] == hashes, "the blocks told are the chain")
        allowed = BOUND * max(1.0, self.crowd, self.restarts[0] / USUAL)
        promise(
            max(self.restarts) <= allowed, f"it answers within {allowed:.1f} s, not after {max(self.restarts):.2f} s"
        )


def promise(kept: bool, words: str) -> None:
    """Broken unless it was kept."""
    if not kept:
        raise Broken(f"not kept: {words}")


def repetitions(told: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What was told of an output twice without something else about it in between: where it stands, or who spends it."""
    last: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    found = []
    for message in told:
        kind, data = message["notification_type"], message["data"]
        if not kind.startswith("payment_"):
            continue
        spending = kind in ("payment_spent", "payment_unspent")
        about = (data["wallet_id"], data["txid"], data["vout"], spending)
        said = (kind, data["block_hash"], data.get("spent_by"))
        if last.get(about) == said:
            found.append((*about, *said))
        last[about] = said
    return found


async def play(
    stage: Stage, node: RegtestNode, payer: Payer, kills: int, seed: int, say: Callable[[str], None]
) -> None:
    """A whole run. Broken says which promise was not kept, and the seed."""
    relay = stage.relay(node, f"chaos-{seed}")
    try:
        await Chaos(node, payer, relay, seed, say).run(kills)
    except Exception as failure:
        raise Broken(f"with seed {seed}: {failure}") from failure
    finally:
        relay.kill()


def main(arguments: Sequence[str]) -> int:
    """Run it by hand; 0 if every promise was kept."""
    parser = argparse.ArgumentParser("python -m tests.live.chaos", description="Kill the relay again and again.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="decides what is done; when exactly is the machine's")
    options = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    stage = Stage()
    try:
        node = stage.node()
        run = play(stage, node, rich_payer(node), options.kills, seed, tell)
        react(lambda reactor: Deferred.fromCoroutine(run))
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        stage.end()
    return 0


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
