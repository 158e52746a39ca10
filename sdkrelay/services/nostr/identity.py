"""What a conversation has proved of itself (NIP-42), and what follows for what it may ask (NIP-17, NIP-59)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ...domain.nostr import kinds
from ...domain.nostr.event import Event
from ...domain.nostr.filter import Filter
from ...domain.nostr.proof import check_auth
from ...domain.nostr.refusal import Prefix, Refusal
from ...ports import Clock, Entropy

#: Random bytes of a challenge, and keys that one conversation may prove.
CHALLENGE_BYTES, MOST_KEYS = 32, 100


class Proved:
    """The challenge of one conversation and the keys it has proved; all of them count."""

    def __init__(self, urls: Callable[[], Collection[str]], entropy: Entropy, clock: Clock) -> None:
        self._urls = urls
        self._clock = clock
        self.challenge = entropy.bytes(CHALLENGE_BYTES).hex()
        self.readers: frozenset[str] = frozenset()

    def prove(self, event: Event) -> None:
        """Count the key from now on; Refusal (invalid, restricted) if the event proves none."""
        pubkey = check_auth(event, challenge=self.challenge, relays=self._urls(), now=self._clock.now())
        if len(self.readers) >= MOST_KEYS and pubkey not in self.readers:
            raise Refusal(Prefix.RESTRICTED, f"a connection proves at most {MOST_KEYS} keys")
        self.readers |= {pubkey}

    def may_ask(self, filters: Iterable[Filter], auth_required: bool) -> None:
        """Refusal (auth-required, restricted) for a question that could find nothing but what is not shown to this client."""
        if auth_required and not self.readers:
            raise Refusal(Prefix.AUTH_REQUIRED, "prove a key first")
        for wanted in filters:
            self._check(wanted)

    def _check(self, wanted: Filter) -> None:
        if not wanted.kinds or not wanted.kinds <= kinds.PRIVATE:
            return
        if not self.readers:
            raise Refusal(Prefix.AUTH_REQUIRED, "gift wraps are shown to those they are for")
        named = dict(wanted.tags).get("p")
        if named is not None and not named & self.readers:
            raise Refusal(Prefix.RESTRICTED, "these gift wraps are for others")
