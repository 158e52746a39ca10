"""The wallets a client has: their keys, which are sent to its relays and kept in memory only, and each relay's tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen
from twisted.logger import Logger

from ..crypto.seal import wallet_id_of
from ..crypto.secp256k1 import public_key
from .connection import Connection
from .errors import Insecure, RelayError
from .relay import Relay
from .state import Change

log = Logger()

Answer = dict[str, Any]


@frozen
class Keys:
    """A wallet as it is registered: ``scan_private_key`` finds payments and cannot spend them; it is shown nowhere.

    ``nostr`` is whom the relay tells over Nostr as well: ``pubkey``, and ``relays`` if they are named.
    """

    scan_private_key: str = field(repr=False)
    spend_public_key: str
    labels: tuple[int, ...] = ()
    birthday: int | None = None
    nostr: Mapping[str, Any] | None = None

    @property
    def wallet_id(self) -> str:
        """Its id, the same on every relay. ValueError for keys that are none."""
        try:
            return wallet_id_of(public_key(bytes.fromhex(self.scan_private_key)), bytes.fromhex(self.spend_public_key))
        except ValueError:
            raise ValueError("these are no keys of a wallet: 32 and 33 bytes in hex") from None


class Wallets:
    """Which wallets are wanted, and what each relay has answered for them."""

    def __init__(self, keep: Callable[[Change], None], plain_keys: bool) -> None:
        self._keep = keep
        self._plain_keys = plain_keys
        self._wanted: dict[str, Keys] = {}
        self._unwanted: set[str] = set()
        self._answers: dict[str, dict[str, Answer]] = {}
        self._adopted: dict[str, list[str]] = {}

    def want(self, keys: Keys) -> None:
        """Register this wallet with every relay from now on."""
        wallet_id = keys.wallet_id
        known = self._wanted.get(wallet_id)
        self._wanted[wallet_id] = keys
        if known is not None:
            labels = tuple(sorted({*known.labels, *keys.labels}))
            births = [one.birthday for one in (known, keys) if one.birthday is not None]
            contact = keys.nostr or known.nostr
            self._wanted[wallet_id] = Keys(*_raw(keys), labels, min(births, default=None), contact)
        if wallet_id in self._unwanted:
            self._put({"kind": "unwanted", "wallet_id": wallet_id, "is": False})

    def unwant(self, wallet_id: str) -> None:
        """Register it nowhere any more, and let every relay forget it."""
        self._wanted.pop(wallet_id, None)
        self._put({"kind": "unwanted", "wallet_id": wallet_id, "is": True})

    def drop(self, wallet_id: str) -> None:
        """Forget the keys: the relay has refused them."""
        self._wanted.pop(wallet_id, None)

    def adopt(self, relay: Relay, tokens: Iterable[str]) -> None:
        """Tokens from elsewhere, which hold on this relay."""
        for token in tokens:
            if token not in self._adopted.get(relay.ws_url, ()):
                self._put({"kind": "token", "relay": relay.ws_url, "token": token})

    def answer(self, relay: Relay, keys: Keys) -> Answer | None:
        """What this relay answered when the wallet was registered with all that is wanted of it; None if it was not."""
        answer = self._answers.get(relay.ws_url, {}).get(keys.wallet_id)
        if answer is None or not set(keys.labels) <= set(answer["labels"]):
            return None
        early = keys.birthday is None or (answer["asked"] is not None and answer["asked"] <= keys.birthday)
        told = keys.nostr is None or answer.get("nostr") == keys.nostr
        return answer if early and told else None

    def token(self, relay: Relay, wallet_id: str) -> str | None:
        """This relay's token for a wallet."""
        answer = self._answers.get(relay.ws_url, {}).get(wallet_id)
        return None if answer is None else answer["wallet_token"]

    def tokens(self, relay: Relay) -> list[str]:
        """All tokens for this relay."""
        own = [answer["wallet_token"] for answer in self._answers.get(relay.ws_url, {}).values()]
        return [*own, *self._adopted.get(relay.ws_url, ())]

    def taken(self, relay: Relay, wallet_ids: Iterable[str]) -> None:
        """The relay took the tokens of these wallets in the handshake; the tokens of others hold no longer."""
        for wallet_id in set(self._answers.get(relay.ws_url, {})) - set(wallet_ids):
            self._put({"kind": "wallet", "relay": relay.ws_url, "wallet_id": wallet_id, "answer": None})

    def is_settled(self, relay: Relay) -> bool:
        """Whether this relay has all wallets that are wanted, and none that is not."""
        return not (self._missing(relay) or self._surplus(relay))

    async def settle(self, connection: Connection, relay: Relay) -> bool:
        """Register what this relay does not have, let it forget what is not wanted; False if it refuses some of it."""
        settled = True
        for keys in self._missing(relay):
            settled &= await self._tried(self.register(connection, relay, keys))
        for wallet_id in self._surplus(relay):
            settled &= await self._tried(self.unregister(connection, relay, wallet_id))
        return settled

    async def register(self, connection: Connection, relay: Relay, keys: Keys) -> Answer:
        """Register one wallet; the answer, which is kept. Insecure where others could read the keys."""
        self.check(relay)
        birthday = self._birthday(keys)
        wanted: dict[str, Any] = {"birthday": birthday, "nostr": keys.nostr}
        fields = {name: value for name, value in wanted.items() if value is not None}
        answer = await connection.request(
            "register_wallet",
            scan_private_key=keys.scan_private_key,
            spend_public_key=keys.spend_public_key,
            labels=keys.labels,
            **fields,
        )
        if answer.get("wallet_id") != keys.wallet_id or not isinstance(answer.get("wallet_token"), str):
            raise RelayError("UNKNOWN", "the relay registered another wallet than the one asked for")
        kept = {**answer, "asked": birthday, "labels": list(answer.get("labels") or ()), "nostr": keys.nostr}
        self._put({"kind": "wallet", "relay": relay.ws_url, "wallet_id": keys.wallet_id, "answer": kept})
        return kept

    async def unregister(self, connection: Connection, relay: Relay, wallet_id: str) -> Answer:
        """Let this relay forget a wallet; one that it does not know is forgotten."""
        try:
            answer = await connection.request("unregister_wallet", wallet_id=wallet_id)
        except RelayError as refused:
            if refused.code != "NOT_FOUND":
                raise
            answer = {"type": "wallet_unregistered", "wallet_id": wallet_id}
        self._put({"kind": "wallet", "relay": relay.ws_url, "wallet_id": wallet_id, "answer": None})
        return answer

    def check(self, relay: Relay) -> None:
        """Insecure if private keys must not be sent to this relay."""
        if not (relay.is_protected or self._plain_keys):
            raise Insecure(f"private keys are not sent to {relay.ws_url}: it is neither wss:// nor this machine")

    def apply(self, change: Change) -> None:
        """Make a change that was kept."""
        if change["kind"] == "wallet":
            answers = self._answers.setdefault(change["relay"], {})
            answers.pop(change["wallet_id"], None)
            if change["answer"] is not None:
                answers[change["wallet_id"]] = change["answer"]
        elif change["kind"] == "token":
            self._adopted.setdefault(change["relay"], []).append(change["token"])
        elif change["kind"] == "unwanted":
            (self._unwanted.add if change["is"] else self._unwanted.discard)(change["wallet_id"])

    def changes(self) -> Iterable[Change]:
        """The changes that make what is known now."""
        for relay, answers in self._answers.items():
            for wallet_id, answer in answers.items():
                yield {"kind": "wallet", "relay": relay, "wallet_id": wallet_id, "answer": answer}
        for relay, tokens in self._adopted.items():
            for token in tokens:
                yield {"kind": "token", "relay": relay, "token": token}
        for wallet_id in self._unwanted:
            yield {"kind": "unwanted", "wallet_id": wallet_id, "is": True}

    def _missing(self, relay: Relay) -> list[Keys]:
        return [keys for keys in self._wanted.values() if self.answer(relay, keys) is None]

    def _surplus(self, relay: Relay) -> list[str]:
        return [wallet_id for wallet_id in self._answers.get(relay.ws_url, {}) if wallet_id in self._unwanted]

    def _birthday(self, keys: Keys) -> int | None:
        """What is asked for; for a wallet that was new, what the first relay made of that."""
        if keys.birthday is not None:
            return keys.birthday
        births = [
            answers[keys.wallet_id].get("birthday") for answers in self._answers.values() if keys.wallet_id in answers
        ]
        return min((birth for birth in births if isinstance(birth, int)), default=None)

    async def _tried(self, work: Any) -> bool:
        try:
            await work
        except (Insecure, RelayError) as refused:
            log.warn("a wallet cannot be registered or forgotten: {refused}", refused=refused)
            return False
        return True

    def _put(self, change: Change) -> None:
        self.apply(change)
        self._keep(change)


def _raw(keys: Keys) -> tuple[str, str]:
    return keys.scan_private_key, keys.spend_public_key
