"""The original relay's ``key=value`` file, understood as the settings it means here.

It is told from TOML by a top-level ``core_url``, which no file of ours has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from attrs import frozen

from .model import without_credentials

#: Which of our keys each of theirs sets.
KEYS = {
    "core_url": "bitcoin_core.url",
    "cookie_path": "bitcoin_core.cookie_path",
    "wallet_name": "bitcoin_core.wallet",
    "core_wallet": "bitcoin_core.wallet",
    "zmq_url": "bitcoin_core.zmq_url",
    "ws_url": "ws_url",
    "http_url": "http_url",
    "network": "network",
    "data_dir": "data_dir",
}
#: How others call the networks.
_NETWORKS = {"mainnet": "main", "bitcoin": "main", "testnet": "test", "testnet3": "test"}
_TOP_LEVEL = re.compile(r"^[ \t]*core_url[ \t]*=", re.MULTILINE)
_FIRST_SECTION = re.compile(r"^[ \t]*\[", re.MULTILINE)


@frozen
class Original:
    """What such a file says: our settings by key path, as text, and a warning for every line without use."""

    settings: Mapping[str, str]
    warnings: tuple[str, ...]


def is_original(text: str) -> bool:
    """Whether a file's text is of the original's kind: it has ``core_url`` before any section."""
    section = _FIRST_SECTION.search(text)
    return _TOP_LEVEL.search(text, 0, section.start() if section else len(text)) is not None


def read_original(text: str) -> Original:
    """Its settings; the last of two equal keys counts, an empty value stands for the default. Never raises."""
    settings: dict[str, str] = {}
    warnings: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        name, equals, rest = line.strip().partition("=")
        if not name or name.startswith(("#", ";")):
            continue
        key, value = KEYS.get(name.strip()), _unquoted(rest)
        if not equals or key is None:
            warnings.append(f"line {number}: {_shown(name)} has no use here and is ignored")
        elif value:
            settings.update(_ours(key, value))
    return Original(settings, tuple(warnings))


def _shown(name: str) -> str:
    """The name on a line, as far as it can be one; anything else is not repeated, it may be a secret."""
    return name.strip() if re.fullmatch(r"\s*[A-Za-z_]{1,40}\s*", name) else "this"


def _unquoted(text: str) -> str:
    """The value: what stands between quotes, else the line up to a comment."""
    quoted = re.match(r"""\s*(["'])(.*?)\1""", text)
    return quoted[2].strip() if quoted else re.split(r"\s[#;]", text, maxsplit=1)[0].strip()


def _ours(key: str, value: str) -> dict[str, str]:
    if key == "network":
        return {key: _NETWORKS.get(value.lower(), value.lower())}
    if key in ("ws_url", "http_url"):
        return {key: re.sub(r"^(wss?|https?)://", "", value).rstrip("/")}
    if key == "bitcoin_core.url":
        return _node(value if "://" in value else f"http://{value}")
    return {key: value}


def _node(url: str) -> dict[str, str]:
    """The address, and the user and password that may stand inside it."""
    settings = {"bitcoin_core.url": without_credentials(url).rstrip("/")}
    head, at, _ = url.rpartition("@")
    user, _, password = head.partition("://")[2].partition(":")
    given = {"bitcoin_core.user": user, "bitcoin_core.password": password} if at and _is_url(url) else {}
    return settings | {key: unquote(value) for key, value in given.items() if value}


def _is_url(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False
