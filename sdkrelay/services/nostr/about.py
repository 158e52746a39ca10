"""What the relay says of itself (NIP-11): only what is switched on, and every number the enforced one."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ...messages.nostr.client import LONGEST_NAME
from ...messages.nostr.information import Information, Limitation
from .limits import Features, NostrLimits
from .lists import ALLOWED_KEYS, ALLOWED_KINDS, DETAILS, Lists

#: Served whatever the settings are: basics, deletion, expiry, work, gift wraps, AUTH, vanishing, protected events.
ALWAYS = (1, 9, 11, 13, 17, 40, 42, 59, 62, 70)
SOFTWARE = "https://pypi.org/project/sdkrelay/"


@frozen
class Card:
    """What the settings say for people; NIP-86 may say otherwise of name, description and icon. Empty is not said."""

    name: str = ""
    description: str = ""
    icon: str = ""
    banner: str = ""
    pubkey: str = ""
    contact: str = ""
    terms_of_service: str = ""


class About:
    """Makes the document; ``own_key`` is the relay's own public key in hex, None where it has none."""

    def __init__(
        self,
        card: Card,
        version: str,
        own_key: str | None,
        lists: Lists,
        limits: Callable[[], NostrLimits],
        features: Callable[[], Features],
    ) -> None:
        self._card = card
        self._version = version
        self._own_key = own_key
        self._lists = lists
        self._limits = limits
        self._features = features

    def document(self) -> Information:
        """As things stand now."""
        card = self._card
        return Information(
            name=self._detail("name") or None,
            description=self._detail("description") or None,
            icon=self._detail("icon") or None,
            banner=card.banner or None,
            pubkey=card.pubkey or None,
            self_key=self._own_key,
            contact=card.contact or None,
            terms_of_service=card.terms_of_service or None,
            supported_nips=self.nips(),
            software=SOFTWARE,
            version=self._version,
            limitation=self._limitation(),
        )

    def nips(self) -> tuple[int, ...]:
        """The numbers of what works."""
        features = self._features()
        switched = {
            45: features.count,
            50: features.search,
            67: features.hints,
            77: features.reconcile,
            86: features.manage,
            98: features.manage,
        }
        return tuple(sorted((*ALWAYS, *(number for number, works in switched.items() if works))))

    def _detail(self, name: str) -> str:
        changed = self._lists.reason(DETAILS, name)
        return getattr(self._card, name) if changed is None else changed

    def _limitation(self) -> Limitation:
        limits, lists = self._limits(), self._lists
        return Limitation(
            max_message_length=limits.message,
            max_subscriptions=limits.subscriptions,
            max_limit=limits.max_limit,
            default_limit=limits.default_limit,
            max_subid_length=LONGEST_NAME,
            max_event_tags=limits.tags,
            max_content_length=limits.content,
            min_pow_difficulty=limits.work,
            auth_required=limits.auth_required,
            payment_required=False,
            restricted_writes=bool(lists.all(ALLOWED_KEYS) or lists.all(ALLOWED_KINDS)),
            created_at_lower_limit=limits.past,
            created_at_upper_limit=limits.future,
        )
