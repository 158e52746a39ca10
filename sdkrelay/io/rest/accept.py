"""Which of several media types a client would rather have, by its ``Accept`` header (RFC 9110 §12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

#: So many ranges of the header are looked at.
MOST = 32


def preferred(accept: str | None, offers: Sequence[str]) -> str:
    """The offer with the highest quality, the earliest of equals; the first one without a header, or if none is accepted."""
    ranges = [_range(text) for text in (accept or "").lower().split(",")[:MOST]]
    return max(offers, key=lambda offer: _quality(offer, ranges), default="")


def _range(text: str) -> tuple[str, float]:
    """A media range without parameters, and its quality; 0 for one out of form."""
    media, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return media, _weight(value.strip())
    return media, 1.0


def _weight(text: str) -> float:
    """A quality from 0 to 1; what is none counts as 0."""
    digits = text.replace(".", "", 1)
    return min(float(text), 1.0) if digits.isascii() and digits.isdigit() and len(text) <= 5 else 0.0


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range which matches; 0 if none does."""
    wide = f"{offer.partition('/')[0]}/*"
    for wanted in (offer, wide, "*/*"):
        found = [quality for media, quality in ranges if media == wanted]
        if found:
            return max(found)
    return 0.0
