"""Packages of others for Rust, of which tests read files: some published vectors are in no other registry."""

from __future__ import annotations

import shutil
from functools import cache, partial
from pathlib import Path
from unittest import SkipTest

from sdkrelay.io.bitcoind.obtain import default_cache

from .once import fetch, made_once

_PROJECT = """[package]
name = "wanted"
version = "0.0.0"
edition = "2021"
[lib]
path = "lib.rs"
[dependencies]
{name} = {{ version = "={release}", default-features = false }}
"""


@cache
def crate(name: str, release: str) -> Path:
    """The folder of a package's sources; SkipTest where there is no cargo, or it cannot fetch the package."""
    cargo = shutil.which("cargo")
    if cargo is None:
        raise SkipTest("cargo is not installed")
    folder = made_once(default_cache() / "crates" / f"{name}-{release}", partial(_fetch, cargo, name, release))
    return folder / "vendor" / name


def _fetch(cargo: str, name: str, release: str, folder: Path) -> None:
    (folder / "Cargo.toml").write_text(_PROJECT.format(name=name, release=release))
    (folder / "lib.rs").touch()
    fetch((f"{name} {release}",), (cargo, "vendor", "--quiet", "vendor"), folder=folder)
